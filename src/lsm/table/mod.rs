//! Tables: sorted versions in a file that is written once and never changed.
//!
//! A table is a row of blocks, each compressed for itself. The first read opens the table; from
//! then on its *index*, with one entry per block, and its *filter*, which answers "not here" for
//! most keys that are not, stay in memory. So looking up a key costs nothing if the filter denies
//! it, and else one search in the index, one block and one search in the block.
//!
//! *Range tombstones* lie in a block of their own and come into memory with the index. A table's
//! bounds hold them along with its versions; it may have nothing but them.
//!
//! What tables share ([`Access`]): a bounded number of open files, and a cache of blocks that keeps
//! what is read often. Compaction and long scans take blocks from the cache and leave none there.
//!
//! # Invariants
//! 1. Versions stand in the order of [`entry::order`](super::entry), no two of them equal.
//! 2. All of a block is at or before its index entry, all of the next block is behind it.
//! 3. The filter knows every key of the table; its size follows from their real number.
//! 4. A value that would fill a block has a block of its own, so that its neighbours stay small.
//! 5. No byte is believed before its checksum, and a block only in its own place of its own file.
//! 6. A table is whole and synced before anything refers to it.
//! 7. A block in the cache was checked when it was read. A value handed out is a slice of its
//!    block and keeps that in memory, also when the cache has let go of it.
//!
//! # What is left out
//! Index and filter of a table that was read once stay in memory as long as the table is in use:
//! about 50 bytes per block and [`Options::bloom_bits_per_key`](super::Options) bits per key. Two
//! who miss the same block at once both read it.

mod access;
mod back;
mod blocks;
mod builder;
mod cache;
mod check;
mod cursor;
mod format;
mod fragments;
mod handles;
mod index;
mod reader;

pub(super) use access::{Access, ReadCounts};
pub(super) use back::TableBackCursor;
pub(super) use builder::TableBuilder;
pub(super) use cache::Caching;
pub(super) use cursor::TableCursor;
pub(super) use format::Properties;
pub(super) use reader::{Table, TableInfo};

#[cfg(test)]
mod tests;
