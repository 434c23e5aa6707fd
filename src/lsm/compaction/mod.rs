//! What to merge next: a pure function of what there is.
//!
//! Level 0 takes the flushed memtables as they come. When it has too many, they go down into the
//! *base* level, the highest of the sized levels in use (`targets`). A sized level that has more
//! bytes than it should gives one table to the level below, where it is merged with what it
//! overlaps. The level that is fullest for its size comes first, and in it the table that costs
//! least: the one with the fewest bytes below it for its own.
//!
//! A table that overlaps nothing where it goes is not rewritten: one edit changes its level, unless
//! tables are compressed in another way there. And a table most of whose versions nobody can see
//! any more is rewritten in its place, so that space comes back also where nothing new arrives; for
//! the same reason a table that has little but range tombstones sinks through what they hide.
//!
//! # Invariants of a choice
//! 1. Of level 0 it takes along everything that overlaps what it takes, directly or by others in
//!    between: no version goes down past an older one.
//! 2. Between the levels that it joins nothing overlaps its keys; where it goes it takes all that
//!    does.
//! 3. It is at the bottom only if nothing below the output overlaps any of its keys.
//! 4. It has no level and key in common with a compaction that is under way (`claim`).
//!
//! # What is left out
//! Merging tables of level 0 among themselves, to shorten reads while the base level is busy.

mod claim;
mod level0;
mod parts;
mod shape;
mod targets;

use std::{cmp::Reverse, ops::Range};

use bytes::Bytes;

use super::{entry::Seq, options::Options, table::TableInfo, version::LEVELS};
pub(super) use claim::Claim;
pub(super) use parts::{Part, split};
pub(super) use shape::Shape;
pub(super) use targets::Targets;

#[cfg(test)]
mod tests;

/// A table of an output may overlap so many times a table's bytes in the level below it: else the
/// day it goes down would be too long.
pub(super) const GRANDPARENTS_FACTOR: u64 = 10;

/// Everything that the decision depends on.
pub(super) struct Situation<'a> {
    /// The tables.
    pub(super) shape: Shape<'a>,
    /// The sizes to keep to.
    pub(super) options: &'a Options,
    /// No reader looks at anything older.
    pub(super) floor: Seq,
    /// What is under way.
    pub(super) running: &'a [Claim],
}

/// Tables to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Which tables of which level, from new to old; the tables of one range do not overlap.
    pub(super) inputs: Vec<(usize, Range<usize>)>,
    /// Where what comes of them belongs.
    pub(super) output_level: usize,
    /// Nothing older exists of any key that is merged: tombstones have done their duty.
    pub(super) is_bottom: bool,
    /// It is one table, which may go where it belongs as it is.
    pub(super) is_move: bool,
    /// What it keeps others from.
    pub(super) claim: Claim,
}

/// The most urgent compaction that may begin now, if there is any.
pub(super) fn pick(situation: &Situation<'_>) -> Option<Choice> {
    let targets = Targets::of(&situation.shape, situation.options);
    let levels = match situation.has_room_below() {
        true => 0..LEVELS,
        // A long way down must not keep level 0 waiting.
        false => 0..1,
    };
    let mut due: Vec<(u64, usize)> = levels
        .map(|level| (situation.free_score(&targets, level), level))
        .filter(|(score, _)| *score >= targets::SCORE_DUE)
        .collect();
    due.sort_by_key(|(score, level)| (Reverse(*score), *level));
    due.into_iter()
        .find_map(|(_, level)| match level {
            0 => level0::choose(situation, targets.base, |_| true),
            _ => situation.go_down(level),
        })
        .or_else(|| situation.sweep())
        .or_else(|| situation.sink(&targets))
}

