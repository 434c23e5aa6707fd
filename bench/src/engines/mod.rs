//! The engines behind one trait: whole pieces of work, so that each does them as its users would.
//!
//! All have the same settings: LZ4, a filter of ten bits a key, memtables of 64 MiB, blocks of
//! 4 KiB, and a cache whose size the work decides. Everything else is as it comes.

#[cfg(feature = "fjall")]
mod fjall;
mod ours;
#[cfg(feature = "rocksdb")]
mod rocks;

use std::{error::Error, ops::Range, path::Path, time::Duration};

use crate::data::{Key, Order};

/// Bytes of a memtable.
const MEMTABLE_BYTES: usize = 64 << 20;
/// Bits of filter for a key.
const BLOOM_BITS: usize = 10;
/// Keys read by one scan.
pub const SCAN_KEYS: usize = 100;

/// What can go wrong.
pub type Failure = Box<dyn Error + Send + Sync>;

/// An engine that has its data open.
pub trait Engine: Send + Sync {
    /// Puts entries in, one by one; answers the longest that one took.
    fn fill(&self, order: Order, numbers: Range<u64>) -> Result<Duration, Failure>;
    /// Puts entries in from so many writers at once, each `each` one by one, each synced.
    fn fill_synced(&self, writers: u64, each: u64) -> Result<(), Failure>;
    /// Reads keys one by one; answers how many were there.
    fn read(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure>;
    /// Reads [`SCAN_KEYS`] entries from each of these keys on; answers how many in all.
    fn scan(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure>;
    /// Waits until everything is in tables and nothing is being compacted.
    fn settle(&self) -> Result<(), Failure>;
}

/// Those that were built in.
pub fn names() -> Vec<&'static str> {
    let mut names = vec!["sisyphus"];
    if cfg!(feature = "rocksdb") {
        names.push("rocksdb");
    }
    if cfg!(feature = "fjall") {
        names.push("fjall");
    }
    names
}

/// Opens the data of an engine in a directory, for synced writes or for others.
pub fn open(
    name: &str,
    dir: &Path,
    cache_bytes: usize,
    synced: bool,
) -> Result<Box<dyn Engine>, Failure> {
    match name {
        "sisyphus" => Ok(Box::new(ours::Ours::open(dir, cache_bytes, synced)?)),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => Ok(Box::new(rocks::Rocks::open(dir, cache_bytes, synced)?)),
        #[cfg(feature = "fjall")]
        "fjall" => Ok(Box::new(fjall::Fjall::open(dir, cache_bytes)?)),
        _ => Err(format!("no engine {name} was built in").into()),
    }
}

/// Does `work` for each writer on a thread of its own.
#[cfg(any(feature = "rocksdb", feature = "fjall"))]
fn on_threads(
    writers: u64,
    work: impl Fn(u64) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let start = |writer| {
            let work = &work;
            scope.spawn(move || work(writer))
        };
        let threads: Vec<_> = (0..writers).map(start).collect();
        let mut joined = threads.into_iter().map(|thread| thread.join());
        joined.try_for_each(|done| done.expect("a writer that does not panic"))
    })
}
