//! What a run leaves behind.

use std::sync::Arc;

use parking_lot::Mutex;
use sisyphus::{env::rare, history};

use super::World;
use crate::{coverage::Coverage, oracle::Violation, trace::Lines};

/// What a run leaves behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The number that stands for everything that happened.
    pub hash: u64,
    /// How many events that were.
    pub events: u64,
    /// What must not have happened and did.
    pub violation: Option<Violation>,
    /// When it was noticed, in milliseconds; none if the run broke off with it.
    pub violated_ms: Option<u64>,
    /// The clients' operations that were done, that were certainly not, and that nobody knows about.
    pub operations: Tally,
    /// The operations that clients began, in order.
    pub begun: Vec<Begun>,
    /// What struck, in order.
    pub strikes: Vec<Strike>,
    /// The virtual time that it took, in milliseconds.
    pub simulated_ms: u64,
    /// The processor's time that it took, in microseconds.
    pub cpu_us: u64,
    /// The rare things that happened.
    pub coverage: Coverage,
    /// The events as JSON lines, if asked for.
    pub lines: Vec<String>,
    /// What the clients saw, if lines were asked for and the run came to its end.
    pub history: Vec<history::Event>,
}

/// Operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Done.
    pub done: u64,
    /// Certainly not done.
    pub failed: u64,
    /// Either.
    pub unknown: u64,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    NotDone,
    Unknown,
}

impl Tally {
    /// Takes one more operation in.
    pub(super) fn count(&mut self, end: End) {
        *match end {
            End::Done => &mut self.done,
            End::NotDone => &mut self.failed,
            End::Unknown => &mut self.unknown,
        } += 1;
    }
}

/// An operation that began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The client.
    pub client: u64,
    /// The number of the operation among those of the client.
    pub operation: u64,
    /// When, in milliseconds.
    pub at_ms: u64,
}

/// A fault that struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Its place in the plan.
    pub place: usize,
    /// When, in milliseconds.
    pub at_ms: u64,
    /// If it waited for an event: which of that kind in this millisecond.
    pub nth: u64,
}

/// What the shrinker needs to know about a run, to write its plan down with the times at which things
/// happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The operations that clients began, in order.
    pub begun: Vec<Begun>,
    /// What struck, in order.
    pub strikes: Vec<Strike>,
}

/// What is written down during a run. Whoever started it holds this too, so that a run that panics
/// leaves it behind.
#[derive(Clone, Debug, Default)]
pub struct Notes {
    /// Every event as a line of JSON, if wanted.
    pub lines: Option<Lines>,
    /// The rest.
    pub record: Arc<Mutex<Record>>,
}

impl Notes {
    /// Nothing yet; lines are kept if `lines`.
    pub fn new(lines: bool) -> Self {
        Notes {
            lines: lines.then(Lines::default),
            record: Arc::default(),
        }
    }

    /// The outcome of a run that did not come to its end, with the notes up to there.
    pub fn of_broken(&self, violation: Violation) -> Outcome {
        let lines = self.lines.as_ref();
        let Record { begun, strikes } = std::mem::take(&mut *self.record.lock());
        Outcome {
            violation: Some(violation),
            begun,
            strikes,
            lines: lines.map_or(Vec::new(), |lines| std::mem::take(&mut lines.lock())),
            ..Outcome::default()
        }
    }
}

impl World {
    /// The fault at `place` of the plan strikes.
    pub(super) fn note_strike(&self, place: usize) {
        let strike = Strike {
            place,
            at_ms: self.now_us() / 1_000,
            nth: self.hub.lock().vigil.nth(place).unwrap_or(1),
        };
        self.notes.record.lock().strikes.push(strike);
    }

    /// Sums the run up.
    pub(super) fn outcome(&self) -> Outcome {
        let mut hub = self.hub.lock();
        let Record { begun, strikes } = std::mem::take(&mut *self.notes.record.lock());
        Outcome {
            hash: hub.journal.hash(),
            events: hub.journal.events(),
            violation: hub.violation.take(),
            violated_ms: hub.violated_us.map(|us| us / 1_000),
            operations: hub.tally,
            coverage: hub.rare.coverage(rare::seen().into_keys()),
            begun,
            strikes,
            simulated_ms: self.now_us() / 1_000,
            cpu_us: 0,
            history: match hub.journal.has_lines() {
                true => self.recorder.events(),
                false => Vec::new(),
            },
            lines: hub.journal.take_lines(),
        }
    }
}
