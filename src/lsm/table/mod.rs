//! Tables: sorted versions in a file that is written once and never changed.
//!
//! A table is a row of blocks. In memory stay only its *index*, with one entry per block, and its
//! *filter*, which answers "not here" for most keys that are not. So looking up a key costs
//! nothing if the filter denies it, and else one search in the index, one block from the disk and
//! one search in the block.
//!
//! # Invariants
//! 1. Versions stand in the order of [`entry::order`](super::entry), no two of them equal.
//! 2. All of a block is at or before its index entry, all of the next block is behind it.
//! 3. The filter knows every key of the table; its size follows from their real number.
//! 4. A value that would fill a block has a block of its own, so that its neighbours stay small.
//! 5. No byte is believed before its checksum, and a block only in its own place of its own file.
//! 6. A table is whole and synced before anything refers to it.
//!
//! # What is left out
//! Blocks are read from the disk each time: a cache will stand in [`Table::block`], the one place
//! through which all of them come. The byte for their compression is there and always 0.

mod builder;
mod cursor;
mod format;
mod reader;

pub(super) use builder::TableBuilder;
pub(super) use cursor::TableCursor;
pub(super) use format::Properties;
pub(super) use reader::{Table, TableInfo};

#[cfg(test)]
mod tests;
