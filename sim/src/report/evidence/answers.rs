//! Contradictions between what clients heard.

use bytes::Bytes;
use sisyphus::history::{Call, End, OpId, Operation, Outcome};

use super::{Case, Exhibit, number_after, positions};
use crate::report::{
    clients::Op,
    lanes::Role,
    line::{Line, short},
};

/// LIN: an answer that no order explains, the operation that it contradicts, and who gave it.
pub(super) fn inexplicable(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(violation) = case.history else {
        return Vec::new();
    };
    let stuck = &violation.stuck;
    let others: Vec<&Operation> = [&violation.placed, &violation.concurrent]
        .into_iter()
        .flatten()
        .filter(|other| other.id != stuck.id)
        .collect();
    let mut found = told(case, stuck.id, true, "no order explains this answer");
    found.extend(match is_read(stuck) {
        true => overlooked(case, stuck, &others),
        false => otherwise_seen(case, stuck, &others),
    });
    if let Some(op) = op(case, stuck.id) {
        found.extend(server(case, op));
        found.extend(twice(case, op, stuck));
    }
    found
}

/// What a read should have seen: a later change than it saw, over before it began; and what it saw.
fn overlooked(case: &Case<'_>, stuck: &Operation, others: &[&Operation]) -> Vec<Exhibit> {
    let seen = revision(stuck);
    let mut over = others.iter().filter(|other| is_over(other, stuck.invoked));
    let newer = over.clone().filter(|other| revision(other) > seen);
    let newer = newer.min_by_key(|other| (revision(other), is_read(other)));
    let newer = newer.or(over.rfind(|other| !is_read(other)));
    let mut found = Vec::new();
    if let Some(other) = newer {
        found.extend(told(
            case,
            other.id,
            true,
            "this was over before the other began",
        ));
    }
    let wrote = |other: &&&Operation| !is_read(other) && seen.is_some() && revision(other) == seen;
    if let Some(origin) = others.iter().find(wrote) {
        found.extend(told(case, origin.id, false, "what it saw was written here"));
    }
    found
}

/// Who saw the value of a write under another revision than the write was told.
fn otherwise_seen(case: &Case<'_>, stuck: &Operation, others: &[&Operation]) -> Vec<Exhibit> {
    let (Some(value), own) = (value_of(stuck), revision(stuck)) else {
        return Vec::new();
    };
    let saw = |other: &&&Operation| {
        value_of(other) == Some(value) && revision(other) != own && revision(other).is_some()
    };
    let other = others.iter().find(saw);
    let told = other.map(|other| {
        told(
            case,
            other.id,
            true,
            "it saw the same write at another revision",
        )
    });
    told.unwrap_or_default()
}

/// DUR: what was acknowledged, and what is there instead.
pub(super) fn lost(case: &Case<'_>) -> Vec<Exhibit> {
    if let Some(id) = number_after(case.what, "op ") {
        return lost_write(case, id);
    }
    let Some(at) = positions(case.what).first().copied() else {
        return Vec::new();
    };
    let says = |line: &Line, text: &str| format!("{} {text}: {}", line.who, line.says());
    let told = case.first(case.accused, |line| {
        line.what == "acknowledged" && line.pair("at") == Some(at)
    });
    let other = case.first(case.accused, |line| {
        line.what == "applied"
            && line
                .pair("at")
                .is_some_and(|(index, term)| index == at.0 && term != at.1)
    });
    let mut found = Vec::new();
    found.extend(
        told.map(|line| case.accuser(line, says(&case.lines[line], "says that it is done"))),
    );
    found.extend(other.map(|line| {
        case.accuser(
            line,
            says(&case.lines[line], "applies something else there"),
        )
    }));
    found
}

/// A write that the last reads do not find.
fn lost_write(case: &Case<'_>, id: OpId) -> Vec<Exhibit> {
    let mut found = told(case, id, true, "acknowledged");
    let key = op(case, id).map(|op| op.key.clone());
    let last = case
        .ops
        .iter()
        .rev()
        .find(|other| Some(&other.key) == key.as_ref() && !other.writes);
    found
        .extend(last.map(|op| exhibit(op, op.to.unwrap_or(op.from), true, "not there at the end")));
    found
}

fn op<'a>(case: &Case<'a>, id: OpId) -> Option<&'a Op> {
    let at = case.ops.binary_search_by_key(&id, |op| op.op).ok()?;
    Some(&case.ops[at])
}

