//! Giving leadership away before it would be missed: at a stop, and when this node's disk stalls.
//!
//! Followers commit without the leader's disk, but its state machine, and so its clients, wait for
//! it. Who is being stopped leads until another does, so that clients notice next to nothing.

use super::replica::Replica;
use crate::env::task::oneshot;

/// What a replica knows about leaving its leadership.
#[derive(Debug, Default)]
pub(super) struct Resignation {
    /// Told when another leads, or when that did not come to pass.
    waiters: Vec<oneshot::Sender<()>>,
    /// For how many ticks the log writer has had the same batch.
    writing_ticks: u32,
}

impl Replica {
    /// Hands leadership over, if this replica has it, and tells `done` at the end.
    pub(super) fn resign(&mut self, done: oneshot::Sender<()>) {
        if self.raft.transfer_leadership(None).is_ok() {
            self.resignation.waiters.push(done);
        } else {
            // Nothing to hand over, or nobody to take it.
            let _ = done.send(());
        }
    }

    /// A batch of the log is durable.
    pub(super) fn disk_answered(&mut self) {
        self.resignation.writing_ticks = 0;
    }

    /// One tick passed. A leader whose disk has not answered for as long as others would wait for
    /// a leader's word makes room for one of them.
    pub(super) fn watch_disk(&mut self) {
        if !self.writing {
            return;
        }
        let ticks = &mut self.resignation.writing_ticks;
        *ticks += 1;
        if (*ticks).is_multiple_of(self.limits.election_ticks)
            && let Ok(to) = self.raft.transfer_leadership(None)
        {
            let shard = self.link.shard;
            tracing::warn!("{shard}: the disk has stalled: {to} is asked to lead");
        }
    }

    /// Tells those who wait for the end of this replica's leadership, if it has come.
    pub(super) fn tell_resigned(&mut self) {
        let is_settled = self.raft.leader().is_some() && !self.raft.is_handing_over();
        if is_settled {
            for waiter in self.resignation.waiters.drain(..) {
                let _ = waiter.send(());
            }
        }
    }
}