/// The lowest floor above this one at which there may be one more table to rewrite for what nobody
/// can see any more, in it or below it; the largest number if there is none.
pub(super) fn next_sweep(shape: &Shape<'_>, floor: Seq) -> Seq {
    let level0 = shape.level(0).iter();
    let level0 = level0.filter(|table| table.properties.range_tombstones > 0);
    let below = (1..LEVELS).flat_map(|level| shape.level(level));
    level0
        .chain(below)
        .map(|table| (table.properties.seq_max, table))
        .filter(|(seq_max, table)| *seq_max > floor && is_wasteful(table, *seq_max))
        .map(|(seq_max, _)| seq_max)
        .min()
        .unwrap_or(Seq::MAX)
}

/// About how many bytes would do for what can be seen: those of the tables that have nothing below
/// them, without what is hidden in them. What lies above others mostly replaces what they have.
pub(super) fn live_bytes(shape: &Shape<'_>) -> u64 {
    let of_level = |level: usize| {
        let tables = shape.level(level).iter();
        let lowest = tables.filter(move |table| {
            let (smallest, end) = keys(table);
            !(level + 1..LEVELS).any(|below| !shape.overlap(below, smallest, end).is_empty())
        });
        lowest.map(|table| {
            let properties = &table.properties;
            let visible = properties.keys.saturating_sub(properties.tombstones);
            let share = u128::from(table.bytes) * u128::from(visible);
            (share / u128::from(properties.entries.max(1))) as u64
        })
    };
    (0..LEVELS).flat_map(of_level).sum()
}

/// How full each level is, in thousandths of what makes it due.
pub(super) fn scores(shape: &Shape<'_>, options: &Options) -> Vec<u64> {
    let targets = Targets::of(shape, options);
    let level0 = targets::level0_score(shape.level(0).len(), options);
    let below = (1..LEVELS).map(|level| targets.score(level, shape.bytes(level)));
    std::iter::once(level0).chain(below).collect()
}

