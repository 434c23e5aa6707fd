//! The numbers that everybody speaks of. All are `u64`: a 32-bit term or index wraps in a busy
//! cluster's lifetime.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A member of the cluster. Never 0, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

/// One Raft group and the part of the key space it owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShardId(pub u32);

/// A Raft term: the logical clock of elections (Raft §5.1). 0 before the first election.
pub type Term = u64;

/// The position of an entry in a shard's Raft log. The first entry has index 1; 0 is "before all".
pub type Index = u64;

/// The counter of write transactions of a shard. The first write makes revision 2, as in etcd,
/// where an empty store stands at revision 1.
pub type Revision = u64;

/// A place in a Raft log: the index of an entry and the term in which a leader created it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct LogPosition {
    // Term first: the derived order is then Raft's "more up to date" (§5.4.1).
    /// The term of the leader that created the entry.
    pub term: Term,
    /// The entry's index.
    pub index: Index,
}

/// Who sends a request, and which of its requests this is: the key of exactly-once. A client
/// draws its id at random, counts its requests from 1, and has one request under way at a time;
/// a repeated request carries the same pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// The client, drawn at random from 64 bits.
    pub client: u64,
    /// The number of the request within the client's session, from 1.
    pub sequence: u64,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}
