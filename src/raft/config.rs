//! What a replica is told about itself, and how it refuses work.

use crate::types::NodeId;

/// The settings of one replica. All replicas of a shard should agree on everything but `id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// This replica.
    pub id: NodeId,
    /// A leader shows itself every so many ticks.
    pub heartbeat_ticks: u32,
    /// A follower waits for its leader from this many ticks to just under twice as many; a leader
    /// that a quorum has not answered for this many steps down.
    pub election_ticks: u32,
    /// The most bytes of entries in one append; a single larger entry still travels alone.
    pub append_bytes_max: usize,
    /// The most appends with entries under way to one peer.
    pub inflight_max: usize,
    /// The most bytes of entries a leader holds that are not applied yet, before it refuses more; a
    /// single larger entry is still taken when there are none. A follower whose applier is this
    /// many bytes behind takes no more entries either.
    pub uncommitted_bytes_max: usize,
}

impl Config {
    /// Panics on settings with which no replica can live: they are checked at the start of a
    /// process, so here they are a contradiction of our own.
    pub(super) fn assert_sound(&self) {
        assert!(self.heartbeat_ticks >= 1, "a heartbeat takes no time");
        assert!(
            self.election_ticks > self.heartbeat_ticks,
            "followers despair before the leader's next heartbeat"
        );
        assert!(self.inflight_max >= 1, "no append may ever be under way");
    }
}

/// Why a command was not taken. It certainly will not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This replica does not lead: ask the one that does.
    #[error("not the leader; it is {leader:?}")]
    NotLeader {
        /// Who leads, as far as this replica knows.
        leader: Option<NodeId>,
    },
    /// Too many commands wait for the quorum or the state machine: ask again a little later.
    #[error("too many commands are under way")]
    Busy,
}

/// This replica neither leads nor knows who does, so it cannot place a read: ask again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no leader is known")]
pub struct NotLeader;
