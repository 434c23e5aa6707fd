//! What there is to decide about: the tables of a version by their descriptions alone.

use std::ops::Range;

use super::super::{table::TableInfo, version::LEVELS};

/// The descriptions of all tables, level by level, each level in the order of its version.
pub(in crate::lsm) struct Shape<'a> {
    levels: [Vec<&'a TableInfo>; LEVELS],
}

impl<'a> Shape<'a> {
    /// The shape with these levels.
    pub(in crate::lsm) fn new(levels: [Vec<&'a TableInfo>; LEVELS]) -> Self {
        Shape { levels }
    }

    /// The tables of a level.
    pub(in crate::lsm) fn level(&self, level: usize) -> &[&'a TableInfo] {
        &self.levels[level]
    }

    /// The bytes of all tables of a level.
    pub(super) fn bytes(&self, level: usize) -> u64 {
        bytes(&self.levels[level])
    }

    /// Which tables of a level below 0 have keys from `smallest` on and before `end`.
    pub(super) fn overlap(&self, level: usize, smallest: &[u8], end: &[u8]) -> Range<usize> {
        assert!(level > 0, "level 0 has no order of keys");
        let tables = &self.levels[level];
        let from = tables.partition_point(|table| table.properties.ends_before(smallest));
        let to = tables.partition_point(|table| table.properties.smallest < end);
        from..to.max(from)
    }

    /// The bytes of the tables of a level that overlap these keys; 0 behind the last level.
    pub(super) fn overlap_bytes(&self, level: usize, smallest: &[u8], end: &[u8]) -> u64 {
        match level < LEVELS {
            true => bytes(&self.levels[level][self.overlap(level, smallest, end)]),
            false => 0,
        }
    }
}

/// The bytes of some tables.
pub(super) fn bytes(tables: &[&TableInfo]) -> u64 {
    tables.iter().map(|table| table.bytes).sum()
}
