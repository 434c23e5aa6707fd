//! The disk, as little as a database needs of it, and with the contract that disks really keep.

use std::{io, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;

/// A disk operation that failed: which one, on which path, and how.
#[derive(Clone, Debug, Error)]
#[error("{op} of {path}: {reason}")]
pub struct DiskError {
    /// The operation, in one word: `open`, `append`, `sync`, …
    pub op: &'static str,
    /// The path, relative to the root of the disk.
    pub path: String,
    /// The kind, for those who can do something about it (`NotFound`, `StorageFull`, …).
    pub kind: io::ErrorKind,
    /// The cause in words.
    pub reason: String,
}

/// What disk operations answer.
pub type DiskResult<T> = Result<T, DiskError>;

impl DiskError {
    /// The error of `op` on `path`.
    pub fn new(op: &'static str, path: &str, error: &io::Error) -> Self {
        DiskError {
            op,
            path: path.to_owned(),
            kind: error.kind(),
            reason: error.to_string(),
        }
    }

    /// An error that the operating system did not make.
    pub fn because(op: &'static str, path: &str, kind: io::ErrorKind, reason: &str) -> Self {
        DiskError {
            op,
            path: path.to_owned(),
            kind,
            reason: reason.to_owned(),
        }
    }
}

/// Refuses a path that is not a plain chain of names below the root, so that no name that came
/// from outside can reach beyond the data directory.
pub(super) fn check_path(op: &'static str, path: &str) -> DiskResult<()> {
    let plain = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    if path.split('/').all(plain) {
        return Ok(());
    }
    Err(DiskError::because(
        op,
        path,
        io::ErrorKind::InvalidInput,
        "a path is names with / between them, below the root",
    ))
}

/// As [`check_path`], for a directory: the empty path is the root.
pub(super) fn check_dir(op: &'static str, dir: &str) -> DiskResult<()> {
    if dir.is_empty() {
        return Ok(());
    }
    check_path(op, dir)
}

/// A tree of directories and files. Paths are relative to the disk's root, with `/` between names.
///
/// The contract:
/// * nothing that was written to a file is durable before [`File::sync`] returned;
/// * no creation, renaming or removal is durable before [`Disk::sync_dir`] of the directory returned;
///   without it, entries may come and go at a power failure in any combination;
/// * after a failed sync nothing is known about the bytes written since the last good one: the
///   caller must not acknowledge anything on that file again.
#[async_trait]
pub trait Disk: Send + Sync + 'static {
    /// Opens an existing file for reading and writing.
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>>;
    /// Creates an empty file; fails with `AlreadyExists` if the name is taken.
    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>>;
    /// Creates a directory and those above it; no error if it exists.
    async fn create_dir(&self, path: &str) -> DiskResult<()>;
    /// The names in a directory, sorted; directories end in `/`. The root is the empty path.
    async fn list(&self, dir: &str) -> DiskResult<Vec<String>>;
    /// Gives a file a second name; fails with `AlreadyExists` if the name is taken. Both names are
    /// then alike, and the file stays as long as it has one of them. As with [`Self::create`] the
    /// new name is durable after [`Self::sync_dir`] of its directory.
    async fn link(&self, from: &str, to: &str) -> DiskResult<()>;
    /// Gives a file another name, replacing a file that has it.
    async fn rename(&self, from: &str, to: &str) -> DiskResult<()>;
    /// Removes a file. Those who have it open may go on reading it.
    async fn remove(&self, path: &str) -> DiskResult<()>;
    /// Makes the directory's entries durable.
    async fn sync_dir(&self, dir: &str) -> DiskResult<()>;
}

/// An open file. Reading needs no lock against appending: readers read below what was appended.
#[async_trait]
pub trait File: Send + Sync + 'static {
    /// Up to `length` bytes from `offset`; fewer only where the file ends.
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes>;
    /// Writes at the end and returns the offset where the bytes begin. One writer at a time.
    async fn append(&self, bytes: &[u8]) -> DiskResult<u64>;
    /// Writes in place, growing the file where it reaches over its end.
    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()>;
    /// Does what [`Self::write_at`] does before it returns, on the calling thread and without a
    /// future: for writers whose every write counts. None where the disk cannot: then nothing was
    /// done, and `write_at` must be awaited.
    fn write_now(&self, _offset: u64, _bytes: &[u8]) -> Option<DiskResult<()>> {
        None
    }
    /// Does what [`Self::write_at`] and then [`Self::sync`] do before it returns, on the calling
    /// thread and without a future: for a writer whom nobody joins. None where the disk cannot, or
    /// where that might hold up others for long: then nothing was done.
    fn write_synced_now(&self, _offset: u64, _bytes: &[u8]) -> Option<DiskResult<()>> {
        None
    }
    /// Cuts the file to `length` bytes, or extends it with zeros.
    async fn truncate(&self, length: u64) -> DiskResult<()>;
    /// Makes everything written so far durable, the length included.
    async fn sync(&self) -> DiskResult<()>;
    /// The file's length in bytes.
    async fn length(&self) -> DiskResult<u64>;
}
