//! The sizes that a deployment may want to change.

/// How large things grow before the engine does something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A memtable wants to be frozen when it holds this many bytes.
    pub memtable_bytes: usize,
    /// Tables written by compaction and ingestion are cut at this many bytes.
    pub table_bytes: usize,
    /// A block of a table is closed when it holds this many bytes.
    pub block_bytes: usize,
    /// Level 0 is merged into level 1 when it has more tables than this.
    pub level0_tables_max: usize,
    /// Freezing waits while this many memtables wait for their flush.
    pub frozen_max: usize,
    /// Bits of filter for each key of a table. Ten let one absent key in a hundred pass.
    pub bloom_bits_per_key: usize,
    /// The manifest is rewritten when its edits take this many bytes, or twice its compact form if
    /// that is more.
    pub manifest_bytes: usize,
}

/// Flushes wait while level 0 has so many times more tables than would start a compaction: every
/// one of them is a place where reads have to look.
const LEVEL0_STALL_FACTOR: usize = 4;

impl Default for Options {
    fn default() -> Self {
        Options {
            memtable_bytes: 64 << 20,
            table_bytes: 64 << 20,
            block_bytes: 4 << 10,
            level0_tables_max: 4,
            frozen_max: 3,
            bloom_bits_per_key: 10,
            manifest_bytes: 1 << 20,
        }
    }
}

impl Options {
    /// The tiny set, under which every rare path is common.
    pub fn test_min() -> Self {
        Options {
            memtable_bytes: 2 << 10,
            table_bytes: 1 << 10,
            block_bytes: 128,
            level0_tables_max: 2,
            frozen_max: 2,
            bloom_bits_per_key: 10,
            manifest_bytes: 512,
        }
    }

    /// Flushes wait when level 0 has this many tables.
    pub(super) fn level0_stall(&self) -> usize {
        (self.level0_tables_max + 1) * LEVEL0_STALL_FACTOR
    }
}
