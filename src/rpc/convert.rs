//! Envelopes to frames and back. A frame is
//!
//! ```text
//! protobuf Envelope (proto/peer.proto), then u32 little-endian CRC32C of all bytes before
//! ```
//!
//! The checksum is ours although the network has its own: those are short, and end at every proxy.
//! Whatever a frame claims is checked here once, so that the floors below meet only messages that
//! some sane node could have sent.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;
use thiserror::Error;

use super::{
    Asked, Envelope, Forward, ForwardReply, PeerBody, StateHash,
    proto::peer::{self, envelope},
};
use crate::{
    raft::Message,
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

mod raft;
mod snapshot;
#[cfg(test)]
mod tests;

/// The longest frame. Commands, batches of entries and snapshot chunks all are far below.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// No term or index that a cluster ever reached is above this; counting on from there cannot wrap.
const NUMBER_MAX: u64 = u64::MAX >> 1;

const CHECKSUM_BYTES: usize = 4;

/// Why a frame is not an envelope. It is to be dropped: the network owes nobody an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConvertError {
    /// Shorter than any frame, or longer than [`FRAME_BYTES_MAX`].
    #[error("a frame of {0} bytes")]
    Length(usize),
    /// The bytes are not those that were sent.
    #[error("the frame's checksum does not match")]
    Checksum,
    /// Not protobuf, or not this message.
    #[error(transparent)]
    Protobuf(#[from] prost::DecodeError),
    /// A field that no sane node would send.
    #[error("{field}: {what}")]
    Field {
        /// The field, with the message it is in.
        field: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}

type Result<T> = std::result::Result<T, ConvertError>;

/// The frame of an envelope. Panics if a Raft message names other nodes than its envelope.
pub fn encode(envelope: &Envelope) -> Bytes {
    let message = peer::Envelope {
        cluster: envelope.cluster,
        shard: envelope.shard.0,
        from: envelope.from.0,
        to: envelope.to.0,
        body: Some(body_out(envelope)),
    };
    let mut frame = BytesMut::with_capacity(message.encoded_len() + CHECKSUM_BYTES);
    message.encode_raw(&mut frame);
    let checksum = crc32c::crc32c(&frame);
    frame.put_u32_le(checksum);
    frame.freeze()
}

/// The envelope of a frame. Byte strings in it are slices of the frame.
pub fn decode(mut frame: Bytes) -> Result<Envelope> {
    if frame.len() < CHECKSUM_BYTES || frame.len() > FRAME_BYTES_MAX {
        return Err(ConvertError::Length(frame.len()));
    }
    let checksum = frame.split_off(frame.len() - CHECKSUM_BYTES);
    if checksum[..] != crc32c::crc32c(&frame).to_le_bytes() {
        return Err(ConvertError::Checksum);
    }
    let message = peer::Envelope::decode(frame)?;
    check(message.from != 0, "from", "0 is no node")?;
    check(message.to != 0, "to", "0 is no node")?;
    check(message.from != message.to, "to", "a node writes to itself")?;
    let (from, to) = (NodeId(message.from), NodeId(message.to));
    let body = require(message.body, "body")?;
    Ok(Envelope {
        cluster: message.cluster,
        shard: ShardId(message.shard),
        from,
        to,
        body: body_in(from, to, body)?,
    })
}

fn body_out(envelope: &Envelope) -> envelope::Body {
    match &envelope.body {
        PeerBody::Raft(message) => {
            let ends = (message.from, message.to);
            assert_eq!(ends, (envelope.from, envelope.to), "a misaddressed message");
            envelope::Body::Raft(peer::Raft {
                term: message.term,
                body: Some(raft::body_out(&message.body)),
            })
        }
        PeerBody::Forward(Forward {
            number,
            origin,
            term,
            asked,
        }) => {
            let (command, order) = match asked {
                Asked::Command(command) => (command.clone(), Bytes::new()),
                Asked::Order(order) => (Bytes::new(), order.clone()),
            };
            envelope::Body::Forward(peer::Forward {
                number: *number,
                origin: *origin,
                term: *term,
                command,
                order,
            })
        }
        PeerBody::ForwardReply(ForwardReply {
            number,
            origin,
            fate,
        }) => envelope::Body::ForwardReply(peer::ForwardReply {
            number: *number,
            origin: *origin,
            fate: fate.clone(),
        }),
        PeerBody::SnapshotOffer(offer) => envelope::Body::SnapshotOffer(snapshot::offer_out(offer)),
        PeerBody::SnapshotChunk(chunk) => envelope::Body::SnapshotChunk(snapshot::chunk_out(chunk)),
        PeerBody::SnapshotAck(ack) => envelope::Body::SnapshotAck(snapshot::ack_out(ack)),
        PeerBody::StateHash(StateHash { index, hash }) => {
            envelope::Body::StateHash(peer::StateHash {
                index: *index,
                hash: *hash,
            })
        }
        PeerBody::Removed(index) => envelope::Body::Removed(peer::Removed { index: *index }),
    }
}

fn body_in(from: NodeId, to: NodeId, body: envelope::Body) -> Result<PeerBody> {
    Ok(match body {
        envelope::Body::Raft(message) => {
            let term = term_in(message.term, "raft.term")?;
            let body = raft::body_in(term, require(message.body, "raft.body")?)?;
            PeerBody::Raft(Message {
                from,
                to,
                term,
                body,
            })
        }
        envelope::Body::Forward(forward) => {
            let asked = match (forward.command.is_empty(), forward.order.is_empty()) {
                (false, true) => Asked::Command(forward.command),
                (true, false) => Asked::Order(forward.order),
                _ => {
                    return Err(ConvertError::Field {
                        field: "forward.command",
                        what: "empty, or there is an order as well",
                    });
                }
            };
            PeerBody::Forward(Forward {
                number: forward.number,
                origin: forward.origin,
                term: term_in(forward.term, "forward.term")?,
                asked,
            })
        }
        envelope::Body::ForwardReply(reply) => {
            check(!reply.fate.is_empty(), "forward_reply.fate", "empty")?;
            PeerBody::ForwardReply(ForwardReply {
                number: reply.number,
                origin: reply.origin,
                fate: reply.fate,
            })
        }
        envelope::Body::SnapshotOffer(offer) => PeerBody::SnapshotOffer(snapshot::offer_in(offer)?),
        envelope::Body::SnapshotChunk(chunk) => PeerBody::SnapshotChunk(snapshot::chunk_in(chunk)?),
        envelope::Body::SnapshotAck(ack) => PeerBody::SnapshotAck(snapshot::ack_in(ack)?),
        envelope::Body::StateHash(state) => {
            check(
                state.index != 0,
                "state_hash.index",
                "before the first entry",
            )?;
            PeerBody::StateHash(StateHash {
                index: state.index,
                hash: state.hash,
            })
        }
        envelope::Body::Removed(removed) => {
            check(
                removed.index != 0,
                "removed.index",
                "before the first entry",
            )?;
            PeerBody::Removed(removed.index)
        }
    })
}

fn position_out(at: LogPosition) -> Option<peer::Position> {
    Some(peer::Position {
        term: at.term,
        index: at.index,
    })
}

/// A position in the log of a node whose term is `term`.
fn position_in(term: Term, at: Option<peer::Position>, field: &'static str) -> Result<LogPosition> {
    let at = require(at, field)?;
    let both = (at.term == 0) == (at.index == 0);
    check(both, field, "either term or index is 0")?;
    check(at.term <= term, field, "of a term still to come")?;
    Ok(LogPosition {
        term: at.term,
        index: index_in(at.index, field)?,
    })
}

fn term_in(term: Term, field: &'static str) -> Result<Term> {
    check(term != 0, field, "0")?;
    check(term <= NUMBER_MAX, field, "beyond all bounds")?;
    Ok(term)
}

fn index_in(index: Index, field: &'static str) -> Result<Index> {
    check(index <= NUMBER_MAX, field, "beyond all bounds")?;
    Ok(index)
}

fn require<T>(value: Option<T>, field: &'static str) -> Result<T> {
    value.ok_or(ConvertError::Field {
        field,
        what: "missing, or of a later version",
    })
}

fn check(good: bool, field: &'static str, what: &'static str) -> Result<()> {
    good.then_some(())
        .ok_or(ConvertError::Field { field, what })
}
