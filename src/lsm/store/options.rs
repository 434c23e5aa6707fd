//! What a store is opened with.

use super::super::options::Options;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SyncMode {
    /// Once it is on the disk, by a sync of its own.
    EachWrite,
    /// Once it is on the disk, by a sync that it shares with all who wrote while the last one ran.
    #[default]
    Group,
    /// Once the operating system has it. The end of the process loses nothing; a power failure
    /// may lose the newest writes, but never one without all that came after it.
    None,
}

/// How a store behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreOptions {
    /// When a write is acknowledged.
    pub sync: SyncMode,
    /// A write that finds memory full waits at most so many milliseconds until something is
    /// flushed, for example while the disk has no room; then it fails, and nothing was written.
    pub stall_ms_max: u64,
    /// The sizes of the engine below. A segment of the log is as long as its memtable.
    pub engine: Options,
}

impl Default for StoreOptions {
    fn default() -> Self {
        StoreOptions {
            sync: SyncMode::default(),
            stall_ms_max: 30_000,
            engine: Options::default(),
        }
    }
}
