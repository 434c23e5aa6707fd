//! Contradictions between events of servers.

use std::collections::BTreeMap;

use super::{Case, Exhibit, files, key_of, nodes, number_after, positions, says_of};
use crate::report::line::Line;

/// ELS: two nodes lead one term. The voter who made that possible is named, if there is one.
pub(super) fn two_leaders(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(second) = case.second() else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let (term, node) = (line.number("term"), line.node());
    let leads = |line: &Line| {
        line.number("term") == term
            && (line.what == "leader" || line.sends("append") || line.sends("heartbeat"))
    };
    let mut found = vec![case.accuser(second, says_of(line, "leads the same term"))];
    if let Some(first) = case.first(second, |line| leads(line) && line.node() != node) {
        let leader = &case.lines[first];
        found.push(case.accuser(
            first,
            says_of(leader, &format!("leads term {}", term.unwrap_or(0))),
        ));
    }
    found.extend(double_votes(case, second, term));
    found
}

/// Those who voted for two candidates in a term, each with what they knew when they started in between.
fn double_votes(case: &Case<'_>, end: usize, term: Option<u64>) -> Vec<Exhibit> {
    let mut votes: BTreeMap<u64, Vec<(u64, usize)>> = BTreeMap::new();
    for (at, line) in case.lines[..end].iter().enumerate() {
        if line.number("term") != term {
            continue;
        }
        let candidate = match line.text("kind") {
            "vote-reply" if line.what == "sent" && line.detail["granted"] == true => {
                line.number("to")
            }
            "vote" if line.what == "sent" => line.number("from"),
            _ => None,
        };
        if let (Some(voter), Some(candidate)) = (line.node(), candidate) {
            let given = votes.entry(voter).or_default();
            if given.iter().all(|(other, _)| *other != candidate) {
                given.push((candidate, at));
            }
        }
    }
    let mut found = Vec::new();
    for (voter, given) in votes.into_iter().filter(|(_, given)| given.len() > 1) {
        for (candidate, at) in &given {
            let text = format!("n{voter} gives n{candidate} its vote in this term");
            found.push(case.witness(*at, text));
        }
        found.extend(restarts(case, voter, given[0].1, given[1].1));
    }
    found
}

/// What `node` found on its disk when it started between two lines.
fn restarts(case: &Case<'_>, node: u64, from: usize, to: usize) -> Vec<Exhibit> {
    let between = (from..to).filter(|at| {
        let line = &case.lines[*at];
        line.is_of(node) && line.what == "restored"
    });
    let found = between.map(|at| {
        let text = format!(
            "n{node} starts and finds on its disk: {}",
            case.lines[at].says()
        );
        case.witness(at, text)
    });
    let stopped =
        (from..to).rfind(|at| case.lines[*at].is_of(node) && case.lines[*at].what == "stopped");
    let ending = stopped.map(|at| files::ending(case, node, at));
    found.chain(ending.into_iter().flatten()).collect()
}

/// LOGM: two nodes have different entries at one position, or before it.
pub(super) fn two_entries(case: &Case<'_>) -> Vec<Exhibit> {
    let (Some(second), Some(at)) = (case.second(), positions(case.what).first().copied()) else {
        return Vec::new();
    };
    let other = nodes(case.what).first().copied();
    let has =
        |line: &Line| line.covers(at) && matches!(line.what.as_str(), "persisted" | "restored");
    let first = case.first(second, |line| has(line) && line.node() == other);
    let mut found = vec![case.accuser(
        second,
        says_of(&case.lines[second], "has another log there"),
    )];
    found.extend(first.map(|at| case.accuser(at, says_of(&case.lines[at], "has it on its disk"))));
    found
}

/// SMS: two replicas are in different states after one index, or one leaves an index out.
pub(super) fn two_states(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(second) = case.second() else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let index = line.pair("at").map(|at| at.0);
    let tells = |line: &Line| matches!(line.what.as_str(), "applied" | "installed" | "restored");
    let first = match case.what.contains("after index") && case.what.contains("applies") {
        true => case.last(second, |other| tells(other) && other.node() == line.node()),
        false => case.first(second, |other| {
            tells(other)
                && other.pair("at").map(|at| at.0) == index
                && (other.text("hash") != line.text("hash") || other.pair("at") != line.pair("at"))
        }),
    };
    let tell = |at: usize| {
        let line = &case.lines[at];
        let verb = match (line.what.as_str(), line.text("request")) {
            ("applied", "") => "applies".to_owned(),
            ("applied", request) => format!("applies request {request}"),
            ("installed", _) => "takes its state from".to_owned(),
            _ => "starts with".to_owned(),
        };
        case.accuser(at, says_of(line, &verb))
    };
    let mut found = vec![tell(second)];
    found.extend(first.map(tell));
    found.extend(parted(case, second, first));
    found
}

