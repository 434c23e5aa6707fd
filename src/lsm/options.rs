//! The sizes that a deployment may want to change.

use super::compression::Compression;

/// How large things grow before the engine does something about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A memtable wants to be frozen when it holds this many bytes.
    pub memtable_bytes: usize,
    /// Tables written by compaction and ingestion are cut at this many bytes.
    pub table_bytes: usize,
    /// A block of a table is closed when it holds this many bytes.
    pub block_bytes: usize,
    /// Level 0 is merged into the levels below when it has more tables than this.
    pub level0_tables_max: usize,
    /// A level below 0 that is worth having holds at least this many bytes. As long as the last
    /// level is not much larger, it is the only one.
    pub level_base_bytes: usize,
    /// Every level should have so many times the bytes of the level above it, at least 2.
    pub level_factor: usize,
    /// So many compactions run at once at most, one of which is kept for level 0. At least 1.
    pub compactions_max: usize,
    /// Compactions go through so many bytes of keys and values in a second, all together. 0: as
    /// many as they can.
    pub compaction_bytes_per_second: u64,
    /// Freezing waits while this many memtables wait for their flush.
    pub frozen_max: usize,
    /// How the tables of each level are compressed, from level 0 on; the last holds for all levels
    /// below as well. None at all means no compression. Each table remembers how it was written, so
    /// this may change from one opening to the next.
    pub compression: Vec<Compression>,
    /// Blocks of tables that were read are kept in memory, uncompressed, up to this many bytes;
    /// 0 keeps none.
    pub cache_bytes: usize,
    /// How many files of tables are kept open. Those used least recently are closed and opened
    /// again when they are needed.
    pub open_files_max: usize,
    /// Bits of filter for each key of a table. Ten let one absent key in a hundred pass.
    pub bloom_bits_per_key: usize,
    /// All tables are read and checked over and over, so many bytes in a second. 0: they are not.
    pub scrub_bytes_per_second: u64,
    /// Background work that met an error of the disk waits so many milliseconds before it tries
    /// again, and longer with every error that follows.
    pub retry_ms: u64,
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
            level_base_bytes: 256 << 20,
            level_factor: 10,
            compactions_max: 2,
            compaction_bytes_per_second: 0,
            frozen_max: 3,
            // Fast enough to be worth it even for tables that are soon merged; those who would
            // trade time for space give Zstandard to the last level.
            compression: vec![Compression::Lz4],
            cache_bytes: 64 << 20,
            open_files_max: 256,
            bloom_bits_per_key: 10,
            scrub_bytes_per_second: 0,
            retry_ms: 100,
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
            level_base_bytes: 1 << 10,
            level_factor: 3,
            compactions_max: 3,
            compaction_bytes_per_second: 0,
            frozen_max: 2,
            compression: vec![Compression::None, Compression::Lz4, Compression::Zstd],
            cache_bytes: 4 << 10,
            open_files_max: 2,
            bloom_bits_per_key: 10,
            scrub_bytes_per_second: 0,
            retry_ms: 1,
            manifest_bytes: 512,
        }
    }

    /// How tables of a level are compressed.
    pub(super) fn compression_of(&self, level: usize) -> Compression {
        let last = self.compression.last();
        let chosen = self.compression.get(level).or(last);
        chosen.copied().unwrap_or(Compression::None)
    }

    /// Flushes wait when level 0 has this many tables.
    pub(super) fn level0_stall(&self) -> usize {
        (self.level0_tables_max + 1) * LEVEL0_STALL_FACTOR
    }
}
