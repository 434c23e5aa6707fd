//! The events behind a verdict: which two contradict each other, and what of the run makes one
//! understand how it came to that.
//!
//! An oracle that looks at every event accuses in the very moment of the second one, so this is the
//! line before the accusation. The first one is looked for backwards, by what the oracle's name and its
//! sentence say: for a vote given twice the earlier vote, for a promise without backing the last state
//! that the disk held, for a stale read the write that it should have seen. An oracle that is not known
//! here gets its second event alone: less, and nothing false.
//!
//! * [`protocol`]: contradictions between events of servers; [`quorum`]: of one with what the others have.
//! * [`answers`]: contradictions between what clients heard; [`replies`]: of what one heard with what was
//!   applied.
//! * [`files`]: what became of a file that cannot be read.
//! * [`mod@story`]: what else happened between the exhibits.

mod answers;
mod files;
mod protocol;
mod quorum;
mod replies;
mod story;
#[cfg(test)]
mod tests;

use serde::Serialize;
use sisyphus::{check::Violation, history::OpId};

use super::{
    clients::Op,
    lanes::Lane,
    line::{Line, Pair},
};

pub(super) use story::{Chapter, story};

/// Everything that is known of a run that failed.
pub(super) struct Case<'a> {
    /// All lines of its trace.
    pub lines: &'a [Line],
    /// Which one is the accusation; the number of lines if there is none.
    pub accused: usize,
    /// The oracle's name.
    pub oracle: &'a str,
    /// What it said.
    pub what: &'a str,
    /// The nodes.
    pub lanes: &'a [Lane],
    /// The clients' operations.
    pub ops: &'a [Op],
    /// What the checker found, if the clients' history is not linearizable.
    pub history: Option<&'a Violation>,
}

/// One event that speaks for the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Exhibit {
    /// When, in microseconds.
    pub us: u64,
    /// On whose lane.
    pub lane: String,
    /// What it shows.
    pub says: String,
    /// One of the two that contradict each other; the others say how it came to that.
    pub accuses: bool,
    /// The operation, if it is one.
    pub op: Option<OpId>,
    /// The line, if there is one.
    #[serde(skip)]
    pub line: Option<usize>,
}

/// The exhibits of a case, in the order of time.
pub(super) fn exhibits(case: &Case<'_>) -> Vec<Exhibit> {
    let mut found = match case.oracle {
        "ELS" => protocol::two_leaders(case),
        "LOGM" => protocol::two_entries(case),
        "SMS" => protocol::two_states(case),
        "MONO" => protocol::back(case),
        "PROM" if case.what.contains(" image that ") => files::lost_image(case),
        "PROM" => protocol::unbacked(case),
        "QRM" => quorum::too_few(case),
        "LC" => quorum::incomplete(case),
        "LIN" => replies::not_linearizable(case),
        "XO" => exactly_once(case),
        "SNAP" | "STALE" => replies::judged(case),
        "AUD" => audited(case),
        "PAN" => files::broken(case),
        "DUR" => answers::lost(case),
        "LIVE" => protocol::stuck(case),
        _ => Vec::new(),
    };
    if found.is_empty() {
        found = protocol::last_event(case);
    }
    found.sort_by_key(|exhibit| exhibit.us);
    found.dedup();
    found
}

/// XO: an answer, an entry, or what is there in the end although it was called not done.
fn exactly_once(case: &Case<'_>) -> Vec<Exhibit> {
    let ways = [
        replies::applied_twice,
        replies::done_after_all,
        replies::judged,
    ];
    let found = ways.into_iter().map(|way| way(case));
    found
        .into_iter()
        .find(|found| !found.is_empty())
        .unwrap_or_default()
}

/// AUD: files that cannot be read, or a store that holds something else.
fn audited(case: &Case<'_>) -> Vec<Exhibit> {
    match case.what.contains(" where ") {
        true => replies::audited(case),
        false => files::broken(case),
    }
}

impl Case<'_> {
    /// The event in whose moment the oracle spoke.
    fn second(&self) -> Option<usize> {
        let before = self.accused.checked_sub(1)?;
        let is_same_moment = self.lines.get(self.accused)?.us == self.lines[before].us;
        (is_same_moment && self.lines[before].node().is_some()).then_some(before)
    }

    /// The last event before `end` of which `is` holds.
    fn last(&self, end: usize, is: impl Fn(&Line) -> bool) -> Option<usize> {
        self.lines[..end.min(self.lines.len())].iter().rposition(is)
    }

    /// The first event before `end` of which `is` holds.
    fn first(&self, end: usize, is: impl Fn(&Line) -> bool) -> Option<usize> {
        self.lines[..end.min(self.lines.len())].iter().position(is)
    }

    /// The accusation itself, on the lane of the node that it names.
    fn spoken(&self, says: &str) -> Option<Exhibit> {
        let line = self.lines.get(self.accused)?;
        let node = nodes(self.what).first().copied();
        Some(Exhibit {
            us: line.us,
            lane: node.map_or("world".to_owned(), |node| format!("n{node}")),
            says: says.lines().next().unwrap_or_default().to_owned(),
            accuses: true,
            op: None,
            line: Some(self.accused),
        })
    }

    /// One of the two events that contradict each other.
    fn accuser(&self, line: usize, says: impl Into<String>) -> Exhibit {
        Exhibit {
            accuses: true,
            ..self.witness(line, says)
        }
    }

    /// An event that says how it came to that.
    fn witness(&self, line: usize, says: impl Into<String>) -> Exhibit {
        let at = &self.lines[line];
        Exhibit {
            us: at.us,
            lane: at.who.to_string(),
            says: says.into(),
            accuses: false,
            op: None,
            line: Some(line),
        }
    }
}

/// Who does what: a line in a sentence.
fn says_of(line: &Line, verb: &str) -> String {
    let verb = if verb.is_empty() {
        String::new()
    } else {
        format!(" {verb}:")
    };
    let what = match line.text("path") {
        "" => line.says(),
        path => path.to_owned(),
    };
    format!("{}{verb} {what}", line.who)
}

/// The first key that an applied entry changes, from what it says.
fn key_of(says: &str) -> Option<String> {
    let (_, does) = says.split_once(": ")?;
    let mut words = does.split([' ', ',']);
    let verb = words.next()?;
    let key = words.next()?;
    matches!(verb, "put" | "delete").then(|| key.to_owned())
}

/// The revision at which a key is said to have been written.
fn written_at(text: &str) -> Option<u64> {
    number_after(text, "written at revision ")
}

/// The positions like `12@3` that a sentence names.
fn positions(text: &str) -> Vec<Pair> {
    let words = text.split(|c: char| !(c.is_ascii_digit() || c == '@'));
    words
        .filter_map(|word| {
            let (index, term) = word.split_once('@')?;
            Some((index.parse().ok()?, term.parse().ok()?))
        })
        .collect()
}

/// The nodes like `n3` that a sentence names.
fn nodes(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter_map(|word| word.strip_prefix('n')?.parse().ok())
        .collect()
}

/// The number that follows `word` in a sentence.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let rest = &text[text.find(word)? + word.len()..];
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}
