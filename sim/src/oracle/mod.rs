//! What must never happen, each in a file of its own with the section of the paper that it stands
//! for. An oracle knows nothing of the plan: it looks at what nodes and clients do, and says when
//! that contradicts itself.
//!
//! | name | what it demands | when it looks |
//! |---|---|---|
//! | [`Els`] | at most one leader in a term | at every event |
//! | [`Logm`] | equal (index, term) means equal entries and equal predecessors | at every event |
//! | [`Lc`] | what is committed is in the log of every later leader, and nobody denies it | at every event |
//! | [`Sms`] | every replica applies the same commands, in order, once | at every event |
//! | [`Mono`] | terms, votes, commit, applied and what was durable never go back, restarts included | at every event |
//! | [`Qrm`] | what is committed is on a quorum of durable logs | at every event |
//! | [`Prom`] | a vote, an acknowledgement or a read index leaves a node only when disks back it | at every event; against the disk's image now and then |
//! | [`Pre`] | nobody leads who has not heard the votes of a majority, nor begins a term whom no majority would elect; no leader calls a successor that lacks something | at every event |
//! | [`Keep`] | who has promised a leader to help nobody else for a while keeps to it, restarts included | at every event, in runs that trust clocks |
//! | [`mem`] | logs, files and memory stay within bounds | four times a second |
//! | [`lin`] | the clients' history is linearizable, by revision and by search | at every answer; at the end |
//! | [`xo`] | a write is done once, at the revision that was told, or not at all | at every answer; at the end |
//! | [`snap`] | a read shows one point of history | at every answer |
//! | [`stale`] | a read that may be old is no older than it says | at every answer |
//! | [`Dur`] | every acknowledged write is there at the end, on every replica | at the end |
//! | [`aud`] | stores hold what the commands come to, files what the manifests say; all agree who takes part | at the end |
//! | [`check_values`] (`VAL`) | no value is read that was never written; of runs beyond the budget only this | at the end |
//! | `LIVE` | healed, the cluster serves again and agrees, within the plan's bound | at the end |
//! | `DET` | the same plan gives the same events again | on a second run |
//! | `PAN` | no server panics, refuses to start, or stops serving | always |
//!
//! The last three need no state: the run itself notices them (`world/`, `run`). What the oracles know in
//! common is kept once: [`evidence`] of what is durable where, and the [`truth`], a dumb twin of the store.
//!
//! The first violation is the verdict. What follows one is often nonsense.

mod ablation;
pub mod asked;
pub mod aud;
mod clients;
mod dur;
mod els;
mod evidence;
mod judge;
mod keep;
mod lc;
pub mod lin;
mod log;
mod logm;
pub mod mem;
mod mono;
mod pre;
mod prom;
mod qrm;
mod sms;
pub mod snap;
pub mod stale;
pub mod truth;
mod val;
pub mod xo;

#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeSet;

use sisyphus::{
    node::Event,
    types::{Index, NodeId, ShardId},
};

use crate::plan::Plan;

pub(crate) use ablation::counted;
pub use ablation::switch_off;
pub use clients::Clients;
pub use dur::{Dur, check_final};
pub use els::Els;
use evidence::Evidence;
use judge::Judge;
pub use keep::Keep;
pub use lc::Lc;
pub use logm::Logm;
pub use mem::{Bounds, Mem, Sample};
pub use mono::Mono;
pub use pre::Pre;
pub use prom::{Prom, Promised};
pub use qrm::Qrm;
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
pub struct Panel {
    els: Els,
    sms: Sms,
    mono: Mono,
    known: Evidence,
    logm: Logm,
    lc: Lc,
    qrm: Qrm,
    prom: Prom,
    pre: Pre,
    keep: Keep,
    mem: Mem,
    /// Writes that clients were told of.
    pub dur: Dur,
    /// What clients hear.
    pub clients: Clients,
}

impl Panel {
    /// The oracles of a run of `plan`.
    pub fn new(plan: &Plan) -> Self {
        Panel {
            els: Els::default(),
            sms: Sms::default(),
            mono: Mono::default(),
            known: Evidence::default(),
            logm: Logm::default(),
            lc: Lc::default(),
            qrm: Qrm::default(),
            prom: Prom::default(),
            pre: Pre::default(),
            keep: Keep::new(plan),
            mem: Mem::new(Bounds::of(plan)),
            dur: Dur::default(),
            clients: Clients::default(),
        }
    }

    /// What is shown from now on happens at this time, in microseconds since the run began.
    pub fn tell_time(&mut self, now_us: u64) {
        self.keep.tell_time(now_us);
    }

    /// Shows an event to every oracle, in the order of the table.
    pub fn event(
        &mut self,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        self.known.event(node, shard, event);
        let oracles: [&mut dyn Oracle; 6] = [
            &mut self.els,
            &mut self.sms,
            &mut self.mono,
            &mut self.keep,
            &mut self.mem,
            &mut self.dur,
        ];
        for oracle in oracles {
            counted(oracle.event(node, shard, event))?;
        }
        let judges: [&mut dyn Judge; 5] = [
            &mut self.logm,
            &mut self.lc,
            &mut self.qrm,
            &mut self.prom,
            &mut self.pre,
        ];
        for judge in judges {
            counted(judge.judge(&self.known, node, shard, event))?;
        }
        counted(self.clients.event(node, shard, event))
    }

    /// The drive of `node` was damaged: its log may have lost entries that it had.
    pub fn forgive(&mut self, node: NodeId) {
        self.mono.forgive(node);
    }

    /// The drive of `node` was emptied: nothing that it says from now on is a promise, and nobody may listen
    /// to it under its old number. What it had acknowledged still counts where it was counted.
    pub fn forget(&mut self, node: NodeId) {
        self.mono.forget(node);
        self.keep.forget(node);
        self.known.forget(node);
    }

    /// What is durable of a log, as its events tell.
    pub fn promised(&self, shard: ShardId, node: NodeId) -> Promised {
        let replica = self.known.replica(node, shard);
        Promised::of(replica.map(|replica| &replica.log))
    }

    /// Whether so many of `nodes` have the same durable entry at `index`, or have it behind them in
    /// their state machines.
    pub fn is_held(
        &self,
        shard: ShardId,
        index: Index,
        nodes: &BTreeSet<NodeId>,
        count: usize,
    ) -> bool {
        self.known.is_held(shard, index, nodes, count)
    }
}
