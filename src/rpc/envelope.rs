//! What one node says to another, in the words of the domain.

use bytes::Bytes;

use crate::{
    raft,
    types::{LogPosition, NodeId, ShardId, Term},
};

/// A message between two nodes, for one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The cluster of the sender; a receiver of another one does not listen.
    pub cluster: u64,
    /// The Raft group that is spoken of.
    pub shard: ShardId,
    /// The sender.
    pub from: NodeId,
    /// The receiver, another node than the sender.
    pub to: NodeId,
    /// What is said.
    pub body: PeerBody,
}

/// The kinds of messages between nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerBody {
    /// The consensus protocol. Its sender and receiver are those of the envelope.
    Raft(raft::Message),
    /// A command from a node that does not lead to the one that does.
    Forward {
        /// Chosen by the asking node, repeated in the reply.
        number: u64,
        /// The incarnation of the asking process, repeated in the reply, so that a process that
        /// started again does not take an old answer for its own.
        origin: u64,
        /// The term in which the receiver is believed to lead.
        term: Term,
        /// How long the answer is of use, in milliseconds; at least 1.
        timeout_ms: u32,
        /// The encoded machine command; not empty.
        command: Bytes,
    },
    /// What became of a forwarded command.
    ForwardReply {
        /// The number of the forwarded command.
        number: u64,
        /// The incarnation that asked.
        origin: u64,
        /// The encoded outcome; not empty.
        outcome: Bytes,
    },
    /// A piece of a snapshot, for a follower whose next entry its leader no longer has.
    SnapshotChunk {
        /// The transfer, chosen by the leader.
        snapshot: u64,
        /// The last entry that the snapshot contains.
        at: LogPosition,
        /// The leader's term.
        term: Term,
        /// Counts the chunks of the transfer from 0.
        sequence: u32,
        /// Whether this is the last chunk.
        last: bool,
        /// The content; empty in a last chunk at most.
        bytes: Bytes,
    },
    /// The answer to a chunk.
    SnapshotAck {
        /// The transfer.
        snapshot: u64,
        /// The chunk that is answered.
        sequence: u32,
        /// Whether the next chunk is welcome; if not, the transfer is over.
        ok: bool,
    },
}
