//! The real disk: a directory of the operating system's file system.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this is the door"
)]

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use bytes::Bytes;
use rustix::{buffer::spare_capacity, fs::FlockOperation, io::Errno};

use tokio::runtime::{Handle, RuntimeFlavor};

use super::{
    Disk, DiskError, DiskResult, File,
    disk::{check_dir, check_path},
};

/// The file in the root whose lock says that a process uses the directory. Hidden from `list`.
const LOCK: &str = "LOCK";

/// Above this, a read asks for the file's length first instead of trusting the caller with memory.
const READ_UNCHECKED_BYTES_MAX: usize = 1 << 20;

/// A sync is quick if it takes no longer than so many microseconds, about as a read does that the
/// device must answer.
const QUICK_SYNC_US_MAX: u64 = 500;

/// The tree below one directory, which belongs to this process as long as the value lives.
///
/// Reads and writes are done on the calling thread: most are answered by the page cache, and a
/// hop to another thread would cost more than they do. What waits for the device or may (syncs,
/// all that changes or reads directories) goes to a thread that may block. The way there and back
/// costs as much as a third of the sync itself where the drive is fast. So [`File::write_synced_now`]
/// does without it, as long as syncs are quick and the runtime has other threads for other tasks.
#[derive(Debug)]
pub struct OsDisk {
    root: PathBuf,
    /// Held for its lock alone.
    _lock: fs::File,
}

#[derive(Debug)]
struct OsFile {
    file: Arc<Timed>,
    path: String,
}

/// A file that knows how long it takes to sync it.
#[derive(Debug)]
struct Timed {
    file: fs::File,
    /// What the last sync took, in microseconds. At first nothing is known, and it is the most.
    sync_us: AtomicU64,
}

impl OsDisk {
    /// Creates the directory `root` if needed and takes its lock. Fails with `ResourceBusy` when
    /// another process holds it.
    pub fn open(root: &Path) -> DiskResult<OsDisk> {
        let shown = root.to_string_lossy();
        let named = |error: &io::Error| DiskError::new("open", &shown, error);
        fs::create_dir_all(root).map_err(|error| named(&error))?;
        let lock = open_options()
            .create(true)
            .open(root.join(LOCK))
            .map_err(|error| named(&error))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(OsDisk {
                root: root.to_owned(),
                _lock: lock,
            }),
            Err(Errno::WOULDBLOCK) => Err(DiskError::because(
                "open",
                &shown,
                ErrorKind::ResourceBusy,
                "another process uses this directory: stop it, or choose another directory",
            )),
            Err(error) => Err(named(&error.into())),
        }
    }

    /// The file's place in the operating system.
    fn file_path(&self, op: &'static str, path: &str) -> DiskResult<PathBuf> {
        check_path(op, path)?;
        if path == LOCK {
            let reason = "the lock of the data directory";
            return Err(DiskError::because(
                op,
                path,
                ErrorKind::InvalidInput,
                reason,
            ));
        }
        Ok(self.root.join(path))
    }

    /// The directory's place in the operating system.
    fn dir_path(&self, op: &'static str, dir: &str) -> DiskResult<PathBuf> {
        check_dir(op, dir)?;
        Ok(self.root.join(dir))
    }
}

#[async_trait]
impl Disk for OsDisk {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        let place = self.file_path("open", path)?;
        let file = blocking("open", path, move || open_options().open(place)).await?;
        Ok(OsFile::share(path, file))
    }

    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        let place = self.file_path("create", path)?;
        let create = move || open_options().create_new(true).open(place);
        let file = blocking("create", path, create).await?;
        Ok(OsFile::share(path, file))
    }

    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        let place = self.dir_path("create_dir", path)?;
        blocking("create_dir", path, move || fs::create_dir_all(place)).await
    }

    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        let place = self.dir_path("list", dir)?;
        let mut names = blocking("list", dir, move || read_names(&place)).await?;
        names.retain(|name| !(dir.is_empty() && name == LOCK));
        Ok(names)
    }

    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        let (old, new) = (self.file_path("link", from)?, self.file_path("link", to)?);
        blocking("link", to, move || fs::hard_link(old, new)).await
    }

    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        let (old, new) = (
            self.file_path("rename", from)?,
            self.file_path("rename", to)?,
        );
        blocking("rename", from, move || fs::rename(old, new)).await
    }

    async fn remove(&self, path: &str) -> DiskResult<()> {
        let place = self.file_path("remove", path)?;
        blocking("remove", path, move || fs::remove_file(place)).await
    }

    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        let place = self.dir_path("sync_dir", dir)?;
        blocking("sync_dir", dir, move || fs::File::open(place)?.sync_all()).await
    }
}

