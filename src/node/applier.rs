//! The stage that applies committed entries, one task per shard. It alone writes the state machine;
//! while it works, or waits for a write stall to end, the replica goes on electing and replicating.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Event, Failure, Fate, Roster, StartError, divergence,
    fate::Waiter,
    fence,
    incoming::Incoming,
    link::Link,
    outgoing::{self, Outgoing, Road},
    replica::Completion,
};
use crate::{
    env::{
        Disk, rare,
        task::{Receiver, Sender, Tasks, watch},
    },
    machine::{Machine, MachineError, Members},
    raft::{Base, Entry, Payload},
    rpc::{SnapshotChunk, SnapshotOffer, StateHash},
    types::{Index, NodeId},
};

/// Entries that change little (reads in the log, refused commands) fill no memtable, and so cause
/// no flush, and without a flush the log cannot be cut. After this many times the memtable's
/// threshold in log bytes the machine makes a checkpoint all the same.
const LOG_PER_MEMTABLE: usize = 2;

/// What an entry costs in the log beside its command, in bytes; an estimate.
const ENTRY_OVERHEAD: usize = 64;

/// Work for the applier.
#[derive(Debug)]
pub(super) enum ApplierJob {
    /// Committed entries in order, each with whoever waits for it.
    Apply(Vec<(Entry, Option<Waiter>)>),
    /// A peer needs a snapshot: make one and send it.
    SendSnapshot(Outgoing),
    /// A peer has a snapshot for this replica.
    Offer(NodeId, SnapshotOffer),
    /// A chunk of it arrived.
    Chunk(NodeId, SnapshotChunk),
    /// The state machine is wrong, for this reason: nothing more may come of it.
    Fence(String),
}

/// The applier of one shard.
pub(super) struct Applier {
    pub(super) machine: Machine,
    pub(super) link: Link,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) jobs: Receiver<ApplierJob>,
    pub(super) failure: Failure,
    pub(super) memtable_bytes: usize,
    pub(super) incoming: Option<Incoming>,
    /// Bytes of log since the machine's last checkpoint.
    pub(super) log_bytes: usize,
    /// The snapshots on their way to peers.
    pub(super) senders: Tasks,
    /// How they go.
    pub(super) road: Road,
    /// Where others see who belongs to the cluster.
    pub(super) roster: watch::Sender<Roster>,
}

impl Applier {
    /// Works until the replica is gone or the state machine fails.
    pub(super) async fn run(mut self, done: Sender<Completion>) {
        while let Some(job) = self.jobs.recv().await {
            let result = match job {
                ApplierJob::Apply(entries) => self.apply_all(entries).await.map(Some),
                ApplierJob::Offer(from, offer) => {
                    self.take_offer(from, offer);
                    Ok(None)
                }
                ApplierJob::Chunk(from, chunk) => self.receive(from, chunk).await,
                ApplierJob::SendSnapshot(outgoing) => {
                    self.send_snapshot(outgoing, done.clone());
                    Ok(None)
                }
                ApplierJob::Fence(why) => return self.fence(why).await,
            };
            match result {
                // A closed channel means that the node is stopping.
                Ok(Some(completion)) => drop(done.send(completion).await),
                Ok(None) => {}
                Err(error) => {
                    self.failure.report(format!("{}: {error}", self.link.shard));
                    return;
                }
            }
        }
    }

    async fn apply_all(
        &mut self,
        entries: Vec<(Entry, Option<Waiter>)>,
    ) -> Result<Completion, MachineError> {
        let mut states = Vec::new();
        for (entry, waiter) in entries {
            let index = entry.at.index;
            // Entries that a snapshot already holds: after a restart, or when one was installed
            // while they were under way. What they answered is not known any more.
            if entry.at.index <= self.machine.applied().index {
                if let Some(waiter) = waiter {
                    let why = "its effect arrived in a snapshot";
                    self.link.answer(waiter, Fate::Unknown(why.into()));
                }
                continue;
            }
            self.apply(entry, waiter).await?;
            if index.is_multiple_of(divergence::EVERY) {
                let hash = self.machine.hash();
                states.push(StateHash { index, hash });
            }
        }
        self.forget_overtaken();
        let (applied, durable) = (self.machine.applied().index, self.machine.durable());
        Ok(Completion::Applied {
            applied,
            durable,
            states,
        })
    }

    /// Marks the data directory, so that the node does not start on this state again, and gives up.
    async fn fence(&self, why: String) {
        if let Err(error) = fence::mark(&self.disk, &why).await {
            tracing::error!("the data directory cannot be marked: {error}");
        }
        self.failure.report(why);
    }

    async fn apply(&mut self, entry: Entry, waiter: Option<Waiter>) -> Result<(), MachineError> {
        let nothing = Bytes::new();
        let (at, machine) = (entry.at, &mut self.machine);
        let (data, outcome) = match &entry.payload {
            Payload::Command(data) => (data, machine.apply(at, data).await?),
            Payload::Noop => (&nothing, machine.apply(at, &nothing).await?),
            Payload::Membership(new) => (&nothing, Ok(machine.reconfigure(at, new)?)),
        };
        let hash = self.machine.hash();
        self.link.observe(Event::Applied {
            at: entry.at,
            hash,
            data,
        });
        if let Some(waiter) = waiter {
            self.link.answer(
                waiter,
                Fate::Done {
                    at: entry.at,
                    outcome,
                },
            );
        }
        // After the answer: one that removes this node is the last that it gives.
        if entry.payload.membership().is_some() || Members::is_command(data) {
            self.show_members(at.index);
        }
        self.log_bytes += entry.payload.data().len() + ENTRY_OVERHEAD;
        let is_due = self.log_bytes > LOG_PER_MEMTABLE * self.memtable_bytes;
        if is_due || rare::buggify("make a checkpoint early") {
            self.log_bytes = 0;
            return self.machine.checkpoint().await;
        }
        self.machine.settle().await
    }

    /// Lets others see who belongs to the cluster from the entry at `since` on. A node that does not
    /// any more has nothing to say to anybody.
    fn show_members(&self, since: Index) {
        let roster = Roster::of(&self.machine, since);
        let removed = roster.members.was_removed(self.link.node);
        self.roster.send_replace(roster);
        if removed {
            self.failure
                .report(StartError::Removed(self.link.node.0).to_string());
        }
    }

    fn send_snapshot(&mut self, outgoing: Outgoing, done: Sender<Completion>) {
        let (snapshot, road) = (self.machine.snapshot(), self.road.clone());
        self.senders
            .spawn(outgoing::send(outgoing, snapshot, road, done));
    }

    async fn receive(
        &mut self,
        from: NodeId,
        chunk: SnapshotChunk,
    ) -> Result<Option<Completion>, MachineError> {
        let Some(at) = self.take_chunk(from, chunk).await? else {
            return Ok(None);
        };
        self.log_bytes = 0;
        self.show_members(at.index);
        self.link.observe(Event::Installed {
            at,
            hash: self.machine.hash(),
        });
        let membership = self.machine.membership().clone();
        let base = Base { at, membership };
        Ok(Some(Completion::Installed { base }))
    }
}
