//! The storage engine: a sorted map with versions that is written in memory and merged on disk
//! (O'Neil and others, "The log-structured merge-tree", 1996). It is a library of its own: what
//! the versions mean, and in which log they are safe until they are flushed, is its owner's affair.
//!
//! # The way of a write
//! A [`Batch`] goes into the *active* memtable, a skip list in an arena that one thread extends
//! while others read (`skiplist`). When it is full its owner *freezes* it and hands over a *note*: an
//! opaque piece of its own state, such as how far it had applied its log. The background (`flush`)
//! writes the oldest frozen memtable into a table of level 0, and one edit of the `manifest` makes
//! table and note part of the database together. So whoever opens it finds a note and exactly the
//! writes that belong to it, and replays its log from there. When level 0 has grown, compaction
//! merges it into the levels below, each larger than the one above, whose tables do not overlap
//! (`compaction` decides, `compact` does it), and drops the versions that nobody can see (`retain`).
//!
//! # The way of a read
//! A reader takes the present super-version (`state`), one pointer to all memtables and tables, and
//! keeps it as long as it needs. It looks into the active memtable, the frozen ones from new to old,
//! level 0 from new to old, and the levels below downwards; the first place that has a version it
//! may see has the newest one, unless a range tombstone that was met so far hides it (`tombstones`).
//! Ranges and snapshots merge all these places into one order (`merge`), and ask what covers
//! their keys (`cover`). Nobody waits for anybody: writers add to lists, and flush and compaction
//! swap the pointer.
//!
//! # Who may change what
//! A few tasks work in the background: a flush and some compactions that do not touch each other's
//! tables (`job`) make new tables, and the committer (`commit`) alone writes the manifest and then
//! swaps the super-version, one change at a time. When they do not keep up, writers are slowed down
//! and in the end wait (`pressure`). Whoever meets an error of the disk tries again (`trouble`); what
//! cannot be mended so [stops them all](Db::has_stopped): memory stays readable, and since the
//! owner's log is cut only below a durable note, nothing is lost.
//!
//! # Trust
//! [`Db::verify`] reads everything and compares it with everything else that is known of it; the
//! `scrub` does so slowly and for ever. A [checkpoint](Db::checkpoint) is a whole database in
//! another directory, made of second names for the same files, which never change.
//!
//! # Invariants
//! 1. Versions stand in one order everywhere: keys ascending, of one key the newest first.
//! 2. Of one key, every version in a memtable is at least as new as all in older memtables; those
//!    are newer than level 0, a table of level 0 newer than the tables before it, and a level newer
//!    than those below. Of two versions with equal numbers the one in the newer place counts.
//!    A range that is deleted counts as a write to each of its keys.
//! 3. All that a level below 0 has of one key is in one table: its versions, and the range
//!    tombstones that cover it.
//! 4. A flush and its note become durable together, and in the order of freezing.
//! 5. A reader sees what it began with until it ends, and its files stay until then.
//! 6. What an edit of the manifest refers to is durable before it, names included; readers see a
//!    change, and files are removed, only after the edit is durable.
//! 7. The directory holds the manifest, the tables it names, and leftovers of unfinished work, which
//!    the next opening removes. Any other file is refused and left alone.
//! 8. No byte from the disk is believed before its checksum; damage is an error that names the
//!    place.
//!
//! # What is left out
//! A [`Db`] has no log: the Raft log protects what is in its memory; [`Store`] has one. Indexes and
//! filters stay in memory without a bound of their own: about fifty bytes for each block and ten bits
//! for each key. Compactions read block by block, without reading ahead. A range that goes through
//! what a range tombstone hides visits each hidden version instead of leaping over all. Values
//! lie beside their keys, however large, and are written again with them.

#[cfg(test)]
mod allocations;
mod arena;
mod batch;
mod block;
mod bloom;
mod checkpoint;
mod commit;
mod compact;
mod compaction;
mod compression;
mod cover;
mod db;
mod entry;
mod error;
mod files;
mod flush;
mod garbage;
mod grandparents;
mod ingest;
mod job;
mod lanes;
mod leaf;
mod manifest;
mod memtable;
mod merge;
mod names;
mod open;
mod options;
mod outputs;
mod pace;
mod prefix;
mod pressure;
mod range;
mod retain;
mod run_back;
mod scrub;
mod shared;
mod skiplist;
mod snapshot;
mod source;
mod state;
mod stats;
mod store;
mod sync;
mod table;
mod tombstones;
mod trouble;
mod verify;
mod version;
mod view;

pub use batch::{Batch, RangeDelete};
pub use compression::Compression;
pub use db::Db;
pub use entry::{Entry, SEQ_MAX, Seq};
pub use error::LsmError;
pub use ingest::Ingest;
pub use options::Options;
pub use prefix::prefix_bounds;
pub use pressure::HeldBack;
pub use range::{Found, Range};
pub use snapshot::{Entries, OwnedEntry, Snapshot};
pub use stats::Stats;
pub use store::{Store, StoreError, StoreOptions, StoreSnapshot, StoreStats, SyncMode, WriteBatch};
pub use verify::{Finding, Report, verify};

#[cfg(test)]
mod tests;
