//! Answers that are wrong by themselves, compared with what the applied commands come to: XO, SNAP, STALE,
//! and LIN by revision. The oracle speaks in the moment in which a client hears the answer.

use super::{
    Case, Exhibit,
    answers::{exhibit, server, told},
    files, number_after, says_of, written_at,
};
use crate::{
    report::{clients::Op, line::Line},
    trace::Source,
};

/// The answer that the oracle looked at, what it should have been, and who gave it.
pub(super) fn judged(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(op) = answered(case) else {
        return Vec::new();
    };
    let why = match case.oracle {
        "LIN" => "it is older than what was known when it was asked",
        "SNAP" => "no revision of the store looks like that",
        "STALE" => "it is older than it may be",
        _ => "that is not what it came to",
    };
    let mut found = told(case, op.op, true, why);
    let before = found.len();
    found.extend(match case.oracle {
        "LIN" => overtaken(case, op),
        "SNAP" => stored(case),
        "STALE" => behind(case),
        _ => came_to(case, op),
    });
    // Who applied a request twice need not be asked who it was.
    if case.oracle != "XO" || found.len() == before {
        found.extend(server(case, op));
    }
    found
}

/// The operation whose client hears something in the moment in which the oracle speaks.
pub(super) fn answered<'a>(case: &Case<'a>) -> Option<&'a Op> {
    let us = case.lines.get(case.accused)?.us;
    let behind = &case.lines[case.accused..];
    let mut near = case.lines[..case.accused]
        .iter()
        .rev()
        .take(1)
        .chain(behind);
    let hears = near.find(|line| line.us == us && line.what == "hears");
    let is_it = |op: &&Op| match hears.map(|line| line.who) {
        Some(Source::Client(client)) => {
            op.client == client && op.tries.iter().any(|way| way.to == Some(us))
        }
        // The last questions of a run are asked by nobody's client.
        _ => op.to == Some(us) && op.tries.is_empty(),
    };
    case.ops.iter().find(is_it)
}

/// Something that was over before the operation began, with a later revision than it was answered with: a
/// write of the same key if there is one.
fn overtaken(case: &Case<'_>, op: &Op) -> Vec<Exhibit> {
    let least = op.revision.map(|revision| revision + u64::from(!op.made));
    let later = |other: &&Op| {
        let is_over = other.to.is_some_and(|to| to < op.from);
        is_over && least.is_some() && other.revision >= least
    };
    let rank = |other: &&Op| {
        let is_same = !op.key.is_empty() && other.key == op.key;
        (!is_same, !other.made, other.revision)
    };
    let first = case.ops.iter().filter(later).min_by_key(rank);
    let why = "over before the other began, with a later revision";
    first.map_or(Vec::new(), |other| told(case, other.op, true, why))
}

/// Who wrote what should be there, who removed what should not, and who wrote what is shown.
fn shown(case: &Case<'_>) -> Vec<Exhibit> {
    let (is, should) = case.what.split_once(" where ").unwrap_or((case.what, ""));
    let at = number_after(case.what, "at revision ").unwrap_or(u64::MAX);
    let mut found = Vec::new();
    if let Some(origin) = written_at(is).and_then(|revision| maker(case, revision)) {
        found.extend(told(
            case,
            origin.op,
            false,
            "what is shown was written here",
        ));
    }
    if let Some(right) = written_at(should).and_then(|revision| maker(case, revision)) {
        found.extend(told(case, right.op, true, "this should be seen"));
    } else if let Some(key) = is.rsplit(": ").next().and_then(|kv| kv.split(' ').next()) {
        let removes = |other: &&Op| {
            other.made
                && other.call.starts_with("delete")
                && other.key == key
                && other.revision.is_some_and(|revision| revision <= at)
        };
        let last = case
            .ops
            .iter()
            .filter(removes)
            .max_by_key(|other| other.revision);
        found.extend(
            last.iter()
                .flat_map(|other| told(case, other.op, true, "this had removed it")),
        );
    }
    found
}

/// The operation that made a revision.
fn maker<'a>(case: &Case<'a>, revision: u64) -> Option<&'a Op> {
    let makes = |op: &&Op| op.made && op.revision == Some(revision);
    case.ops.iter().find(makes)
}

/// What the node had done that its answer does not show.
fn behind(case: &Case<'_>) -> Vec<Exhibit> {
    let node = super::nodes(case.what).first().copied();
    let applied = number_after(case.what, "had applied ");
    let is_it = |line: &Line| {
        line.what == "applied" && line.node() == node && line.pair("at").map(|at| at.0) == applied
    };
    let line = applied.and_then(|_| case.last(case.accused, is_it));
    let told = line.map(|at| case.accuser(at, says_of(&case.lines[at], "had applied")));
    told.into_iter().collect()
}