/// Why two replicas may have come to different states: the request of the entry was there before, or
/// another one of its session; one of them has its state from a snapshot or from merged tables; the same key
/// was changed before.
fn parted(case: &Case<'_>, second: usize, first: Option<usize>) -> Vec<Exhibit> {
    let line = &case.lines[second];
    let index = line.pair("at").map(|at| at.0);
    let request = line.text("request");
    let before = |other: &Line| other.what == "applied" && other.pair("at").map(|at| at.0) < index;
    let mut found = Vec::new();
    let repeated =
        |other: &Line| before(other) && !request.is_empty() && other.text("request") == request;
    if let Some(at) = case.first(second, repeated) {
        let text = says_of(&case.lines[at], "applied the same request before");
        found.push(case.witness(at, text));
    }
    let session = |other: &Line| {
        other
            .text("request")
            .split_once('#')
            .map(|(session, _)| session.to_owned())
    };
    let node = first.and_then(|at| case.lines[at].node());
    let same_session = |other: &Line| {
        before(other)
            && other.node() == node
            && session(line).is_some()
            && session(other) == session(line)
            && other.text("request") != request
    };
    if let Some(at) = case.last(first.unwrap_or(second), same_session) {
        let other = &case.lines[at];
        let verb = format!(
            "applied request {} of the same session",
            other.text("request")
        );
        found.push(case.witness(at, says_of(other, &verb)));
    }
    let key = key_of(&line.says());
    let touches = |other: &Line| before(other) && key.is_some() && key_of(&other.says()) == key;
    let earlier = case.last(second, |other| {
        other.node() == line.node() && touches(other)
    });
    if let Some(at) = earlier {
        let text = says_of(&case.lines[at], "last changed the same key");
        found.push(case.witness(at, text));
    }
    let nodes = [line.node(), first.and_then(|at| case.lines[at].node())];
    for node in nodes.into_iter().flatten() {
        let installs = |other: &Line| other.is_of(node) && other.what == "installed";
        if let Some(at) = case.last(second, installs) {
            found.push(case.witness(at, says_of(&case.lines[at], "took its state from")));
        }
        found.extend(files::merged(case, node, (earlier.unwrap_or(0), second)));
    }
    found
}

/// MONO: a node goes back behind what it said, did or had.
pub(super) fn back(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(second) = case.second() else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let node = line.node().unwrap_or(0);
    let own = |other: &Line| other.is_of(node);
    let term = number_after(case.what, "term ");
    let promises = |other: &Line| {
        other.what == "sent"
            && (matches!(other.text("kind"), "vote" | "append-accepted")
                || other.detail["granted"] == true)
    };
    let first = if case.what.contains("votes for") {
        let votes = |other: &Line| {
            let votes = other.sends("vote")
                || (other.sends("vote-reply") && other.detail["granted"] == true);
            (votes || (other.what == "persisted" && !other.detail["vote"].is_null()))
                && other.number("term") == line.number("term")
        };
        case.first(second, |other| own(other) && votes(other))
    } else if let Some(lost) = positions(case.what).first() {
        case.last(second, |other| own(other) && other.covers(*lost))
    } else if line.what == "committed" {
        case.last(second, |other| own(other) && other.what == "committed")
    } else {
        case.last(second, |other| {
            own(other)
                && other.number("term").is_some_and(|told| Some(told) >= term)
                && (promises(other) || matches!(other.what.as_str(), "persisted" | "restored"))
        })
    };
    let mut found = vec![case.accuser(second, says_of(line, "contradicts that"))];
    if let Some(first) = first {
        found.push(case.accuser(first, says_of(&case.lines[first], "said or had")));
        found.extend(restarts(case, node, first, second));
    }
    found
}

/// PROM: a promise leaves a node whose disk does not back it.
pub(super) fn unbacked(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(second) = case.second() else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let node = line.node().unwrap_or(0);
    let is_vote = line.text("kind").starts_with("vote");
    let tells = |other: &Line| match other.what.as_str() {
        "restored" | "installed" => true,
        "persisted" if is_vote => other.number("term").is_some(),
        "persisted" => other.log().is_some() || other.number("term").is_some(),
        _ => false,
    };
    let mut found = vec![case.accuser(second, format!("n{node} promises: {}", line.says()))];
    if let Some(disk) = case.last(second, |other| other.is_of(node) && tells(other)) {
        let text = format!(
            "all that n{node} has on its disk: {}",
            case.lines[disk].says()
        );
        found.push(case.accuser(disk, text));
    }
    let begun = case.last(second, |other| other.is_of(node) && other.what == "syncing");
    let done = case.last(second, |other| other.is_of(node) && other.what == "synced");
    if let Some(begun) = begun.filter(|begun| done.is_none_or(|done| done < *begun)) {
        found.push(case.witness(
            begun,
            format!("n{node} has begun a sync that is not done yet"),
        ));
    }
    found
}

/// LIVE: nothing contradicts anything, and nothing goes on.
pub(super) fn stuck(case: &Case<'_>) -> Vec<Exhibit> {
    let end = case.accused;
    let mut found = Vec::new();
    let mut add = |at: Option<usize>, text: &str| {
        found.extend(at.map(|at| case.witness(at, format!("{text}{}", case.lines[at].says()))));
    };
    add(
        case.last(end, |line| line.what == "leader"),
        "the last election: ",
    );
    add(
        case.last(end, |line| line.what == "committed"),
        "the last progress: ",
    );
    if let Some(healed) = case.last(end, |line| line.what == "liveness") {
        found.push(case.accuser(
            healed,
            "all faults are over: from here on there is no excuse",
        ));
    }
    if end < case.lines.len() {
        found.push(case.accuser(end, "the time is over, and the cluster has not recovered"));
    }
    found
}

/// Any oracle: the event in whose moment it spoke, or the last one of the node that it names.
pub(super) fn last_event(case: &Case<'_>) -> Vec<Exhibit> {
    let named = nodes(case.what).first().copied();
    let of_named = || named.and_then(|node| case.last(case.accused, |line| line.is_of(node)));
    let at = case.second().or_else(of_named);
    let at = at.or_else(|| case.lines.len().min(case.accused).checked_sub(1));
    at.map(|at| case.accuser(at, says_of(&case.lines[at], "here")))
        .into_iter()
        .collect()
}
