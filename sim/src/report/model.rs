//! A failed run as plain data: what the page shows, and nothing that it does not.
//!
//! Made from the plan, the lines of the trace and the clients' history alone, so it can be made of a
//! saved trace as well, and tested without a run. Times are microseconds since the run began.

use std::collections::BTreeMap;

use serde::Serialize;
use sisyphus::{
    check::{Verdict as Judgement, Violation, check},
    history::{Event, History, OpId},
};

use super::{
    clients::{self, Op},
    evidence::{Case, Chapter, Exhibit, exhibits, story},
    lanes::{Lane, lanes},
    likelihood::Likelihood,
    line::{Line, short},
    mail::letters,
    points, thin,
    words::{self, facts},
};
use crate::{plan::Plan, trace::Source};

/// How many placements the checker may try for one key when the page is made.
const STEPS_MAX: u64 = 500_000;

/// What a run left for its report.
pub(super) struct Remains<'a> {
    /// What was run.
    pub plan: &'a Plan,
    /// The trace's lines.
    pub lines: &'a [String],
    /// What clients saw; may be empty.
    pub history: &'a [Event],
    /// The oracle's name and its sentence, if the run failed.
    pub verdict: Option<(&'a str, &'a str)>,
    /// What to call it on the command line: a seed or a path.
    pub name: &'a str,
}

/// The whole page.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    /// The plan's seed.
    pub seed: u64,
    /// What is wrong, and what shows it.
    pub verdict: Verdict,
    /// What to type next: why, and what.
    pub commands: Vec<(&'static str, String)>,
    /// Another page about the same failure: what it shows, and its file.
    pub other: Option<(&'static str, &'static str)>,
    /// What matters of the plan: names and values.
    pub facts: Vec<(&'static str, String)>,
    /// The faults of the plan, in its order.
    pub faults: Vec<PlannedFault>,
    /// The faults that struck, in the order of time.
    pub strikes: Vec<Strike>,
    /// The nodes.
    pub lanes: Vec<Lane>,
    /// What clients did.
    pub ops: Vec<Op>,
    /// Messages: from, to, sent, arrived or -1, kind by place in `kinds`, row of the sending or -1.
    pub letters: Vec<(u64, u64, u64, i64, usize, i64)>,
    /// Names of kinds of messages and of events.
    pub kinds: Vec<String>,
    /// The events.
    pub rows: Vec<Row>,
    /// Which events are not among them.
    pub omitted: Vec<String>,
    /// When the run ended.
    pub end: u64,
    /// When everything was healed, if it came to that.
    pub healed: Option<u64>,
    /// When it was decided, if that was measured.
    pub likelihood: Option<Likelihood>,
}

/// What is wrong.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    /// Whether anything is.
    pub failed: bool,
    /// The oracle's name.
    pub oracle: String,
    /// What it is called in full.
    pub title: &'static str,
    /// What it demands.
    pub demands: &'static str,
    /// Where that is written.
    pub paper: &'static str,
    /// What it said.
    pub what: String,
    /// When it was seen.
    pub us: u64,
    /// The events that speak for it.
    pub exhibits: Vec<Exhibit>,
    /// These and what happened around them.
    pub story: Vec<Chapter>,
}

/// A fault of the plan, in words.
#[derive(Debug, Serialize)]
pub(super) struct PlannedFault {
    /// Its name, in a word or two.
    pub short: String,
    /// What it does, in a sentence.
    pub story: String,
    /// When it was to strike.
    pub when: String,
    /// Until when it was to last.
    pub until: String,
}

/// A fault that struck.
#[derive(Debug, Serialize)]
pub(super) struct Strike {
    /// Its place in the plan.
    pub place: u64,
    /// Whom it struck.
    pub nodes: Vec<u64>,
    /// Its begin, in microseconds.
    pub from: u64,
    /// Its end.
    pub to: u64,
    /// Its kind, as plans have it.
    pub kind: String,
    /// Its name, in a word or two.
    pub short: String,
    /// What it does, in a sentence.
    pub story: String,
}

/// An event: when, whose, its kind by place in `kinds`, what it says.
#[derive(Debug, Serialize)]
pub(super) struct Row(u64, String, usize, String);

/// Makes the page of a run.
pub(super) fn page(remains: &Remains<'_>) -> Page {
    let lines: Vec<Line> = remains
        .lines
        .iter()
        .filter_map(|line| Line::read(line))
        .collect();
    let end = lines.last().map_or(0, |line| line.us);
    let lanes = lanes(&lines, remains.plan.nodes, end);
    let mut ops = clients::operations(&lines, remains.history);
    let broken = judge(remains.history, &mut ops);
    let verdict = verdict(remains, &lines, &lanes, &ops, broken.as_ref());
    let failed_us = if verdict.failed { verdict.us } else { end };
    let (kept, omitted) = thin::rows(&lines, failed_us, thin::ROWS_MAX);
    let mut kinds = Kinds::default();
    Page {
        seed: remains.plan.seed,
        commands: commands(remains),
        other: None,
        facts: facts(remains.plan),
        faults: remains.plan.faults.iter().map(planned).collect(),
        strikes: strikes(&lines, end),
        letters: mail(&lines, &kept, &mut kinds),
        rows: kept.iter().map(|at| row(&lines[*at], &mut kinds)).collect(),
        kinds: kinds.names,
        healed: lines
            .iter()
            .find(|line| line.what == "liveness")
            .map(|line| line.us),
        verdict,
        lanes,
        ops,
        omitted,
        end,
        likelihood: None,
    }
}

