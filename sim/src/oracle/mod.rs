//! What must never happen, each in a file of its own with the section of the paper that it stands
//! for. An oracle knows nothing of the plan: it looks at what nodes and clients do, and says when
//! that contradicts itself.
//!
//! | name | what it demands | when it looks |
//! |---|---|---|
//! | [`Els`] | at most one leader in a term | at every event |
//! | [`Logm`] | equal (index, term) means equal entries and equal predecessors | at every event |
//! | [`Sms`] | every replica applies the same commands, in order, once | at every event |
//! | [`Mono`] | terms, votes, commit, applied and what was durable never go back, restarts included | at every event |
//! | [`Prom`] | a vote or an acknowledgement leaves a node only when its disk backs it | at every event |
//! | [`Dur`] | every acknowledged write is there at the end, on every replica | at the end |
//! | [`lin`] | the clients' history is linearizable | at the end |
//! | [`check_values`] (`VAL`) | no value is read that was never written; of runs beyond the budget only this | at the end |
//! | `LIVE` | healed, the cluster serves again and agrees, within the plan's bound | at the end |
//! | `DET` | the same plan gives the same events again | on a second run |
//! | `PAN` | no server panics, refuses to start, or stops serving | always |
//!
//! The last three need no state: the run itself notices them (`world/`, `run`).
//!
//! The first violation is the verdict. What follows one is often nonsense.

mod ablation;
mod dur;
mod els;
pub mod lin;
mod log;
mod logm;
mod mono;
mod prom;
mod sms;
mod val;

#[cfg(test)]
mod testing;

use sisyphus::{
    node::Event,
    types::{NodeId, ShardId},
};

pub(crate) use ablation::counted;
pub use ablation::switch_off;
pub use dur::{Dur, check_final};
pub use els::Els;
pub use logm::Logm;
pub use mono::Mono;
pub use prom::{Prom, Promised};
pub use sms::Sms;
pub use val::check_values;

/// A property that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The oracle's name: `ELS`, `LIN`, …
    pub oracle: &'static str,
    /// What contradicts what.
    pub what: String,
}

impl Violation {
    /// A violation of `oracle`.
    pub fn new(oracle: &'static str, what: impl Into<String>) -> Self {
        Violation {
            oracle,
            what: what.into(),
        }
    }
}

/// An oracle that looks at every event of every node.
pub trait Oracle: Send {
    /// Takes an event; the error says what it contradicts.
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation>;
}

/// All oracles that look at every event.
#[derive(Default)]
pub struct Panel {
    els: Els,
    logm: Logm,
    sms: Sms,
    mono: Mono,
    /// What is durable where.
    pub prom: Prom,
    /// Writes that clients were told of.
    pub dur: Dur,
}

impl Panel {
    /// The drive of `node` was damaged: its log may have lost entries that it had.
    pub fn forgive(&mut self, node: NodeId) {
        self.mono.forgive(node);
    }

    /// Shows an event to every oracle, in the order of the table.
    pub fn event(
        &mut self,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        let oracles: [&mut dyn Oracle; 6] = [
            &mut self.els,
            &mut self.logm,
            &mut self.sms,
            &mut self.mono,
            &mut self.prom,
            &mut self.dur,
        ];
        for oracle in oracles {
            counted(oracle.event(node, shard, event))?;
        }
        Ok(())
    }
}
