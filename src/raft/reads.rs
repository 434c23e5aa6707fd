//! Linearizable reads without the log (thesis §6.4).
//!
//! A read may be served from the state as of a commit index that was current at some moment after
//! the read began. A leader knows the commit index of its term, but not whether the term is over:
//! a quorum that answers a heartbeat sent after the read began says that it was not. So reads wait
//! in a queue; the next heartbeat round takes all of them with the commit index of its beginning;
//! when a quorum has answered it, or a later one, they may be served. One round at a time: what
//! queues up meanwhile is the next round's batch.

use crate::types::{Index, NodeId};

/// The most reads that a leader keeps waiting.
const READS_MAX: usize = 16_384;

/// The reads that a leader keeps waiting.
#[derive(Debug, Default)]
pub(super) struct Reads {
    waiting: Vec<Read>,
    round: Option<Round>,
}

/// A read that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Where it began: at the leader itself or at a follower.
    pub at: NodeId,
    /// How that node calls it.
    pub id: u64,
}

#[derive(Debug)]
struct Round {
    number: u64,
    commit: Index,
    reads: Vec<Read>,
}

impl Reads {
    /// Lets a read wait. False if too many do.
    pub fn add(&mut self, read: Read) -> bool {
        let has_room = self.waiting.len() < READS_MAX;
        if has_room {
            self.waiting.push(read);
        }
        has_room
    }

    /// Whether no read waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.round.is_none()
    }

    /// Takes all reads that wait: they may be served as of this moment.
    pub fn take_all(&mut self) -> Vec<Read> {
        std::mem::take(self).into_all().collect()
    }

    /// Whether reads wait for a round and none is under way.
    pub fn want_round(&self) -> bool {
        self.round.is_none() && !self.waiting.is_empty()
    }

    /// A heartbeat round begins, and everything up to `commit` is committed.
    pub fn begin(&mut self, number: u64, commit: Index) {
        if self.want_round() {
            let reads = std::mem::take(&mut self.waiting);
            self.round = Some(Round {
                number,
                commit,
                reads,
            });
        }
    }

    /// A quorum has answered round `number` or a later one. Returns the reads that may be served,
    /// and the index that must be applied first.
    pub fn confirm(&mut self, number: u64) -> (Index, Vec<Read>) {
        match self.round.take_if(|round| round.number <= number) {
            Some(round) => (round.commit, round.reads),
            None => (0, Vec::new()),
        }
    }

    /// All that wait, to be told that nobody will answer.
    pub fn into_all(self) -> impl Iterator<Item = Read> {
        let confirming = self.round.into_iter().flat_map(|round| round.reads);
        confirming.chain(self.waiting)
    }
}
