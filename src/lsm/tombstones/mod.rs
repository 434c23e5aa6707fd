//! Range tombstones: one mark that makes all keys of a range absent.
//!
//! `start..end @ n` hides, from readers at `n` and later, every version with a number below `n` of
//! every key from `start` up to, but not including, `end`. A version that has the number `n` itself
//! stays visible: what is written under one number belongs together, in whatever order it was
//! written.
//!
//! # Fragments
//! Tombstones overlap as their owner pleases. Cut at all their ends they fall into *fragments* that
//! do not: each a range of keys with the numbers of all tombstones that cover it.
//! ```text
//! a ──────────── m @ 7                  a ── f      f ── m      m ── t
//!        f ──────────── t @ 9      =>   [7]         [9, 7]      [9]
//! ```
//! A key lies in at most one fragment, so that a binary search finds everything that covers it,
//! and a sorted list of fragments can be cut, glued and merged like sorted versions.
//!
//! # Where they are
//! A memtable keeps them beside its versions (`memory`). A table keeps those of its versions' keys
//! in a block of their own; where compaction cuts its output into tables, fragments are cut at the
//! same keys. So of one level, the table whose bounds hold a key has all there is of that key:
//! its versions and the fragment that covers it. Readers look at all places together (`cover`).
//!
//! # Invariants
//! 1. Fragments of a set are ascending, not empty, and do not overlap; those that touch differ.
//! 2. Numbers of a fragment descend, and there is at least one.
//! 3. A range tombstone counts as a write to each of its keys: those in newer places, and the
//!    versions there, have numbers at least as large. So the first version that a reader meets from
//!    new to old is hidden by nothing that it has not met.
//! 4. A number goes only when no reader at the floor or above can tell: when a larger one at or below
//!    the floor covers the same keys, or when nothing is left that it hides.
//!
//! # What is left out
//! Numbers are kept per fragment, so that n ranges that lie inside each other take n² of memory
//! until the floor passes them; a memtable counts what they really take, and is full the sooner.
//! Readers go through hidden versions one by one instead of leaping to the end of a fragment.

mod memory;
mod merge;
mod set;

pub(super) use memory::MemoryTombstones;
pub(super) use set::{Fragment, RangeTombstones, Stretch};

#[cfg(test)]
mod tests;
