//! What a majority has, and what those do who do not know of it.

use super::{Case, Exhibit, nodes, number_after, positions, says_of};
use crate::report::line::Line;

/// QRM: an entry is called committed, and too few disks have it. What each of the others has.
pub(super) fn too_few(case: &Case<'_>) -> Vec<Exhibit> {
    let Some(second) = case.second() else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let mut found = vec![case.accuser(second, says_of(line, "calls it committed"))];
    let (_, have) = case.what.rsplit_once('(').unwrap_or_default();
    let index = line.number("index").unwrap_or(0);
    let lacking = case
        .lanes
        .iter()
        .filter(|lane| !nodes(have).contains(&lane.node));
    for lane in lacking {
        let tells = |other: &Line| other.is_of(lane.node) && tells_log(other);
        if let Some(last) = case.last(second, tells) {
            let text = format!(
                "n{} has no entry {index}; the last that it has on its disk: {}",
                lane.node,
                case.lines[last].says()
            );
            found.push(case.accuser(last, text));
        }
    }
    found.extend(older(case, second, have));
    let counts = |other: &Line| other.node() == line.node() && other.what == "members";
    if let Some(members) = case.last(second, counts) {
        found.push(case.witness(members, says_of(&case.lines[members], "")));
    }
    found
}

/// The entry, if it is of an older term than the leader's: that a quorum has it does not commit it.
fn older(case: &Case<'_>, second: usize, have: &str) -> Option<Exhibit> {
    let leads = number_after(case.what, "leads term ")?;
    let at = positions(have)
        .into_iter()
        .find(|(_, term)| *term < leads)?;
    let first = case.first(second, |line| line.node().is_some() && line.covers(at))?;
    let text = format!(
        "entry {} is of term {}: a leader of term {leads} may commit it only along with one of its own",
        at.0, at.1
    );
    Some(case.accuser(first, text))
}

/// Whether a line tells what of the log is on a disk.
fn tells_log(line: &Line) -> bool {
    match line.what.as_str() {
        "restored" | "installed" => true,
        "persisted" => line.log().is_some(),
        _ => false,
    }
}

/// LC: a leader lacks what was committed before. Where it was, and who voted for the leader.
pub(super) fn incomplete(case: &Case<'_>) -> Vec<Exhibit> {
    let (Some(second), Some(at)) = (case.second(), positions(case.what).first().copied()) else {
        return Vec::new();
    };
    let line = &case.lines[second];
    let term = number_after(case.what, "leads term ");
    let mut found = vec![case.accuser(second, says_of(line, ""))];
    let commits = |other: &Line| {
        other.what == "committed" && other.number("index").is_some_and(|index| index >= at.0)
    };
    if let Some(first) = case.first(second, commits) {
        let text = format!(
            "{} (with {}@{})",
            says_of(&case.lines[first], ""),
            at.0,
            at.1
        );
        found.push(case.accuser(first, text));
    }
    let leader = nodes(case.what)
        .last()
        .copied()
        .filter(|_| line.what == "committed");
    let leader = leader.or(line.node());
    let votes = case.lines[..second]
        .iter()
        .enumerate()
        .filter(|(_, other)| {
            other.sends("vote-reply")
                && other.detail["granted"] == true
                && other.number("term") == term
                && other.number("to") == leader
        });
    found.extend(votes.map(|(at, _)| case.witness(at, says_of(&case.lines[at], "votes"))));
    found
}
