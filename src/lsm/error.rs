//! What can go wrong, sorted by what is to be done about it.

use thiserror::Error;

use crate::{codec::DecodeError, env::DiskError};

/// Why the engine cannot do what it was asked for.
#[derive(Clone, Debug, Error)]
pub enum LsmError {
    /// The disk failed. Replace it, or make room on it, and start again.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file does not hold what was written to it. Restore the directory from a copy.
    #[error("{file} is corrupt at byte {offset}: {what}")]
    Corrupt {
        /// The file, as a path on its disk.
        file: String,
        /// Where in the file the damaged piece begins.
        offset: u64,
        /// What was expected there.
        what: &'static str,
    },
    /// A table is not there, or the manifest has lost its end and knows it still. Restore the directory
    /// from a copy.
    #[error("{table} is missing, and {manifest} names it: one of the two was lost or damaged")]
    Missing {
        /// The table's file.
        table: String,
        /// The manifest's.
        manifest: String,
    },
    /// A file was written by another version of this software. Use that version.
    #[error("{file} has format version {found}, this software reads version {supported}")]
    Version {
        /// The file.
        file: String,
        /// The version that it says it has.
        found: u32,
        /// The only version that can be read.
        supported: u32,
    },
    /// The directory has a file that the engine did not make. It is left alone.
    #[error("{file} does not belong to this database: move it out of the directory")]
    Foreign {
        /// The file.
        file: String,
    },
    /// A copy cannot be made in this directory: it has a database, or is inside of the one that is
    /// copied. Choose another one.
    #[error("{dir} has a database, or is inside of the one to be copied")]
    Occupied {
        /// The directory.
        dir: String,
    },
    /// Versions were handed in that are not in ascending order, or not within bounds.
    #[error("entry {number} of the ingested data: {what}")]
    Unordered {
        /// Which one, counted from 0.
        number: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A background task panicked, which is a bug of this software. Report it.
    #[error("a background task of the storage engine panicked")]
    Panicked,
    /// The database was closed while something was under way.
    #[error("the database is closed")]
    Closed,
}

/// What operations of the engine answer.
pub(super) type Result<T> = std::result::Result<T, LsmError>;

impl LsmError {
    /// Damage found at `offset` of `file`.
    pub(super) fn corrupt(file: &str, offset: u64, what: &'static str) -> Self {
        LsmError::Corrupt {
            file: file.to_owned(),
            offset,
            what,
        }
    }

    /// A piece that begins at `offset` of `file` and cannot be decoded.
    pub(super) fn decode(file: &str, offset: u64, error: DecodeError) -> Self {
        LsmError::corrupt(file, offset + error.offset as u64, error.what)
    }
}
