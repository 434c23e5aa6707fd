//! The manifest: which tables make up the database, and its owner's note, as a log of edits.
//!
//! An edit is all or nothing: a flush adds a table *and* moves the note, a compaction takes tables
//! away *and* adds others. It counts once it is synced; until then a crash may undo it, and then
//! nothing has happened but that some files are left over.
//!
//! # The file
//! ```text
//! manifest = magic 8 bytes │ version u32 │ epoch u64 │ checksum u32 │ frame │ frame │ …
//!            checksum: CRC32C of what is before it
//! frame    = epoch u64 │ at u64 │ synced u64 │ length u32 │ payload │ checksum u32
//!            epoch:    that of the file; every rewriting has the next one
//!            at:       the frame's own offset
//!            synced:   up to here the file was durable before the frame was written
//!            checksum: CRC32C of all of the frame before it
//! payload  = an edit (`edit.rs`), or nothing: then the frame is a *mark*
//! ```
//! The first frame lists everything. When the file has become long, or is opened, a new one is
//! written beside it, synced, renamed over it, and its name synced.
//!
//! # Torn tail or corruption?
//! After a crash the file may end in rubbish where an edit was being written. Nobody was told that
//! this edit was done, and recovery leaves it out. Rubbish in place of an edit that *was* done must
//! not be treated so: the database would silently return to an older state. So each edit is
//! followed by a mark, which is written once the edit is durable and says so in `synced`. A bad
//! frame is corruption if any frame behind it says that it had been durable, else the torn tail.
//!
//! # Invariants
//! 1. What an edit refers to is durable before the edit is written, names included.
//! 2. An edit is acknowledged only after it and its mark are synced.
//! 3. Nothing is appended to a file before its name is durable, nor after any error: then a new
//!    file takes its place, which says everything, and nothing is acknowledged before.
//! 4. A damaged byte before the last mark is an error; in the last mark it does no harm.
//!
//! # What is left out
//! The file is read into memory whole: it has about a hundred bytes per table.

mod catalog;
mod edit;
mod frame;
mod log;
mod recovery;

pub(super) use catalog::Catalog;
pub(super) use edit::Edit;
pub(super) use log::Manifest;
pub(super) use recovery::read;

#[cfg(test)]
mod tests;
