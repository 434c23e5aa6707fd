//! What one node says to another, in the words of the domain.

use bytes::Bytes;

use super::{SnapshotAck, SnapshotChunk, SnapshotOffer};
use crate::{
    env::Lane,
    raft,
    types::{Index, NodeId, ShardId, Term},
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
    Forward(Forward),
    /// What became of a forwarded command.
    ForwardReply(ForwardReply),
    /// A snapshot, for a follower whose next entry its leader no longer has.
    SnapshotOffer(SnapshotOffer),
    /// A piece of it.
    SnapshotChunk(SnapshotChunk),
    /// The answer to an offer or a chunk.
    SnapshotAck(SnapshotAck),
    /// What the sender's state machine came to.
    StateHash(StateHash),
    /// The receiver was removed from the cluster, by the list of members in the entry at this index
    /// (from 1) or before, which the sender has applied. Numbers are never given again: so it is for good.
    Removed(Index),
}

impl PeerBody {
    /// What this may wait behind on its way.
    pub fn lane(&self) -> Lane {
        match self {
            // Also those without entries: a question that overtook the appends it asks about would
            // be refused, and all of them sent again.
            PeerBody::Raft(raft::Message {
                body: raft::Body::Append { .. },
                ..
            }) => Lane::Bulk,
            PeerBody::Forward(_) | PeerBody::ForwardReply(_) => Lane::Bulk,
            // The offer with the chunks, which it must not come behind.
            PeerBody::SnapshotOffer(_) | PeerBody::SnapshotChunk(_) => Lane::Snapshot,
            PeerBody::Raft(_)
            | PeerBody::SnapshotAck(_)
            | PeerBody::StateHash(_)
            | PeerBody::Removed(_) => Lane::Urgent,
        }
    }
}

/// A command on its way to the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Chosen by the asking node, repeated in the reply.
    pub number: u64,
    /// The incarnation of the asking process, repeated in the reply, so that a process that
    /// started again does not take an old answer for its own.
    pub origin: u64,
    /// The term in which the receiver is believed to lead.
    pub term: Term,
    /// What is asked.
    pub asked: Asked,
}

/// What a node can ask of a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To commit an encoded machine command; not empty.
    Command(Bytes),
    /// To carry out an encoded order about members or leadership (`node/order` draws it); not empty.
    Order(Bytes),
}

/// What became of a forwarded command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardReply {
    /// The number of the forwarded command.
    pub number: u64,
    /// The incarnation that asked.
    pub origin: u64,
    /// The encoded fate (`node/fate` draws it); not empty.
    pub fate: Bytes,
}

/// What a state machine came to. Two that applied the same have the same hash, or one is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateHash {
    /// The entry that was applied last; from 1.
    pub index: Index,
    /// The hash of all entries up to there and of what they came to.
    pub hash: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        raft::{Body, Message},
        rpc::SnapshotWord,
        types::LogPosition,
    };

    #[test]
    fn what_others_wait_for_goes_by_the_lane_of_its_urgency() {
        let raft = |body| {
            let (from, to, term) = (NodeId(1), NodeId(2), 1);
            PeerBody::Raft(Message {
                from,
                to,
                term,
                body,
            })
        };
        let beat = raft(Body::Heartbeat {
            commit: LogPosition::default(),
            round: 1,
        });
        let append = raft(Body::Append {
            prev: LogPosition::default(),
            entries: Vec::new(),
            commit: 0,
        });
        let ack = PeerBody::SnapshotAck(SnapshotAck {
            transfer: 1,
            word: SnapshotWord::Refused,
        });
        let offer = PeerBody::SnapshotOffer(SnapshotOffer {
            transfer: 1,
            term: 1,
            at: LogPosition { term: 1, index: 1 },
        });
        let lanes = [beat, ack, append, offer].map(|body| body.lane());
        let expected = [Lane::Urgent, Lane::Urgent, Lane::Bulk, Lane::Snapshot];
        assert_eq!(lanes, expected);
    }
}
