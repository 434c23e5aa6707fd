//! Giving leadership away before it would be missed: at a stop, and when this node's disk stalls.
//!
//! Followers commit without the leader's disk, but its state machine, and so its clients, wait for
//! it. Who is being stopped leads until another does, so that clients notice next to nothing.

use super::replica::Replica;
use crate::env::task::oneshot;

/// After so many election timeouts nobody waits any longer for another leader.
const TIMEOUTS_MAX: u32 = 2;

/// What a replica knows about leaving its leadership.
#[derive(Debug, Default)]
pub(super) struct Resignation {
    /// Told when another leads, or when that did not come to pass.
    waiters: Vec<oneshot::Sender<()>>,
    /// For how many ticks they have waited.
    waiting_ticks: u32,
    /// For how many ticks the log writer has had the same batch.
    writing_ticks: u32,
}

impl Resignation {
    fn tell_all(&mut self) {
        for waiter in self.waiters.drain(..) {
            let _ = waiter.send(());
        }
    }
}

impl Replica {
    /// Hands leadership over, if this replica has it, and tells `done` at the end.
    pub(super) fn resign(&mut self, done: oneshot::Sender<()>) {
        let is_alone = self.raft.membership().voters.len() == 1;
        if is_alone || !self.is_leader() {
            let _ = done.send(());
            return;
        }
        self.resignation.waiters.push(done);
        self.resignation.waiting_ticks = 0;
        // Where it cannot begin yet, it is tried again at every tick.
        let _ = self.raft.transfer_leadership(None);
    }

    /// A batch of the log is durable.
    pub(super) fn disk_answered(&mut self) {
        self.resignation.writing_ticks = 0;
    }

    /// One tick passed.
    pub(super) fn tick_resignation(&mut self) {
        self.watch_disk();
        let resignation = &mut self.resignation;
        if resignation.waiters.is_empty() {
            return;
        }
        resignation.waiting_ticks += 1;
        if resignation.waiting_ticks > TIMEOUTS_MAX * self.limits.election_ticks {
            resignation.tell_all();
        } else if !self.raft.is_handing_over() {
            // Peers count as gone for a moment after each check of the quorum.
            let _ = self.raft.transfer_leadership(None);
        }
    }

    /// A leader whose disk has not answered for as long as others would wait for a leader's word
    /// makes room for one of them.
    fn watch_disk(&mut self) {
        if !self.writing {
            return;
        }
        let ticks = &mut self.resignation.writing_ticks;
        *ticks = ticks.saturating_add(1);
        if *ticks >= self.limits.election_ticks
            && !self.raft.is_handing_over()
            && let Ok(to) = self.raft.transfer_leadership(None)
        {
            let shard = self.link.shard;
            tracing::warn!("{shard}: the disk has stalled: {to} is asked to lead");
        }
    }

    /// Tells those who wait for another leader that there is one.
    pub(super) fn tell_resigned(&mut self) {
        if self.raft.leader().is_some() && !self.is_leader() {
            self.resignation.tell_all();
        }
    }

    fn is_leader(&self) -> bool {
        self.raft.leader() == Some(self.link.node)
    }
}