impl OsFile {
    fn share(path: &str, file: fs::File) -> Arc<dyn File> {
        Arc::new(OsFile {
            file: Arc::new(Timed {
                file,
                sync_us: AtomicU64::new(u64::MAX),
            }),
            path: path.to_owned(),
        })
    }

    fn named<T>(&self, op: &'static str, result: io::Result<T>) -> DiskResult<T> {
        result.map_err(|error| DiskError::new(op, &self.path, &error))
    }

    /// As far as the file reaches, into memory that is not cleared first.
    fn read(&self, offset: u64, length: usize) -> io::Result<Bytes> {
        let mut length = length;
        if length > READ_UNCHECKED_BYTES_MAX {
            let rest = self.length()?.saturating_sub(offset);
            length = length.min(rest as usize);
        }
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let at = offset + bytes.len() as u64;
            match rustix::io::pread(&self.file.file, spare_capacity(&mut bytes), at) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.truncate(length);
        Ok(bytes.into())
    }

    /// The file system is asked for the end each time: a length kept here would be wrong for a
    /// file that is open twice, and after a write that failed half-way.
    fn write_at_end(&self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.length()?;
        self.write(offset, bytes)?;
        Ok(offset)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.file.write_all_at(bytes, offset)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.file.metadata()?.len())
    }
}

impl Timed {
    /// `fdatasync`: data and length, not the times.
    fn sync(&self) -> io::Result<()> {
        let begin = Instant::now();
        let synced = self.file.sync_data();
        let took_us = begin.elapsed().as_micros() as u64;
        self.sync_us.store(took_us, Ordering::Relaxed);
        synced
    }

    fn is_quick(&self) -> bool {
        self.sync_us.load(Ordering::Relaxed) <= QUICK_SYNC_US_MAX
    }
}

#[async_trait]
impl File for OsFile {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.named("read", self.read(offset, length))
    }

    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.named("append", self.write_at_end(bytes))
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.named("write", self.write(offset, bytes))
    }

    fn write_now(&self, offset: u64, bytes: &[u8]) -> Option<DiskResult<()>> {
        Some(self.named("write", self.write(offset, bytes)))
    }

    fn write_synced_now(&self, offset: u64, bytes: &[u8]) -> Option<DiskResult<()>> {
        if !self.file.is_quick() || !has_other_threads() {
            return None;
        }
        let written = self.named("write", self.write(offset, bytes));
        Some(written.and_then(|()| self.named("sync", self.file.sync())))
    }

    async fn truncate(&self, length: u64) -> DiskResult<()> {
        let file = self.file.clone();
        blocking("truncate", &self.path, move || file.file.set_len(length)).await
    }

    async fn sync(&self) -> DiskResult<()> {
        let file = self.file.clone();
        blocking("sync", &self.path, move || file.sync()).await
    }

    async fn length(&self) -> DiskResult<u64> {
        self.named("length", self.length())
    }
}

/// Whether the tasks of this one's runtime go on while this thread waits for a moment.
fn has_other_threads() -> bool {
    Handle::try_current().is_ok_and(|runtime| {
        let is_shared = runtime.runtime_flavor() == RuntimeFlavor::MultiThread;
        is_shared && runtime.metrics().num_workers() > 1
    })
}

/// Does work that may wait for the device where waiting stops nobody else.
async fn blocking<T: Send + 'static>(
    op: &'static str,
    path: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> DiskResult<T> {
    let result = tokio::task::spawn_blocking(work).await;
    // The task ends without a result only when the runtime is being shut down.
    let result = result.unwrap_or_else(|stopped| Err(io::Error::other(stopped)));
    result.map_err(|error| DiskError::new(op, path, &error))
}

fn open_options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true);
    options
}

/// The names in a directory, sorted; one that is not UTF-8 cannot be ours and is an error.
fn read_names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let mut name = entry.file_name().into_string().map_err(|name| {
            io::Error::new(
                ErrorKind::InvalidData,
                format!("a foreign file: {}", name.to_string_lossy()),
            )
        })?;
        if entry.file_type()?.is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}