/// What the request behind an answer came to: each time that the answering node applied it.
fn came_to(case: &Case<'_>, op: &Op) -> Vec<Exhibit> {
    let Some(way) = op.tries.last() else {
        return Vec::new();
    };
    let applied = applications(case, &way.request, way.node);
    let tell = |(turn, at): (usize, usize)| {
        let verb = if turn == 0 {
            "applies it"
        } else {
            "applies it again"
        };
        let text = says_of(&case.lines[at], verb);
        match turn {
            0 => case.accuser(at, text),
            _ => case.witness(at, text),
        }
    };
    let mut found: Vec<Exhibit> = applied.into_iter().enumerate().map(tell).collect();
    if !found.is_empty() {
        found.extend(sendings(case, &way.request, way.from));
    }
    found
}

/// Where a node applied a request: lines, from first to last.
fn applications(case: &Case<'_>, request: &str, node: u64) -> Vec<usize> {
    let is_it =
        |line: &Line| line.is_of(node) && line.what == "applied" && line.text("request") == request;
    let lines = case.lines[..case.accused.min(case.lines.len())]
        .iter()
        .enumerate();
    let found = lines.filter(|(_, line)| !request.is_empty() && is_it(line));
    found.map(|(at, _)| at).collect()
}

/// XO in the moment of an entry: what it does was done before, by another entry of the same request.
pub(super) fn applied_twice(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(second) = case.second().filter(|at| case.lines[*at].what == "applied") else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let request = line.text("request");
    let does = |line: &Line| {
        line.says()
            .split_once(": ")
            .map(|(_, does)| does.to_owned())
    };
    let is_same = |other: &Line| {
        other.node() == line.node()
            && other.what == "applied"
            && match request {
                "" => does(other) == does(line),
                _ => other.text("request") == request,
            }
    };
    let mut found = vec![case.accuser(second, says_of(line, "applies it again"))];
    if let Some(first) = case.first(second, is_same) {
        found.push(case.accuser(first, says_of(&case.lines[first], "applies it")));
    }
    found.extend(sendings(case, request, line.us));
    found
}

/// How often the client sent a request, up to a moment.
fn sendings(case: &Case<'_>, request: &str, until: u64) -> Vec<Exhibit> {
    let is_it = |op: &&Op| op.tries.iter().any(|way| way.request == request);
    let Some(op) = case.ops.iter().find(is_it).filter(|_| !request.is_empty()) else {
        return Vec::new();
    };
    let sent = op.tries.iter().take_while(|way| way.from <= until);
    let told = sent.enumerate().map(|(turn, way)| {
        let how = match turn {
            0 => "sends it",
            _ => "has heard nothing certain and sends it again",
        };
        let why = format!(
            "c{} {how}, as request {request}, to n{}",
            op.client, way.node
        );
        Exhibit {
            says: why,
            ..exhibit(op, way.from, false, "")
        }
    });
    told.collect()
}

/// XO in the end: what its client was told is not done, and who did it.
pub(super) fn done_after_all(case: &Case<'_>) -> Vec<Exhibit> {
    let request = case
        .what
        .strip_prefix("request ")
        .and_then(|rest| rest.split(' ').next());
    let value = case
        .what
        .split('"')
        .nth(1)
        .map(|value| value.trim_end_matches('.'));
    let is_it = |op: &&Op| match (request, value) {
        (Some(request), _) => op.tries.iter().any(|way| way.request == request),
        (None, Some(value)) => op.writes && op.call.contains(value),
        (None, None) => false,
    };
    let does = |line: &Line| {
        line.what == "applied"
            && match (request, value) {
                (Some(request), _) => line.text("request") == request,
                (None, Some(value)) => line.says().contains(value),
                (None, None) => false,
            }
    };
    let Some(op) = case.ops.iter().find(is_it) else {
        return Vec::new();
    };
    let mut found = told(case, op.op, true, "its client was told that it is not done");
    if let Some(line) = case.first(case.accused, does) {
        found.push(case.accuser(line, says_of(&case.lines[line], "does it")));
    }
    found
}

/// Who wrote what a store lacks or removed what it shows, and when its node last merged tables.
fn stored(case: &Case<'_>) -> Vec<Exhibit> {
    let mut found = shown(case);
    let node = super::nodes(case.what).first().copied();
    let all = (0, case.accused);
    found.extend(node.and_then(|node| files::merged(case, node, all)));
    found
}

/// AUD: the same, in the end.
pub(super) fn audited(case: &Case<'_>) -> Vec<Exhibit> {
    let mut found = stored(case);
    found.extend(case.spoken(case.what));
    found
}

/// LIN: by the checker of histories, if it is the answer in question that it cannot place; else by revision.
pub(super) fn not_linearizable(case: &Case<'_>) -> Vec<Exhibit> {
    let stuck = case.history.map(|violation| violation.stuck.id);
    match answered(case) {
        Some(judged) if stuck != Some(judged.op) => self::judged(case),
        _ => super::answers::inexplicable(case),
    }
}