/// Gives operations their points, and answers what no order explains, if there is such a thing.
fn judge(events: &[Event], ops: &mut [Op]) -> Option<Violation> {
    let history = History::pair(events.iter().cloned()).ok()?;
    let broken = match check(&history, STEPS_MAX).verdict {
        Judgement::Violation(violation) => Some(*violation),
        Judgement::Linearizable | Judgement::CannotTell { .. } => None,
    };
    points::accuse(ops);
    let placed = broken.as_ref().map_or(&[][..], |broken| &broken.placed);
    if let Some(broken) = &broken
        && let Ok(at) = ops.binary_search_by_key(&broken.stuck.id, |op| op.op)
    {
        ops[at].illegal = true;
    }
    let placed: Vec<OpId> = placed.iter().map(|operation| operation.id).collect();
    points::place(ops, &history, &placed);
    broken
}

fn verdict(
    remains: &Remains<'_>,
    lines: &[Line],
    lanes: &[Lane],
    ops: &[Op],
    history: Option<&Violation>,
) -> Verdict {
    let (oracle, what) = remains.verdict.unwrap_or_default();
    let accused = lines.iter().position(|line| line.what == "violation");
    let accused = accused.unwrap_or(lines.len());
    let case = Case {
        lines,
        accused,
        oracle,
        what,
        lanes,
        ops,
        history,
    };
    let failed = remains.verdict.is_some();
    let exhibits = if failed { exhibits(&case) } else { Vec::new() };
    let accusing = exhibits
        .iter()
        .filter(|exhibit| exhibit.accuses)
        .map(|exhibit| exhibit.us);
    let spoken = lines
        .get(accused)
        .or(lines.last())
        .map_or(0, |line| line.us);
    let words::Creed {
        title,
        demands,
        paper,
    } = words::creed(oracle);
    Verdict {
        failed,
        oracle: oracle.to_owned(),
        title,
        demands,
        paper,
        what: short(what),
        // What is wrong at the end went wrong when the second of two answers was given.
        us: accusing.max().unwrap_or(spoken),
        story: story(&case, &exhibits),
        exhibits,
    }
}

fn commands(remains: &Remains<'_>) -> Vec<(&'static str, String)> {
    let name = remains.name;
    vec![
        ("Run it again", format!("cargo sim replay {name}")),
        (
            "See every event",
            format!("cargo sim replay {name} --trace"),
        ),
        ("Make it smaller", format!("cargo sim shrink {name}")),
        (
            "When was it decided?",
            format!("cargo sim report {name} --likelihood"),
        ),
    ]
}

fn planned(fault: &crate::plan::Fault) -> PlannedFault {
    let what = serde_json::to_value(&fault.what).expect("a fault is plain data");
    let (short, story) = words::fault(&what);
    PlannedFault {
        short,
        story,
        when: fault.when.to_string(),
        until: fault.until.to_string(),
    }
}

/// The faults that struck, each until it was mended or the run was over.
fn strikes(lines: &[Line], end: u64) -> Vec<Strike> {
    let mut strikes: Vec<Strike> = Vec::new();
    for line in lines {
        let place = line.number("place").unwrap_or(u64::MAX);
        match line.what.as_str() {
            "fault" => {
                let what = &line.detail["what"];
                let (short, story) = words::fault(what);
                let nodes = line.detail["nodes"].as_array().into_iter().flatten();
                strikes.push(Strike {
                    place,
                    nodes: nodes.filter_map(serde_json::Value::as_u64).collect(),
                    from: line.us,
                    to: end,
                    kind: what["kind"].as_str().unwrap_or("fault").to_owned(),
                    short,
                    story,
                });
            }
            "mended" => {
                if let Some(strike) = strikes
                    .iter_mut()
                    .rev()
                    .find(|strike| strike.place == place)
                {
                    strike.to = line.us;
                }
            }
            _ => {}
        }
    }
    strikes
}

fn mail(
    lines: &[Line],
    kept: &[usize],
    kinds: &mut Kinds,
) -> Vec<(u64, u64, u64, i64, usize, i64)> {
    let mut out = Vec::new();
    for letter in letters(lines) {
        let row = kept
            .binary_search(&letter.line)
            .map_or(-1, |row| row as i64);
        // Without a row there is nothing to say about it: it was thinned out.
        if row < 0 {
            continue;
        }
        let kind = kinds.place(&letter.kind);
        let arrivals = match letter.got.is_empty() {
            true => vec![-1],
            false => letter.got.iter().map(|us| *us as i64).collect(),
        };
        out.extend(
            arrivals
                .into_iter()
                .map(|got| (letter.from, letter.to, letter.sent, got, kind, row)),
        );
    }
    out
}

fn row(line: &Line, kinds: &mut Kinds) -> Row {
    let says = match (line.what.as_str(), line.who) {
        ("fault" | "mended", Source::World) => words::fault(&line.detail["what"]).1,
        _ => line.says(),
    };
    Row(line.us, line.who.to_string(), kinds.place(&line.what), says)
}

/// Names that are said often, by number.
#[derive(Default)]
struct Kinds {
    names: Vec<String>,
    places: BTreeMap<String, usize>,
}

impl Kinds {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.names.len();
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }
}
