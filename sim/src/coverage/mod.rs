//! Was it tested at all? A run that meets nothing rare proves little, and nobody notices when a change of
//! limits or of faults makes a rare path unreachable. So rare things have names, and it is a contract that
//! each of them happens in some of 2,000 runs: `cargo sim coverage` counts them, and `tests/seeds.rs` holds the
//! contract in every `cargo test`.
//!
//! Most are seen in what the product tells its observer anyway ([`watch`]); those that happen inside a
//! node, in the storage engine say, the product names itself (`env::rare::probe`, which is nothing in production).
//!
//! Besides, a map of abstract states: who leads, who is behind and by how much, whose log the leader no longer
//! reaches. Two runs that pass through the same ones are alike, however different their seeds; the number of
//! different ones says whether more seeds still bring anything new.

mod watch;

use std::collections::{BTreeMap, BTreeSet};

pub use watch::Watch;

/// Every rare thing that has to happen. Each has a name in the words of who reads the list.
pub const PROBES: [&str; 36] = [
    "a chunk of a snapshot was missed",
    "a client was answered at a later attempt",
    "a compaction merged tables",
    "a conflict hint skipped more than one entry",
    "a condition of a transaction did not hold",
    "a follower asked for a read index",
    "a follower truncated its log",
    "a forwarded request lost its leader",
    "a leader handed its leadership over",
    "a leader was deposed with uncommitted entries",
    "a log began anew after a snapshot",
    "a machine came back with an empty disk",
    "a memtable was frozen while another was flushing",
    "a node started with its machine ahead of its log",
    "a node started from a log that was cut",
    "a node that had lost its disk was not heard",
    "a pre-vote was refused",
    "a read that may be old was old",
    "a read waited for the first commit of its term",
    "a repeated request was answered from its session",
    "a request of a forgotten session was refused",
    "a request waited for a leader",
    "a segment of the log was used again",
    "a snapshot was given up",
    "a snapshot was installed",
    "a snapshot was resumed",
    "a table went down a level as it was",
    "a vote was refused",
    "a waiter's entry arrived in a snapshot",
    "a write waited for a flush",
    "an election was split",
    "an installed snapshot met a longer log",
    "the log was held for a snapshot",
    "the members were joint",
    "the tail of a log was torn",
    "two nodes led at once",
];

/// Those that need thousands of runs.
pub const SCARCE: [&str; 4] = [
    "a machine came back with an empty disk",
    "a node started with its machine ahead of its log",
    "a node that had lost its disk was not heard",
    "an installed snapshot met a longer log",
];

/// What one run, or many, have met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// In how many runs each rare thing happened.
    pub seen: BTreeMap<&'static str, u64>,
    /// The abstract states, by fingerprint.
    pub states: BTreeSet<u64>,
}

impl Coverage {
    /// Adds another run, or others.
    pub fn add(&mut self, other: &Coverage) {
        for (name, runs) in &other.seen {
            *self.seen.entry(name).or_default() += runs;
        }
        self.states.extend(&other.states);
    }

    /// In how many runs this happened.
    pub fn runs(&self, name: &str) -> u64 {
        self.seen.get(name).copied().unwrap_or(0)
    }

    /// What has not happened in any run.
    pub fn missing(&self) -> Vec<&'static str> {
        let never = |name: &&&str| self.runs(name) == 0;
        PROBES.iter().filter(never).copied().collect()
    }

    /// What happened and is on no list: a name that was misspelt.
    pub fn unlisted(&self) -> Vec<&'static str> {
        let names = self.seen.keys().copied();
        names.filter(|name| !PROBES.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_and_what_nobody_listed_are_told() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.missing().len(), PROBES.len());
        let run = Coverage {
            seen: BTreeMap::from([(PROBES[0], 1), ("a misspelt thing", 1)]),
            states: BTreeSet::from([1]),
        };
        coverage.add(&run);
        coverage.add(&run);
        assert_eq!(coverage.runs(PROBES[0]), 2);
        assert_eq!(coverage.missing(), PROBES[1..]);
        assert_eq!(coverage.unlisted(), ["a misspelt thing"]);
        assert_eq!(coverage.states.len(), 1);
    }

    #[test]
    fn names_are_in_order_and_different() {
        let mut sorted = PROBES.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), PROBES.len());
    }
}
