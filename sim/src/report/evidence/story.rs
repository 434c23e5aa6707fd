//! What happened around the exhibits, as a list to be read from top to bottom.

use serde::Serialize;

use super::{Case, Exhibit};
use crate::report::{line::Line, words};

/// The most steps beside the exhibits: a story, not a trace.
const STEPS_MAX: usize = 14;

/// A step of the story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::report) struct Chapter {
    /// When, in microseconds.
    pub us: u64,
    /// On whose lane.
    pub lane: String,
    /// What happened.
    pub says: String,
    /// Which exhibit it is, counted from 1; 0 if it is none.
    pub exhibit: usize,
    /// What kind of step: `fault`, `life`, `leader`, `exhibit`.
    pub kind: &'static str,
}

/// The exhibits, and the faults, restarts and elections between the first and the last of them.
pub(in crate::report) fn story(case: &Case<'_>, exhibits: &[Exhibit]) -> Vec<Chapter> {
    let (Some(first), Some(last)) = (exhibits.first(), exhibits.last()) else {
        return Vec::new();
    };
    // A little before the first one: what it came from.
    let from = first.us.saturating_sub((last.us - first.us).max(200_000));
    let around = case
        .lines
        .iter()
        .filter(|line| (from..=last.us).contains(&line.us));
    let shown = |step: &Chapter| {
        exhibits
            .iter()
            .any(|exhibit| (exhibit.us, &exhibit.lane) == (step.us, &step.lane))
    };
    let mut steps: Vec<Chapter> = around
        .filter_map(step)
        .filter(|step| !shown(step))
        .collect();
    let surplus = steps.len().saturating_sub(STEPS_MAX);
    steps.drain(..surplus);
    let numbered = exhibits.iter().zip(1..).map(|(exhibit, number)| Chapter {
        us: exhibit.us,
        lane: exhibit.lane.clone(),
        says: exhibit.says.clone(),
        exhibit: number,
        kind: "exhibit",
    });
    steps.extend(numbered);
    steps.sort_by_key(|step| (step.us, step.exhibit));
    steps
}

fn step(line: &Line) -> Option<Chapter> {
    let (kind, says) = match line.what.as_str() {
        "fault" => ("fault", words::fault(&line.detail["what"]).1),
        "mended" => (
            "fault",
            format!("over: {}", words::fault(&line.detail["what"]).0),
        ),
        "stopped" => ("life", format!("{} ends", line.who)),
        "started" => ("life", format!("{} is started again", line.who)),
        "leader" => ("leader", format!("{} {}", line.who, line.says())),
        "damaged" | "condemned" | "replaced" | "grown" | "removed" if line.node().is_none() => {
            ("life", format!("{} {}", line.what, line.says()))
        }
        "liveness" => ("fault", "everything is healed".to_owned()),
        "created" if line.text("path").ends_with(".table") => {
            ("life", format!("{} makes {}", line.who, line.text("path")))
        }
        "removed" if line.text("path").ends_with(".table") => (
            "life",
            format!("{} has merged {} into others", line.who, line.text("path")),
        ),
        "installed" => ("life", format!("{} installs {}", line.who, line.says())),
        _ => return None,
    };
    let nodes = line.detail["nodes"].as_array().filter(|_| kind == "fault");
    let lane = match nodes.and_then(|nodes| nodes.first()) {
        Some(node) => format!("n{node}"),
        None => line.who.to_string(),
    };
    Some(Chapter {
        us: line.us,
        lane,
        says,
        exhibit: 0,
        kind,
    })
}