pub(super) fn told(case: &Case<'_>, id: OpId, accuses: bool, why: &str) -> Vec<Exhibit> {
    let op = op(case, id);
    op.map(|op| exhibit(op, op.to.unwrap_or(op.from), accuses, why))
        .into_iter()
        .collect()
}

pub(super) fn exhibit(op: &Op, us: u64, accuses: bool, why: &str) -> Exhibit {
    Exhibit {
        us,
        lane: format!("c{}", op.client),
        says: format!("{why}: {}", op.says()),
        accuses,
        op: Some(op.op),
        line: None,
    }
}

/// Who gave the answer, and what it did not know.
pub(super) fn server(case: &Case<'_>, op: &Op) -> Option<Exhibit> {
    let way = op.tries.last()?;
    let us = way.to?;
    let lane = case.lanes.iter().find(|lane| lane.node == way.node)?;
    // Just before: much ends in the moment in which an oracle speaks.
    let now = us.saturating_sub(1);
    let was = lane.at(now)?;
    let leads = case.lanes.iter().filter_map(|lane| {
        let span = lane.at(now).filter(|span| span.role == Role::Leader)?;
        Some((span.term, lane.node, span.from))
    });
    let node = way.node;
    let role = match was.role {
        Role::Leader => "took itself for the leader",
        Role::Candidate => "stood for election",
        _ => "followed",
    };
    let leader = leads
        .max()
        .filter(|(term, leader, _)| *term > was.term && *leader != node);
    let (us, lane, says) = match leader {
        Some((term, leader, since)) => (
            since,
            leader,
            format!(
                "n{leader} leads term {term} from here on; n{node}, which gave the answer, {role} in term {}",
                was.term
            ),
        ),
        None => (
            us,
            node,
            format!("n{node} gave the answer; it {role} in term {}", was.term),
        ),
    };
    Some(Exhibit {
        us,
        lane: format!("n{lane}"),
        says,
        accuses: false,
        op: None,
        line: None,
    })
}

/// The request behind the value, if the server that answered applied it more than once.
fn twice(case: &Case<'_>, op: &Op, stuck: &Operation) -> Vec<Exhibit> {
    let value =
        value_of(stuck).map(|value| format!("\"{}\"", short(&value.escape_ascii().to_string())));
    let wrote = |other: &&Op| {
        let is_it = value
            .as_ref()
            .is_some_and(|value| other.call.contains(value));
        is_it && other.writes && other.tries.len() > 1
    };
    let writer = case.ops.iter().find(wrote).and_then(|op| op.tries.first());
    let (Some(first), Some(way)) = (writer, op.tries.last()) else {
        return Vec::new();
    };
    let is_it = |line: &Line| {
        let applies = line.is_of(way.node) && line.what == "applied";
        applies && !first.request.is_empty() && line.text("request") == first.request
    };
    let lines = case.lines.iter().take(case.accused).enumerate();
    let applied: Vec<usize> = lines
        .filter(|(_, line)| is_it(line))
        .map(|(at, _)| at)
        .collect();
    if applied.len() < 2 {
        return Vec::new();
    }
    let tell = |at: usize| {
        let line = &case.lines[at];
        let text = format!(
            "{} applies request {}: {}",
            line.who,
            first.request,
            line.says()
        );
        case.witness(at, text)
    };
    applied.into_iter().map(tell).collect()
}

/// The value that an operation wrote or saw.
fn value_of(operation: &Operation) -> Option<&Bytes> {
    match (&operation.call, &operation.end) {
        (Call::Put { value, .. } | Call::CompareAndSet { new: value, .. }, _) => Some(value),
        (
            _,
            End::Ok {
                outcome: Outcome::Get {
                    seen: Some(seen), ..
                },
                ..
            },
        ) => Some(&seen.value),
        _ => None,
    }
}

fn is_over(other: &Operation, before: usize) -> bool {
    matches!(other.end, End::Ok { completed, .. } if completed < before)
}

fn is_read(operation: &Operation) -> bool {
    matches!(operation.call, Call::Get { .. })
}

/// The revision of the value that an operation made or saw.
fn revision(operation: &Operation) -> Option<u64> {
    let End::Ok { outcome, .. } = &operation.end else {
        return None;
    };
    match outcome {
        Outcome::Get { seen, .. } => seen.as_ref().and_then(|seen| seen.mod_revision),
        other => other.revision(),
    }
}
