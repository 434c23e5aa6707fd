//! What happened, in order: for the eye as JSON lines, for the machine as one number.
//!
//! Every event of a run (of replicas, disks, clients, faults) goes through [`Journal::note`]. Always,
//! it is mixed into a hash chain, which is cheap; two runs of a plan with equal chains did the same
//! things at the same times. Lines are written on request only: a run that fails is repeated with
//! its lines on, and because runs are deterministic, the repetition tells the story of the first.
//!
//! Each line has a `detail` with a sentence for people (`says`) and the numbers that [`report`](crate::report)
//! draws its pictures from. Positions in a log are pairs, `[index, term]`.

mod data;
mod parting;
mod tell;
mod words;

use std::{fmt, str::FromStr, sync::Arc};

use parking_lot::Mutex;
use serde_json::{Value, json};
use sisyphus::types::NodeId;

use crate::draw::mix;

pub use data::{name_of_request, of_keys, of_kv, of_page, of_reply, of_txn};
pub use parting::parting;
pub use tell::Told;
pub use words::of_state;

/// Where lines are kept. Whoever started the run holds it too, so that a run that panics leaves its
/// story behind.
pub type Lines = Arc<Mutex<Vec<String>>>;

/// Whose event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A server.
    Node(NodeId),
    /// A client, counted from 1.
    Client(u64),
    /// The world: faults and phases.
    World,
}

/// The record of one run.
#[derive(Debug, Default)]
pub struct Journal {
    chain: u64,
    events: u64,
    lines: Option<Lines>,
}

impl Journal {
    /// A record that keeps its lines in `lines`, if there is a place for them, and the chain always.
    pub fn new(lines: Option<Lines>) -> Self {
        Journal {
            lines,
            ..Journal::default()
        }
    }

    /// Takes an event: `kind` and `numbers` say all that matters about it, `detail` says it to humans.
    pub fn note(
        &mut self,
        at_us: u64,
        source: Source,
        kind: &str,
        numbers: &[u64],
        detail: impl FnOnce() -> Value,
    ) {
        self.events += 1;
        let head = [
            at_us,
            source.number(),
            crate::draw::fingerprint(kind.as_bytes()),
        ];
        for number in head.iter().chain(numbers) {
            self.chain = mix(self.chain ^ number);
        }
        if let Some(lines) = &self.lines {
            let who = source.to_string();
            let line = json!({ "us": at_us, "who": who, "what": kind, "detail": detail() });
            lines.lock().push(line.to_string());
        }
    }

    /// The number that stands for all events so far.
    pub fn hash(&self) -> u64 {
        self.chain
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether lines are kept.
    pub fn has_lines(&self) -> bool {
        self.lines.is_some()
    }

    /// The lines, if they were kept.
    pub fn take_lines(&mut self) -> Vec<String> {
        let lines = self.lines.take();
        lines.map_or(Vec::new(), |lines| std::mem::take(&mut lines.lock()))
    }
}

impl Source {
    fn number(self) -> u64 {
        match self {
            Source::World => 0,
            Source::Node(node) => 1 << 32 | node.0,
            Source::Client(client) => 2 << 32 | client,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::World => write!(f, "world"),
            Source::Node(node) => write!(f, "{node}"),
            Source::Client(client) => write!(f, "c{client}"),
        }
    }
}

impl FromStr for Source {
    type Err = String;

    /// Reads what [`Display`](fmt::Display) writes. The error names what is neither.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is neither `world` nor a node like n1 nor a client like c1");
        if text == "world" {
            return Ok(Source::World);
        }
        let (kind, number) = text.split_at_checked(1).ok_or_else(wrong)?;
        let number = number.parse().map_err(|_| wrong())?;
        match kind {
            "n" => Ok(Source::Node(NodeId(number))),
            "c" => Ok(Source::Client(number)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(lines: bool, at_us: u64, number: u64) -> Journal {
        let mut journal = Journal::new(lines.then(Lines::default));
        let source = Source::Client(1);
        journal.note(at_us, source, "asks", &[number], || json!("x"));
        journal.note(at_us + 1, source, "hears", &[], || json!("y"));
        journal
    }

    #[test]
    fn the_chain_depends_on_times_and_numbers_and_not_on_lines() {
        let base = journal(false, 1, 2).hash();
        assert_eq!(journal(true, 1, 2).hash(), base);
        assert_ne!(journal(false, 2, 2).hash(), base);
        assert_ne!(journal(false, 1, 3).hash(), base);
    }

    #[test]
    fn sources_are_read_as_they_are_written() {
        for source in [Source::World, Source::Node(NodeId(12)), Source::Client(3)] {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        for wrong in ["", "n", "x1", "world1", "é1", "n-1"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_are_json() {
        let lines = journal(true, 1, 2).take_lines();
        assert_eq!(lines.len(), 2);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(
            (&line["who"], &line["what"]),
            (&json!("c1"), &json!("asks"))
        );
    }
}
