//! What is said about a run that failed, and what is kept of it: a failure that explains itself.
//!
//! A failing seed is of little use to somebody who has to find its cause in a hundred thousand lines.
//! So a run that failed is run again with its lines on, and leaves a page, `report.html`, that can be read
//! by who did not write the code: the verdict in plain words, the two events that contradict each other,
//! what each node and client did about then, and on request from which moment on it could not end well.
//!
//! ```text
//!   plan ─┐
//!   lines ├──► model ────────────────────────────────► page ──► report.html
//!   history┘    line: a line of the trace, read         template, style and script,
//!               lanes: role, term, progress, syncs      with the model as JSON in it
//!               mail: which sending arrived where
//!               clients, points: operations, and when they took effect
//!               evidence: what contradicts what, and the story around it
//!               thin: what a small page leaves out
//!               words: oracles, faults, plans in words
//!               likelihood: many runs that part at one moment
//! ```
//!
//! Invariants:
//! 1. The page is one file and asks nobody for anything: no network, no fonts, no libraries.
//! 2. It is made of the plan, the lines and the history alone; two reports of a plan are equal.
//! 3. It stays under 5 MB, and says what it left out.
//! 4. Nothing in a trace can become markup: data is JSON without `<`, and the script writes texts.
//! 5. Faults and oracles that it has never heard of are shown as they are written, not left out.
//!
//! Left out: chunks of snapshots as arrows (their arrival is not an event); why a message was lost; the moment at which a leader gives up without hearing of another one.

mod clients;
mod evidence;
mod lanes;
mod likelihood;
mod line;
mod mail;
mod model;
mod page;
mod points;
mod text;
mod thin;
mod words;

#[cfg(test)]
mod tests;

use std::{io, path::PathBuf};

pub use likelihood::{Likelihood, Point, likelihood};
pub use text::{report, summary};

use crate::{plan::Plan, run::run, world::Outcome};
use model::{Page, Remains};

/// The page of a run; after shrinking that of the small plan, and another one of the whole one.
const PAGE: &str = "report.html";
const WHOLE_PAGE: &str = "whole.html";

/// A plan that was shrunk.
const SMALL: &str = "min.json";

/// Where failures are kept, one directory a seed; as it is said, and as it is found from anywhere.
const PLACE: &str = "target/sim";
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The page of a run with its lines on, as one file of HTML.
pub fn html(plan: &Plan, outcome: &Outcome) -> String {
    page::render(&model(plan, outcome, &name(plan)))
}

/// Runs `plan`, which is called `name` on the command line, measures the curve of likelihood on `jobs` threads
/// if there are any, and saves the page. Answers where, and what the run came to.
pub fn make(plan: &Plan, name: &str, jobs: Option<usize>) -> io::Result<(PathBuf, Outcome)> {
    let outcome = run(plan, true);
    let mut page = model(plan, &outcome, name);
    let failed = jobs.zip(outcome.violation.as_ref());
    page.likelihood = failed.map(|(jobs, violation)| {
        let end_ms = page.verdict.us.div_ceil(1_000);
        likelihood(plan, violation.oracle, end_ms, jobs)
    });
    let place = save(plan, &[(PAGE, &page::render(&page))])?;
    Ok((place.join(PAGE), outcome))
}

/// Keeps what is left of `plan`, which is called `name` on the command line, after shrinking: `min.json`, a page of its run, and one of the run of the whole
/// plan, each with a link to the other. Answers the directory.
pub fn keep(plan: &Plan, name: &str, small: &Plan) -> io::Result<PathBuf> {
    let place = format!("{PLACE}/{}", plan.seed);
    let page = |plan: &Plan, name: &str, text, link| {
        let mut page = model(plan, &run(plan, true), name);
        page.other = Some((text, link));
        page::render(&page)
    };
    let small_name = format!("{place}/{SMALL}");
    let small_page = page(
        small,
        &small_name,
        "The whole run, as it was before shrinking",
        WHOLE_PAGE,
    );
    let whole_page = page(plan, name, "The shrunk run, with little in it", PAGE);
    let files = [
        (SMALL, &*small.to_json()),
        (PAGE, &small_page),
        (WHOLE_PAGE, &whole_page),
    ];
    save(plan, &files)
}

fn model(plan: &Plan, outcome: &Outcome, name: &str) -> Page {
    let verdict = outcome.violation.as_ref();
    let remains = Remains {
        plan,
        lines: &outcome.lines,
        history: &outcome.history,
        verdict: verdict.map(|violation| (violation.oracle, violation.what.as_str())),
        name,
    };
    model::page(&remains)
}

/// What a plan is called on the command line: its seed, if that draws it, or the file that it is saved in.
fn name(plan: &Plan) -> String {
    match *plan == Plan::draw(plan.seed) {
        true => plan.seed.to_string(),
        false => format!("{PLACE}/{}/plan.json", plan.seed),
    }
}

/// Writes files into the directory of a plan. Answers its name.
#[expect(clippy::disallowed_methods, reason = "reports go to the real disk")]
fn save(plan: &Plan, files: &[(&str, &str)]) -> io::Result<PathBuf> {
    let name = PathBuf::from(PLACE).join(plan.seed.to_string());
    let place = PathBuf::from(ROOT).join(&name);
    std::fs::create_dir_all(&place)?;
    for (file, text) in files {
        std::fs::write(place.join(file), text)?;
    }
    Ok(name)
}
