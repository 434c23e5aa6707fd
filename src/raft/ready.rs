//! What the pure core wants done, and what is told to it when it is.

use super::{Entry, Membership, Message};
use crate::types::{Index, LogPosition, NodeId, Term};

/// What must be on disk before a node speaks for a term (§5.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardState {
    /// The latest term this node has seen.
    pub term: Term,
    /// Whom it voted for in that term.
    pub vote: Option<NodeId>,
}

/// What the entries of a log follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The entry before the first one.
    pub at: LogPosition,
    /// Who took part as of that entry.
    pub membership: Membership,
}

/// What a node found on its disk, from which a `Raft` is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Term and vote.
    pub hard_state: HardState,
    /// What comes before the first entry kept: everything up to here is in the state machine,
    /// durably. The base of a log that begins at index 0 says who founded the shard; it names nobody
    /// on a node that is still to join.
    pub base: Base,
    /// The entries after `base`, consecutive. None of a log that lacks `base` itself: a snapshot may
    /// have become durable in the state machine before the log was made to begin after it.
    pub entries: Vec<Entry>,
    /// How far the state machine had come, durably: at least `base`, which 0 stands for, and within
    /// the log. It is not applied again.
    pub applied: Index,
    /// The disk was damaged, and the log may have held entries, and vouched for them, that it lacks
    /// now; or this was so once, and no [`Persist::damaged`] has said otherwise since. Term and vote
    /// are what they were: who has lost those must not be started again.
    pub damaged: bool,
}

/// Which stages behind the core are free to take work now, and what it is time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// The log writer is idle.
    pub persist: bool,
    /// The applier takes at most this many bytes of entries, but always one entry; none if it is
    /// busy and this is 0.
    pub apply_bytes: usize,
    /// It is time to tell followers of commits that no append has told them of: an append of its own
    /// for every commit would cost as much as the entries.
    pub tell: bool,
}

/// The work that has accumulated. Messages may leave at once: the core itself withholds those that
/// vouch for the disk (votes, append acknowledgements) until [`Raft::persisted`](super::Raft::persisted).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// To be sent, in any order, possibly lost.
    pub send: Vec<Message>,
    /// To be written and synced as one.
    pub persist: Option<Persist>,
    /// Committed entries, in order, to be applied.
    pub apply: Vec<Entry>,
    /// Reads of this node that may be served as soon as the index is applied: (read id, index).
    pub reads: Vec<(u64, Index)>,
    /// Reads of this node that nobody will answer any more (leader lost); to be asked again.
    pub reads_lost: Vec<u64>,
    /// Peers that need a snapshot because the log no longer reaches back to them. Named once; the
    /// node reports the end by `Raft::snapshot_ended`.
    pub snapshots: Vec<NodeId>,
}

/// One batch for the log. When several parts are present they take effect in the order of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persist {
    /// Handed back to the core when the batch is durable.
    pub ticket: u64,
    /// The new term and vote.
    pub hard_state: Option<HardState>,
    /// The log begins anew here (a snapshot was installed): all entries are dropped.
    pub reset: Option<Base>,
    /// Consecutive entries; they replace everything from the first one's index on.
    pub entries: Vec<Entry>,
    /// From now on the log counts as [`Restored::damaged`], or no longer does: with these entries it
    /// has again everything that it ever vouched for.
    pub damaged: Option<bool>,
}
