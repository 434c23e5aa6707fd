//! Numbers for operators.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::{
    compaction::{Targets, live_bytes, scores},
    options::Options,
    pressure::{HeldBack, HeldBackCounters},
    state::SuperVersion,
    table::{Properties, ReadCounts},
    version::{LEVELS, Version},
};

/// The state of a database in numbers. Counters begin at 0 when it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The memory of all memtables, in bytes.
    pub memtable_bytes: u64,
    /// The same, under the name that it had in the seed of this project.
    pub memtable_size: u64,
    /// The number of all tables, under the name that it had there.
    pub num_sstables: u64,
    /// The bytes that flushes and compactions wrote for each thousand that the owner wrote; 0 if it
    /// wrote nothing.
    pub write_amplification_permille: u64,
    /// The bytes of all tables for each thousand that would do for what can be seen; an estimate.
    pub space_amplification_permille: u64,
    /// The tables that were asked for each thousand lookups of a key.
    pub read_amplification_permille: u64,
    /// How many memtables wait for their flush.
    pub frozen: u64,
    /// The number of tables in each level.
    pub tables: Vec<u64>,
    /// The bytes of the tables in each level.
    pub level_bytes: Vec<u64>,
    /// How full each level is, in thousandths of what makes it due for compaction. The last level
    /// is never full.
    pub level_scores: Vec<u64>,
    /// The bytes in levels below 0 beyond the size that their level should have.
    pub compaction_debt_bytes: u64,
    /// The number of versions in all tables.
    pub table_entries: u64,
    /// How many of them are tombstones.
    pub table_tombstones: u64,
    /// The number of pieces into which range tombstones are cut in all tables.
    pub table_range_tombstones: u64,
    /// The bytes of keys and values written by the owner.
    pub user_bytes: u64,
    /// The bytes of tables written by flushes.
    pub flush_bytes: u64,
    /// The bytes of tables written by compactions.
    pub compaction_bytes: u64,
    /// The bytes of the tables that they merged.
    pub compaction_read_bytes: u64,
    /// How many compactions merged tables.
    pub compactions: u64,
    /// How many tables went down a level or more as they were.
    pub moves: u64,
    /// How many tables the scrub has checked.
    pub scrubbed_tables: u64,
    /// The bytes of their blocks.
    pub scrubbed_bytes: u64,
    /// How much damage it has found. See [`Db::damage`](super::Db::damage).
    pub damaged: u64,
    /// How often background work met an error and tried again.
    pub retries: u64,
    /// How often a freeze had to wait.
    pub stalls: u64,
    /// The same by reason.
    pub stalled: HeldBack,
    /// How often writers were slowed down before that.
    pub slowdowns: u64,
    /// The same by reason.
    pub slowed: HeldBack,
    /// How often a key was looked up.
    pub gets: u64,
    /// Blocks that reads of users found in the cache.
    pub cache_hits: u64,
    /// Blocks that they had to read from the disk.
    pub cache_misses: u64,
    /// The memory of all cached blocks, in bytes.
    pub cache_bytes: u64,
    /// How often a table's filter was asked for a key.
    pub filter_checks: u64,
    /// How often it said no, which saved a search.
    pub filter_useful: u64,
    /// How often it said yes, although the table had nothing of the key to show to the reader.
    pub filter_false: u64,
    /// How many files of tables are open.
    pub open_files: u64,
}

