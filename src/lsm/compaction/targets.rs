//! How large each level should be.
//!
//! The last level holds nearly everything and has no limit. As long as it is small, level 0 is
//! merged straight into it: a level in between would only be written once more. When it has grown
//! beyond a few times the size at which a level is worth having, the level above comes into use,
//! smaller by a factor, and so on upwards. So every byte is written about as often as there are
//! levels in use, and what is out of date takes a fraction of the whole.

use super::{
    super::{options::Options, version::LEVELS},
    shape::Shape,
};

/// A level above another one comes into use when that one should have so many times the bytes that
/// a level is worth. Below that, going around a level is cheaper than going through it.
const SPLIT_FACTOR: u64 = 4;

/// A score from which on a level has too much.
pub(in crate::lsm) const SCORE_DUE: u64 = 1000;

/// The size that each level should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Targets {
    /// The level that takes what leaves level 0.
    pub(in crate::lsm) base: usize,
    /// In bytes. 0 for the levels above `base`, which should be empty.
    pub(in crate::lsm) bytes: [u64; LEVELS],
}

impl Targets {
    /// The targets that fit what there is.
    pub(in crate::lsm) fn of(shape: &Shape<'_>, options: &Options) -> Targets {
        let base_bytes = (options.level_base_bytes as u64).max(1);
        let factor = (options.level_factor as u64).max(2);
        let largest = (1..LEVELS).map(|level| shape.bytes(level)).max();
        let mut bytes = [0; LEVELS];
        let mut level = LEVELS - 1;
        bytes[level] = largest.unwrap_or(0).max(base_bytes);
        while level > 1 && bytes[level] > SPLIT_FACTOR * base_bytes {
            bytes[level - 1] = (bytes[level] / factor).max(base_bytes);
            level -= 1;
        }
        Targets { base: level, bytes }
    }

    /// How full a level below 0 is with so many bytes, in thousandths. The last level is never
    /// full.
    pub(super) fn score(&self, level: usize, bytes: u64) -> u64 {
        match self.bytes[level] {
            _ if level == LEVELS - 1 || bytes == 0 => 0,
            0 => SCORE_DUE,
            target => (u128::from(bytes) * 1000 / u128::from(target)) as u64,
        }
    }

    /// The bytes that must go down before every level has its size.
    pub(in crate::lsm) fn debt(&self, shape: &Shape<'_>) -> u64 {
        let excess = |level| shape.bytes(level).saturating_sub(self.bytes[level]);
        (1..LEVELS - 1).map(excess).sum()
    }
}

/// How full level 0 is with so many tables, in thousandths.
pub(super) fn level0_score(tables: usize, options: &Options) -> u64 {
    tables as u64 * 1000 / (options.level0_tables_max as u64 + 1)
}
