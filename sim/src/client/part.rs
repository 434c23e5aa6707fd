//! The parts of a workload: each has keys of its own, knows what to ask next, and checks what it hears
//! against what its keys must always add up to.

use sisyphus::{history::Call, rng::Rng, types::Revision};

use crate::oracle::{
    Violation,
    asked::{Answer, Asked, Freshness},
};

/// One question.
pub(super) struct Step {
    /// What to ask.
    pub asked: Asked,
    /// The same as a call on one key, if the checker of histories is to judge it.
    pub call: Option<Call>,
}

/// What a part goes by when it chooses.
pub(super) struct Turn {
    /// The draws of this operation.
    pub rng: Rng,
    /// A name that no other operation of the run has.
    pub tag: String,
    /// How fresh a read is to be.
    pub freshness: Freshness,
    /// The greatest revision that the client has heard of.
    pub seen: Revision,
}

/// A part of a workload, as one client plays it.
pub(super) trait Part: Send + Sync {
    /// What to ask.
    fn next(&mut self, turn: &mut Turn) -> Step;

    /// Learns from an answer. The error says what it contradicts.
    fn learn(&mut self, step: &Step, answer: &Answer) -> Result<(), Violation>;
}

impl From<Asked> for Step {
    fn from(asked: Asked) -> Self {
        Step { asked, call: None }
    }
}
