//! What a replica is told about itself, and how it refuses work.

use super::window::WindowMax;
use crate::types::NodeId;

/// The settings of one replica. All replicas of a shard should agree on everything but `id` and
/// `priority`.
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
    /// The most bytes of entries under way to one peer; a single larger entry still travels alone.
    /// With `inflight_max` this is what a follower can cost that is slow or gone: what it is not
    /// sent stays in the log, once for all.
    pub inflight_bytes_max: usize,
    /// The most bytes of entries a leader holds that are not applied yet, before it refuses more; a
    /// single larger entry is still taken when there are none. A follower whose applier is this
    /// many bytes behind takes no more entries either.
    pub uncommitted_bytes_max: usize,
    /// How willingly this replica leads, up to [`PRIORITY_MAX`], the usual. For each step below it
    /// waits half an election timeout longer before it stands, and a leader that hands over prefers
    /// others. It is a wish, not a rule: when nobody else can lead, it will.
    pub priority: u8,
    /// A replica that has heard its leader helps nobody to replace it for so many microseconds of its
    /// own clock, and says so; 0 if it promises nothing beyond what `election_ticks` make it do. Less
    /// than `election_ticks` take, or nobody is elected at the first attempt.
    pub promise_us: u64,
    /// A leader serves reads without a round while a quorum is bound by its promise; by so many
    /// millionths, at most, any clock is too fast or too slow. None: every read takes its round.
    pub lease_drift_ppm: Option<u32>,
}

/// The highest priority, and so the bound of how much longer a replica of a lower one waits.
pub const PRIORITY_MAX: u8 = 3;

impl Config {
    /// How much may be under way to one peer.
    pub(super) fn window_max(&self) -> WindowMax {
        WindowMax {
            appends: self.inflight_max,
            bytes: self.inflight_bytes_max as u64,
        }
    }

    /// Panics on settings with which no replica can live: they are checked at the start of a
    /// process, so here they are a contradiction of our own.
    pub(super) fn assert_sound(&self) {
        assert!(self.heartbeat_ticks >= 1, "a heartbeat takes no time");
        assert!(
            self.election_ticks > self.heartbeat_ticks,
            "followers despair before the leader's next heartbeat"
        );
        assert!(self.inflight_max >= 1, "no append may ever be under way");
        assert!(self.priority <= PRIORITY_MAX, "more willing than can be");
        let drift = self.lease_drift_ppm.unwrap_or_default();
        assert!(drift < 1_000_000, "a clock that stands tells no time");
    }
}

/// Why a command was not taken. It certainly will not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// This replica does not lead: ask the one that does. Also said by a leader that is handing
    /// over, which knows of nobody to ask yet.
    #[error("not the leader; it is {leader:?}")]
    NotLeader {
        /// Who leads, as far as this replica knows.
        leader: Option<NodeId>,
    },
    /// Too many commands wait for the quorum or the state machine: ask again a little later.
    #[error("too many commands are under way")]
    Busy,
}

/// Why a change of who takes part was not begun. It certainly will not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// This replica does not lead: ask the one that does.
    #[error("not the leader; it is {leader:?}")]
    NotLeader {
        /// Who leads, as far as this replica knows.
        leader: Option<NodeId>,
    },
    /// Another change is under way, or the leader is so new that it does not know, or it is handing
    /// over: ask again a little later.
    #[error("another change of members is under way")]
    Busy,
    /// It makes no sense, for this reason: ask for something else.
    #[error("the members cannot be changed so: {0}")]
    Unsound(&'static str),
}

/// Why leadership is not being handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// This replica does not lead: ask the one that does.
    #[error("not the leader; it is {leader:?}")]
    NotLeader {
        /// Who leads, as far as this replica knows.
        leader: Option<NodeId>,
    },
    /// It is being handed over to another already.
    #[error("leadership is being handed over to {0}")]
    Busy(NodeId),
    /// This one is no other voter.
    #[error("{0} is not another voter")]
    NoVoter(NodeId),
    /// No other voter has been heard lately.
    #[error("there is nobody to hand over to")]
    NoSuccessor,
}

/// This replica neither leads nor knows who does, so it cannot place a read: ask again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no leader is known")]
pub struct NotLeader;
