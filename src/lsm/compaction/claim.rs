//! What a compaction under way keeps others from touching.

use std::ops::RangeInclusive;

use bytes::Bytes;

/// The levels and keys between which a compaction moves versions.
///
/// Two compactions may run side by side if they have no level or no key in common. Then neither
/// takes a table that the other has, nor writes where the other writes; and no version goes past
/// another one of the same key, since whoever wants to cross a level must claim it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Claim {
    /// From where versions come to where they go, and every level between.
    pub(in crate::lsm) levels: RangeInclusive<usize>,
    /// The first key of all tables that are merged.
    pub(in crate::lsm) smallest: Bytes,
    /// The first key behind all of them.
    pub(in crate::lsm) end: Bytes,
}

impl Claim {
    /// Whether the two may not run side by side.
    pub(super) fn conflicts(&self, other: &Claim) -> bool {
        let levels =
            self.levels.start() <= other.levels.end() && other.levels.start() <= self.levels.end();
        levels && self.touches(&other.smallest, &other.end)
    }

    /// Whether it has keys from `smallest` on and before `end`.
    pub(super) fn touches(&self, smallest: &[u8], end: &[u8]) -> bool {
        self.smallest < end && smallest < &self.end[..]
    }
}
