//! What can go wrong, sorted by what the caller must do.

use crate::{
    codec::DecodeError,
    lsm::LsmError,
    machine::Refusal,
    types::{LogPosition, Revision},
};

/// The machine cannot go on, or (`BadChunk`, `BadSnapshot`) a snapshot cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MachineError {
    /// The storage engine failed: the replica must stop; its disk needs a look.
    #[error("the state machine's storage failed: {0}")]
    Storage(#[from] LsmError),
    /// A committed entry does not decode. Every replica finds the same: software of two formats is mixed.
    #[error("the command at {at} does not decode: {error}")]
    Command {
        /// The entry.
        at: LogPosition,
        /// What was found in it.
        error: DecodeError,
    },
    /// A stored record passed its checksums and still is not one: written by other software.
    #[error("the stored {what} does not decode: {error}")]
    Record {
        /// What was read, with the key and the revision where there are such.
        what: String,
        /// What was found in it.
        error: DecodeError,
    },
    /// A chunk of a snapshot is not as it was sent. Nothing was changed, and it may be sent again.
    #[error("chunk {chunk} of a snapshot arrived damaged: {what}")]
    BadChunk {
        /// The number of the chunk that was expected, from 0.
        chunk: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A snapshot is wrong or incomplete. Nothing was changed: fetch it again.
    #[error("chunk {chunk} of a snapshot: {what}")]
    BadSnapshot {
        /// The number of the chunk, from 0.
        chunk: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// Why a read has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum QueryError {
    /// The revision is not readable; always [`Refusal::BadRevision`].
    #[error(transparent)]
    BadRevision(Refusal),
    /// The store failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl MachineError {
    /// Whether what was handed in is at fault, not the machine, which is as it was.
    pub fn is_about_the_input(&self) -> bool {
        matches!(self, MachineError::BadSnapshot { .. }) || self.is_damage()
    }

    /// Whether a chunk was damaged on its way: the snapshot goes on when it has come again.
    pub fn is_damage(&self) -> bool {
        matches!(self, MachineError::BadChunk { .. })
    }

    /// The version of `key` written at `revision` is not a record.
    pub(super) fn record(key: &[u8], revision: Revision, error: DecodeError) -> Self {
        MachineError::Record {
            what: format!(
                "version {revision} of key {:?}",
                key.escape_ascii().to_string()
            ),
            error,
        }
    }
}
