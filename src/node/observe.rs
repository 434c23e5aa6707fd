//! What a node lets others watch: every step that Raft's guarantees speak of, at the moment when
//! it becomes true. The simulation's oracles and its event hash live on these events; in
//! production nobody listens.

use bytes::Bytes;

use crate::{
    raft::{Entry, HardState, Membership, Message},
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

/// A listener. It is called from within the node's tasks and must not wait.
pub trait Observer: Send + Sync + 'static {
    /// Takes note of an event of one replica.
    fn event(&self, node: NodeId, shard: ShardId, event: Event<'_>);
}

/// A step of a replica.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The node starts with this on its disk, before it says or does anything.
    Restored {
        /// Term and vote.
        hard_state: HardState,
        /// The entry before the first one kept.
        base: LogPosition,
        /// The entries kept.
        entries: &'a [Entry],
        /// How far the state machine had come, durably.
        applied: LogPosition,
        /// The state machine's rolling hash there.
        hash: u64,
    },
    /// The node became leader of a term.
    Leader {
        /// The term.
        term: Term,
    },
    /// A message was handed to the transport.
    Sent {
        /// The message.
        message: &'a Message,
    },
    /// A message arrived and is about to be taken in.
    Received {
        /// The message.
        message: &'a Message,
    },
    /// A batch of the log is durable.
    Persisted {
        /// The new term and vote, if they changed.
        hard_state: Option<HardState>,
        /// The log began anew after this position, before the entries.
        reset: Option<LogPosition>,
        /// Entries that replace everything from the first one's index on.
        entries: &'a [Entry],
    },
    /// Other members count from now on: those of the last list in the log, committed or not.
    Members {
        /// Who takes part.
        membership: &'a Membership,
    },
    /// The commit index moved. If members changed in the same step, that was told before.
    Committed {
        /// To here.
        index: Index,
    },
    /// A committed entry was applied.
    Applied {
        /// The entry's position.
        at: LogPosition,
        /// The state machine's rolling hash after it.
        hash: u64,
        /// The entry's command; empty of an entry that is none.
        data: &'a Bytes,
    },
    /// A snapshot replaced the state machine, durably.
    Installed {
        /// The last entry in it.
        at: LogPosition,
        /// The rolling hash there.
        hash: u64,
    },
    /// A piece of a snapshot was handed to the transport.
    ChunkSent {
        /// For whom.
        to: NodeId,
        /// Which piece of the snapshot it is, counted from 0.
        sequence: u32,
    },
    /// A client, or the node that forwarded for it, is told that its command was applied.
    Acknowledged {
        /// The command's entry.
        at: LogPosition,
    },
}
