//! What is said about a run that failed, and what is kept of it.

use std::fmt::Write;

use super::{html, save};
use crate::{plan::Plan, run::run, trace::parting, world::Outcome};

/// How many of the last events tell the story.
const STORY_LINES: usize = 25;

/// Repeats a failed run with its lines on, saves its plan, its trace and its page, and says what happened.
pub fn report(plan: &Plan, outcome: &Outcome) -> String {
    let again = run(plan, true);
    let mut text = summary(plan, outcome);
    // A run that did not end has no hash.
    let has_ended = outcome.events > 0 && again.events > 0;
    if has_ended && again.hash != outcome.hash {
        let _ = writeln!(
            text,
            "  A second run of the plan is different: DET does not hold."
        );
        text += &parting(&again.lines, &run(plan, true).lines).unwrap_or_default();
    }
    let _ = writeln!(text, "  Its last events (us, who, what):");
    for line in story(&again.lines) {
        let _ = writeln!(text, "    {}", without_padding(line));
    }
    let (plan_json, trace) = (plan.to_json(), again.lines.join("\n") + "\n");
    let page = html(plan, &again);
    let files = [
        ("plan.json", &*plan_json),
        ("trace.jsonl", &trace),
        ("report.html", &page),
    ];
    match save(plan, &files) {
        Ok(place) => {
            let place = place.display();
            let _ = writeln!(
                text,
                "  Plan and trace are in {place}/, and a page to look at: {place}/report.html"
            );
        }
        Err(error) => {
            let _ = writeln!(text, "  Plan, trace and page could not be saved: {error}");
        }
    }
    let _ = writeln!(text, "  Repeat it: cargo sim replay {} --trace", plan.seed);
    text
}

/// The verdict on a failed run, in a few lines.
pub fn summary(plan: &Plan, outcome: &Outcome) -> String {
    let Some(violation) = &outcome.violation else {
        return String::new();
    };
    let mut text = format!("seed {} FAILED, oracle {}\n", plan.seed, violation.oracle);
    for line in violation.what.lines() {
        let _ = writeln!(text, "  {}", without_padding(line));
    }
    let _ = writeln!(
        text,
        "  {} nodes, {} clients, {} of {} faults struck, {} ms simulated",
        plan.nodes,
        plan.clients().len(),
        outcome.strikes.len(),
        plan.faults.len(),
        outcome.simulated_ms,
    );
    text
}

/// Values are padded with dots to their length: one is enough for the eye.
fn without_padding(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for letter in line.chars() {
        if letter != '.' || !text.ends_with('.') {
            text.push(letter);
        }
    }
    text
}

/// The last lines before the violation, without the noise of heartbeats and page caches.
fn story(lines: &[String]) -> Vec<&str> {
    const NOISE: [&str; 7] = [
        "heartbeat",
        "alive",
        "\"received\"",
        "\"wrote\"",
        "\"syncing\"",
        "\"synced\"",
        "\"renamed\"",
    ];
    let end = lines.iter().position(|line| line.contains("\"violation\""));
    let lines = &lines[..end.map_or(lines.len(), |end| end + 1)];
    let told = lines
        .iter()
        .rev()
        .map(String::as_str)
        .filter(|line| !NOISE.iter().any(|noise| line.contains(noise)))
        .take(STORY_LINES);
    let mut told: Vec<&str> = told.collect();
    told.reverse();
    told
}
