//! What can go wrong with a store, sorted by what is known of the write that failed.

use thiserror::Error;

use super::super::error::LsmError;
use crate::wal::WalError;

/// Why a store does not do what it was asked for.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The tables or the manifest could not be read or written.
    #[error(transparent)]
    Engine(#[from] LsmError),
    /// The log could not be opened.
    #[error(transparent)]
    Log(#[from] WalError),
    /// The log could not be written or synced: whether this write is on the disk is not known, and
    /// nobody sees it before the store is opened again.
    #[error("it is not known whether the write is durable: {cause}")]
    Unknown {
        /// What the log says.
        cause: WalError,
    },
    /// Nothing was written: the store stopped at an earlier failure. Open it again once the cause
    /// is mended.
    #[error("the store takes no more writes: {cause}")]
    Refused {
        /// The failure that stopped it.
        cause: Box<StoreError>,
    },
    /// Nothing was written: memory is full, and nothing was flushed for so long. Make room on the
    /// disk, or write less, and try again.
    #[error(
        "nothing was written: memory is full and was not flushed for {ms} ms: {}",
        because(cause)
    )]
    Stalled {
        /// How long the write has waited, in milliseconds.
        ms: u64,
        /// What keeps the engine from flushing, if something does; else it is only slow.
        cause: Option<LsmError>,
    },
    /// Nothing was written: the store was closed.
    #[error("the store is closed")]
    Closed,
    /// Nothing was written: a batch does not fit into a record of the log. Cut it.
    #[error("a batch of {bytes} bytes: at most {max} are written at once")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest size.
        max: usize,
    },
}

/// What operations of the store answer.
pub(super) type Result<T> = std::result::Result<T, StoreError>;

fn because(cause: &Option<LsmError>) -> String {
    let slow = || "the disk is too slow".to_owned();
    cause.as_ref().map_or_else(slow, ToString::to_string)
}

impl StoreError {
    /// Whether the store takes further writes: the log was not touched.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, StoreError::Stalled { .. })
    }

    /// What later writes are told after this failure.
    pub(super) fn refusal(&self) -> StoreError {
        match self {
            StoreError::Closed => StoreError::Closed,
            cause => StoreError::Refused {
                cause: Box::new(cause.clone()),
            },
        }
    }
}
