//! What can go wrong with a log.

use thiserror::Error;

use crate::env::DiskError;

/// Why the log cannot be opened or written.
#[derive(Clone, Debug, Error)]
pub enum WalError {
    /// The disk failed. A log whose write or sync failed refuses everything from then on, with the
    /// error of that first failure.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Bytes that had been durable are no longer what they were: restore this replica's data from
    /// the other replicas.
    #[error("{file} is corrupt at byte {offset}: {what}")]
    Corrupt {
        /// The segment, relative to the disk's root.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The segment was written by another version of this program.
    #[error("{file} has format version {found}, and this program reads version {known}: use the version that wrote it", known = super::record::VERSION)]
    Version {
        /// The segment, relative to the disk's root.
        file: String,
        /// Its version.
        found: u32,
    },
    /// A file that is not a segment lies in the log's directory.
    #[error("{file} is not a file of this log: move it away")]
    Foreign {
        /// The file, relative to the disk's root.
        file: String,
    },
}