/// The counters behind them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// See [`Stats::user_bytes`].
    pub(super) user_bytes: AtomicU64,
    /// See [`Stats::flush_bytes`].
    pub(super) flush_bytes: AtomicU64,
    /// See [`Stats::compaction_bytes`].
    pub(super) compaction_bytes: AtomicU64,
    /// See [`Stats::compaction_read_bytes`].
    pub(super) compaction_read_bytes: AtomicU64,
    /// See [`Stats::compactions`].
    pub(super) compactions: AtomicU64,
    /// See [`Stats::moves`].
    pub(super) moves: AtomicU64,
    /// See [`Stats::scrubbed_tables`].
    pub(super) scrubbed_tables: AtomicU64,
    /// See [`Stats::scrubbed_bytes`].
    pub(super) scrubbed_bytes: AtomicU64,
    /// See [`Stats::damaged`].
    pub(super) damaged: AtomicU64,
    /// See [`Stats::retries`].
    pub(super) retries: AtomicU64,
    /// See [`Stats::stalled`].
    pub(super) stalled: HeldBackCounters,
    /// See [`Stats::slowed`].
    pub(super) slowed: HeldBackCounters,
    /// See [`Stats::gets`].
    pub(super) gets: AtomicU64,
}

impl Counters {
    /// The counters together with what can be counted on the spot.
    pub(super) fn stats(
        &self,
        current: &SuperVersion,
        options: &Options,
        reads: &ReadCounts,
    ) -> Stats {
        let shape = current.version.shape();
        let frozen = current.frozen.iter().map(|frozen| frozen.memtable.bytes());
        let memtable_bytes = current.active.bytes() + frozen.sum::<usize>();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (flush_bytes, compaction_bytes) =
            (load(&self.flush_bytes), load(&self.compaction_bytes));
        let (user_bytes, gets) = (load(&self.user_bytes), load(&self.gets));
        let table_bytes = current.version.tables().map(|table| table.info().bytes);
        Stats {
            memtable_bytes: memtable_bytes as u64,
            memtable_size: memtable_bytes as u64,
            num_sstables: current.version.tables().count() as u64,
            write_amplification_permille: permille(flush_bytes + compaction_bytes, user_bytes),
            space_amplification_permille: permille(table_bytes.sum(), live_bytes(&shape)),
            read_amplification_permille: permille(reads.filter_checks, gets),
            frozen: current.frozen.len() as u64,
            tables: levels(&current.version, |_| 1),
            level_bytes: levels(&current.version, |bytes| bytes),
            level_scores: scores(&shape, options),
            compaction_debt_bytes: Targets::of(&shape, options).debt(&shape),
            table_entries: total(&current.version, |table| table.entries),
            table_tombstones: total(&current.version, |table| table.tombstones),
            table_range_tombstones: total(&current.version, |table| table.range_tombstones),
            user_bytes,
            flush_bytes,
            compaction_bytes,
            compaction_read_bytes: load(&self.compaction_read_bytes),
            compactions: load(&self.compactions),
            moves: load(&self.moves),
            scrubbed_tables: load(&self.scrubbed_tables),
            scrubbed_bytes: load(&self.scrubbed_bytes),
            damaged: load(&self.damaged),
            retries: load(&self.retries),
            stalls: self.stalled.get().times(),
            stalled: self.stalled.get(),
            slowdowns: self.slowed.get().times(),
            slowed: self.slowed.get(),
            gets,
            cache_hits: reads.cache_hits,
            cache_misses: reads.cache_misses,
            cache_bytes: reads.cache_bytes,
            filter_checks: reads.filter_checks,
            filter_useful: reads.filter_useful,
            filter_false: reads.filter_false,
            open_files: reads.open_files,
        }
    }
}

/// So many for each thousand of those; 0 if there are none.
fn permille(number: u64, of: u64) -> u64 {
    match of {
        0 => 0,
        of => (u128::from(number) * 1000 / u128::from(of)) as u64,
    }
}

/// Sums up what `of` takes from the properties of each table.
fn total(version: &Version, of: fn(&Properties) -> u64) -> u64 {
    version
        .tables()
        .map(|table| of(&table.info().properties))
        .sum()
}

/// Sums up, level by level, what `of` makes of the length of each table.
fn levels(version: &Version, of: fn(u64) -> u64) -> Vec<u64> {
    let sum = |level| {
        let tables = version.level(level).iter();
        tables.map(|table| of(table.info().bytes)).sum()
    };
    (0..LEVELS).map(sum).collect()
}
