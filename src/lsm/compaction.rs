//! What to merge next: a pure function of the present version.

use std::ops::Range;

use super::{
    options::Options,
    version::{LEVELS, Version},
};

/// Tables to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Which tables of which level, from new to old.
    pub(super) inputs: Vec<(usize, Range<usize>)>,
    /// Where what comes of them belongs.
    pub(super) output_level: usize,
    /// Nothing older exists of any key that is merged: tombstones have done their duty.
    pub(super) is_bottom: bool,
}

/// The most urgent merge, if there is any: level 0 into level 1 when it has too many tables.
pub(super) fn pick(version: &Version, options: &Options) -> Option<Choice> {
    let level0 = version.level(0);
    if level0.len() <= options.level0_tables_max {
        return None;
    }
    // All of level 0, since its tables overlap: a version that went down while an older one of
    // the same key stayed would be found too late.
    let smallest = level0.iter().map(|table| &table.info().smallest).min()?;
    let largest = level0.iter().map(|table| &table.info().largest).max()?;
    let below = version.overlap(1, smallest, largest);
    Some(Choice {
        inputs: vec![(0, 0..level0.len()), (1, below)],
        output_level: 1,
        // Everything older than level 0 lies in the tables of level 1 that are merged along.
        is_bottom: 1 == LEVELS - 1,
    })
}