impl Situation<'_> {
    /// How full a level is without the tables that are on their way out of it.
    fn free_score(&self, targets: &Targets, level: usize) -> u64 {
        let leaving: Vec<&Claim> = self
            .running
            .iter()
            .filter(|claim| *claim.levels.start() == level)
            .collect();
        let is_free = |table: &&&TableInfo| {
            let (smallest, end) = keys(table);
            !leaving.iter().any(|claim| claim.touches(smallest, end))
        };
        let free = self.shape.level(level).iter().filter(is_free);
        match level {
            0 => targets::level0_score(free.count(), self.options),
            _ => targets.score(level, free.map(|table| table.bytes).sum()),
        }
    }

    /// One table of a sized level into the level below, with what it overlaps there.
    fn go_down(&self, level: usize) -> Option<Choice> {
        let tables = self.shape.level(level);
        // What must be rewritten below for each thousand bytes that go down.
        let cost = |table: &TableInfo| {
            let (smallest, end) = keys(table);
            let below = self.shape.overlap_bytes(level + 1, smallest, end);
            below.saturating_mul(1000) / table.bytes.max(1)
        };
        let mut by_cost: Vec<usize> = (0..tables.len()).collect();
        by_cost.sort_by_cached_key(|table| cost(tables[*table]));
        by_cost.into_iter().find_map(|table| {
            let upper = vec![(level, table..table + 1)];
            self.complete(upper, level + 1)
        })
    }

    /// Whether one more compaction may begin that does not come from level 0.
    fn has_room_below(&self) -> bool {
        let is_below = |claim: &&Claim| *claim.levels.start() > 0;
        let running = self.running.iter().filter(is_below).count();
        running < self.options.compactions_max.saturating_sub(1).max(1)
    }

    /// A table that is worth rewriting for what it has that nobody can see any more.
    fn sweep(&self) -> Option<Choice> {
        if !self.has_room_below() {
            return None;
        }
        (1..LEVELS).rev().find_map(|level| {
            let tables = self.shape.level(level).iter().enumerate();
            let wasteful = tables.filter(|(_, table)| is_wasteful(table, self.floor));
            wasteful.map(|(table, _)| table).find_map(|table| {
                let choice = self.complete(vec![(level, table..table + 1)], level)?;
                choice.is_bottom.then_some(choice)
            })
        })
    }

    /// A table that has little but range tombstones, towards the versions below that they hide from
    /// everybody.
    fn sink(&self, targets: &Targets) -> Option<Choice> {
        if !self.has_room_below() {
            return None;
        }
        let is_heavy = |table: &TableInfo| {
            table.properties.range_tombstones > 0 && is_wasteful(table, self.floor)
        };
        let level0 = level0::choose(self, targets.base, |group| {
            let mut tables = group.iter().map(|table| self.shape.level(0)[*table]);
            tables.any(is_heavy)
        });
        level0.or_else(|| {
            (1..LEVELS - 1).find_map(|level| {
                let tables = self.shape.level(level).iter().enumerate();
                let mut heavy = tables.filter(|(_, table)| is_heavy(table));
                heavy.find_map(|(table, _)| {
                    self.complete(vec![(level, table..table + 1)], level + 1)
                })
            })
        })
    }

    /// Completes a choice by what overlaps these tables in `output_level`; none if what is under
    /// way forbids it.
    fn complete(
        &self,
        mut inputs: Vec<(usize, Range<usize>)>,
        output_level: usize,
    ) -> Option<Choice> {
        let shape = &self.shape;
        let (mut smallest, mut end) = bounds(shape, &inputs)?;
        let upper_level = inputs.first()?.0;
        if output_level != upper_level {
            let below = shape.overlap(output_level, &smallest, &end);
            if !below.is_empty() {
                inputs.push((output_level, below));
                (smallest, end) = bounds(shape, &inputs)?;
            }
        }
        let claim = Claim {
            levels: upper_level..=output_level,
            smallest,
            end,
        };
        if self.running.iter().any(|running| running.conflicts(&claim)) {
            return None;
        }
        let overlaps = |level| !shape.overlap(level, &claim.smallest, &claim.end).is_empty();
        Some(Choice {
            is_bottom: !(output_level + 1..LEVELS).any(overlaps),
            is_move: output_level != upper_level && self.may_move(&inputs, output_level),
            inputs,
            output_level,
            claim,
        })
    }

    /// Whether the inputs are one table that may stay as it is.
    fn may_move(&self, inputs: &[(usize, Range<usize>)], output_level: usize) -> bool {
        let [(level, tables)] = inputs else {
            return false;
        };
        let [table] = &self.shape.level(*level)[tables.clone()] else {
            return false;
        };
        let compression = |level| self.options.compression_of(level);
        if compression(*level) != compression(output_level) {
            return false;
        }
        let (smallest, end) = keys(table);
        let below = self.shape.overlap_bytes(output_level + 1, smallest, end);
        below <= GRANDPARENTS_FACTOR * self.options.table_bytes as u64
    }
}

/// The first key of a table, and the first one behind all of it.
fn keys(table: &TableInfo) -> (&Bytes, &Bytes) {
    (&table.properties.smallest, &table.properties.end)
}

/// The first key of some tables, and the first one behind all of them; none of no tables.
fn bounds(shape: &Shape<'_>, inputs: &[(usize, Range<usize>)]) -> Option<(Bytes, Bytes)> {
    let tables = || {
        let inputs = inputs.iter();
        inputs.flat_map(|(level, tables)| &shape.level(*level)[tables.clone()])
    };
    let smallest = tables().map(|table| &table.properties.smallest).min()?;
    let end = tables().map(|table| &table.properties.end).max()?;
    Some((smallest.clone(), end.clone()))
}

/// Whether about half of what a table has is out of everybody's sight: versions older than another
/// one of their key, and tombstones, and no reader looks so far back.
fn is_wasteful(table: &TableInfo, floor: Seq) -> bool {
    let properties = &table.properties;
    let hidden = properties.entries.saturating_sub(properties.keys);
    let waste = hidden + properties.tombstones + properties.range_tombstones;
    waste > 0 && 2 * waste >= properties.entries && properties.seq_max <= floor
}
