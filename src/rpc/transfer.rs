//! What is said while a snapshot travels (§7): the sender offers, the receiver answers what it has of
//! one already, chunks follow, each acknowledged.

use bytes::Bytes;

use crate::{
    machine::Standing,
    types::{LogPosition, Term},
};

/// "I have a snapshot for you. Where do you stand?"
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotOffer {
    /// The transfer, chosen by the leader; a later one of the same term has a higher number.
    pub transfer: u64,
    /// The leader's term.
    pub term: Term,
    /// The last entry that the snapshot contains.
    pub at: LogPosition,
}

/// A piece of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotChunk {
    /// The transfer.
    pub transfer: u64,
    /// The leader's term.
    pub term: Term,
    /// The last entry that the snapshot contains.
    pub at: LogPosition,
    /// Counts the chunks of the transfer from 0.
    pub sequence: u32,
    /// Whether the transfer goes on with what the receiver has of a snapshot, or begins anew.
    pub resumed: bool,
    /// Whether this is the last chunk.
    pub last: bool,
    /// The content, with a checksum of its own; not empty.
    pub bytes: Bytes,
}

/// The answer to an offer or a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotAck {
    /// The transfer.
    pub transfer: u64,
    /// What is said of it.
    pub word: SnapshotWord,
}

/// What a receiver says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotWord {
    /// To an offer: send, and what is here of a snapshot that did not arrive whole.
    Welcome {
        /// What is here; `None` for nothing that could be continued.
        standing: Option<Standing>,
    },
    /// All chunks before this one have been taken.
    Next {
        /// The chunk that is waited for.
        sequence: u32,
        /// Whether a later one came in its place, or it came damaged: it is to be sent again.
        missing: bool,
    },
    /// The transfer is over: what came cannot be used.
    Refused,
    /// The receiver's state is at the snapshot's entry, or beyond.
    Installed,
}
