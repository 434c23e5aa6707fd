//! The engine with a write-ahead log of its own: a sorted map to be used from any number of tasks,
//! for programs that keep their data themselves.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{path::Path, sync::Arc};
//! use sisyphus::{env::OsDisk, lsm::{Store, StoreOptions, WriteBatch}};
//!
//! let disk = Arc::new(OsDisk::open(Path::new("data"))?);
//! let store = Store::open(disk, "db", StoreOptions::default()).await?;
//! store.put(b"key", b"value").await?;
//! let mut batch = WriteBatch::new();
//! batch.put(b"other", b"value");
//! batch.delete(b"key");
//! store.write(&batch).await?;
//! assert_eq!(store.get(b"key").await?, None);
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a write
//! It is encoded into the queue (`queue`) as it will stand in the log. Whoever finds that nobody
//! leads takes all that has queued as one *group* (`group`), gives each of its writes a number, and
//! makes them one record of the log: one write and one sync for all (`log`). Then they go into
//! the memtable, readers are shown the new last number, and the others of the group are told. So
//! a batch is what queued while the last sync ran; no task and no timer is needed for it. Where
//! nobody queues, a write goes this way without a future and on its own thread: by one call of the
//! operating system where nobody waits for syncs, and else with its sync, if the disk allows that
//! and the last group was one writer's. A writer of a larger group rather gives the others the time
//! to join. Now and then who writes so lets other tasks run.
//!
//! A leader may be dropped at any await. What it has begun is a value of its own, and stays
//! in the queue for the next leader; nobody who follows notices.
//!
//! # The way of a read
//! A read asks for the newest number that is shown, *after* it has pinned the memtables and tables it
//! will look at. Versions that lie below the newest shown number and below all snapshots may be
//! dropped by flushes and compactions, and were it the other way round, those might drop between the
//! two what the read should find.
//!
//! # Log and memtables
//! A segment of the log holds what one memtable holds: when the memtable is frozen, a segment
//! begins. The note that becomes durable with its flush (`note`) says from which segment on the
//! log still counts, and with which number; the segments before are removed (`segments`), and the
//! next opening replays only what is not flushed (`open`).
//!
//! # Invariants
//! 1. The order of numbers is the order in the log, and the order in which writes become visible.
//! 2. Nothing is visible before it is in the log (and durable, but for [`SyncMode::None`]).
//! 3. What is found after a crash is a prefix of that order, with all that was acknowledged (with
//!    `None`: all, if only the process ended).
//! 4. A batch is one piece of a record: it is found whole or not at all, and seen so.
//! 5. After a failed write or sync of the log nothing is written until the store is opened again.
//! 6. A snapshot sees its number, whatever is written, flushed and compacted while it lives.
//! 7. The queue is bounded: a group that is full makes further writers wait.
//!
//! # What is left out
//! Transactions that read, and several maps in one log: both can be built on batches and
//! snapshots, or on prefixes of keys. The whole log is read into memory when a store is opened; it
//! is as long as the memtables that were not flushed.

mod batch;
mod error;
mod group;
mod handle;
mod log;
mod note;
mod open;
mod options;
mod queue;
mod segments;
mod snapshot;
mod stats;

pub use batch::WriteBatch;
pub use error::StoreError;
pub use handle::Store;
pub use options::{StoreOptions, SyncMode};
pub use snapshot::StoreSnapshot;
pub use stats::StoreStats;

#[cfg(test)]
mod tests;
