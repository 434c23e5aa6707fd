//! How things stand, for those who ask from outside.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;
use serde::Serialize;

use super::Roster;
use crate::{
    lsm, raft,
    types::{Index, LogPosition, NodeId, Revision, ShardId, Term},
};

/// A node and its shards.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The cluster it belongs to.
    pub cluster: u64,
    /// The node.
    pub node: NodeId,
    /// Why it no longer serves, if it has failed.
    pub failure: Option<String>,
    /// Its shards, in the order of their ids.
    pub shards: Vec<ShardStatus>,
}

/// One shard on one node.
#[derive(Clone, Debug, Serialize)]
pub struct ShardStatus {
    /// The shard.
    pub shard: ShardId,
    /// Who takes part, as of the last applied entry.
    pub roster: Roster,
    /// What Raft says.
    #[serde(flatten)]
    pub raft: RaftStatus,
    /// The revision that reads see.
    pub revision: Revision,
    /// What the storage engine says.
    pub lsm: lsm::Stats,
}

/// A replica's place in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RaftStatus {
    /// Its part in the term.
    pub role: raft::RoleName,
    /// Its term.
    pub term: Term,
    /// The leader it knows of.
    pub leader: Option<NodeId>,
    /// The commit index.
    pub commit: Index,
    /// The last entry that the state machine has taken in.
    pub applied: Index,
    /// The last entry of the log.
    pub last: LogPosition,
    /// The first entry that is still in the log.
    pub first: Index,
    /// Its disk has lost entries, and it neither votes nor stands until it has them again.
    pub recovering: bool,
    /// Groups of reads that this process has answered as a leader without a round, by a lease.
    pub lease_reads: u64,
}

/// How old what a node reads without asking anybody may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Behind {
    /// Entries that this node knows to be committed, and has not applied.
    pub entries: u64,
    /// Milliseconds since its leader spoke to it; 0 on the leader. None while it knows of none.
    /// What was committed since then it may not know of.
    pub leader_heard_ms: Option<u64>,
}

/// Where the replica loop leaves its status. The lock is held for a copy of a few words.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    latest: Arc<Mutex<RaftStatus>>,
    /// When the leader was heard last, in microseconds of the node's clock.
    heard_us: Arc<AtomicU64>,
}

impl Board {
    pub(super) fn publish(&self, status: RaftStatus) {
        *self.latest.lock() = status;
    }

    pub(super) fn read(&self) -> RaftStatus {
        *self.latest.lock()
    }

    /// The leader was heard.
    pub(super) fn heard(&self, now_us: u64) {
        self.heard_us.store(now_us, Ordering::Relaxed);
    }

    /// How old the node's state may be.
    pub(super) fn behind(&self, now_us: u64) -> Behind {
        let status = self.read();
        let since_us = match status.role {
            raft::RoleName::Leader => 0,
            _ => now_us.saturating_sub(self.heard_us.load(Ordering::Relaxed)),
        };
        Behind {
            entries: status.commit.saturating_sub(status.applied),
            leader_heard_ms: status.leader.map(|_| since_us / 1_000),
        }
    }
}

impl RaftStatus {
    /// The status of a core.
    pub(super) fn of(raft: &raft::Raft) -> Self {
        let raft::Status {
            role,
            term,
            leader,
            commit,
            applied,
            last,
            first,
            recovering,
            lease_reads,
            ..
        } = raft.brief();
        RaftStatus {
            role,
            term,
            leader,
            commit,
            applied,
            last,
            first,
            recovering,
            lease_reads,
        }
    }
}
