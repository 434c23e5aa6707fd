//! Holding writers back before they have to be stopped.
//!
//! When memtables cannot be flushed as fast as they fill, or level 0 as fast as it grows, writers
//! must wait in the end: memory is bounded, and so is the number of places where a read must look.
//! One long wait is worse than many short ones. So from a while before the end writers are slowed
//! down, the more the nearer it is, and compactions are no longer kept to their rate.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde::Serialize;

use super::{compaction::Targets, options::Options, state::SuperVersion};
use crate::env::Debt;

/// Writers who are slowed down may write so many bytes in a second at first …
const BYTES_PER_SECOND_MAX: u64 = 64 << 20;

/// … and so many at the end.
const BYTES_PER_SECOND_MIN: u64 = 1 << 20;

/// One write waits no longer than that, in microseconds.
pub(super) const WAIT_US_MAX: u64 = 20_000;

/// Level 0 slows writers down when it has this part of the tables at which flushes wait.
const LEVEL0_PART: u64 = 2;

/// Compaction is behind when it owes so many times the bytes of the base level …
const DEBT_SLOW_FACTOR: u64 = 32;

/// … and hopelessly so when it owes this many times.
const DEBT_STOP_FACTOR: u64 = 256;

/// Why writers are held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Too many memtables wait for their flush.
    Memtables,
    /// Level 0 has too many tables.
    Level0,
    /// Levels have grown far beyond their size.
    Debt,
    /// Something failed and is tried again.
    Trouble,
}

/// How often writers were held back and why, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// Because memtables were not flushed as fast as they filled.
    pub memtables: u64,
    /// Because level 0 had too many tables.
    pub level0: u64,
    /// Because levels had grown far beyond their size.
    pub debt: u64,
    /// Because background work met an error and was tried again.
    pub trouble: u64,
    /// All together, in microseconds. What is under way is not in it yet.
    pub us: u64,
}

/// Counts for [`HeldBack`].
#[derive(Debug, Default)]
pub(super) struct HeldBackCounters {
    reasons: [AtomicU64; 4],
    us: AtomicU64,
}

/// A reason, and how far it is on the way from slowing down to stopping, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    share: u64,
    reason: Reason,
}

/// Whether writers are to be slowed down, and what they owe.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    is_on: AtomicBool,
    /// The bytes that had been written when they were last asked to wait.
    asked_at: AtomicU64,
    /// How near the tables are to where writers must wait.
    tables: Mutex<Option<Held>>,
    /// What they may spend.
    pub(super) debt: Debt,
}

impl HeldBackCounters {
    /// Counts once.
    pub(super) fn count(&self, reason: Reason) {
        self.reasons[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts time.
    pub(super) fn add_us(&self, us: u64) {
        self.us.fetch_add(us, Ordering::Relaxed);
    }

    /// What was counted.
    pub(super) fn get(&self) -> HeldBack {
        let of = |reason: Reason| self.reasons[reason as usize].load(Ordering::Relaxed);
        HeldBack {
            memtables: of(Reason::Memtables),
            level0: of(Reason::Level0),
            debt: of(Reason::Debt),
            trouble: of(Reason::Trouble),
            us: self.us.load(Ordering::Relaxed),
        }
    }
}

impl HeldBack {
    /// How often, for whatever reason.
    pub fn times(&self) -> u64 {
        self.memtables + self.level0 + self.debt + self.trouble
    }
}

impl Pressure {
    /// Whether writers are to be slowed down.
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Finds out anew, after tables or frozen memtables have changed.
    pub(super) fn update(&self, current: &SuperVersion, options: &Options) {
        let tables = of_tables(current, options);
        *self.tables.lock() = tables;
        let is_last = current.frozen.len() >= options.frozen_max;
        self.is_on
            .store(is_last || tables.is_some(), Ordering::Relaxed);
    }

    /// Why writers should be slowed down, if they should, and to how many bytes per second.
    pub(super) fn strength(
        &self,
        current: &SuperVersion,
        options: &Options,
    ) -> Option<(Reason, u64)> {
        let tables = *self.tables.lock();
        let Held { share, reason } = tables.max(of_memtables(current, options))?;
        Some((reason, bytes_per_second(share)))
    }

    /// How many bytes were written since the last call, given how many in all.
    pub(super) fn since_last(&self, bytes: u64) -> u64 {
        bytes.saturating_sub(self.asked_at.swap(bytes, Ordering::Relaxed))
    }
}

/// How near the active memtable is to its end, if it is the last for which there is room.
fn of_memtables(current: &SuperVersion, options: &Options) -> Option<Held> {
    let is_last = current.frozen.len() >= options.frozen_max;
    let bytes = 1 + current.active.bytes() as u64;
    let share = share(bytes, 0, options.memtable_bytes as u64)?;
    is_last.then_some(Held {
        share,
        reason: Reason::Memtables,
    })
}

/// How near the tables are to where writers must wait.
fn of_tables(current: &SuperVersion, options: &Options) -> Option<Held> {
    let tables = current.version.level(0).len() as u64;
    let stop = options.level0_stall() as u64;
    let level0 = share(tables, stop / LEVEL0_PART, stop);
    let shape = current.version.shape();
    let debt = Targets::of(&shape, options).debt(&shape);
    let base_bytes = options.level_base_bytes as u64;
    let (slow, stop) = (DEBT_SLOW_FACTOR * base_bytes, DEBT_STOP_FACTOR * base_bytes);
    let held = |reason, share: Option<u64>| share.map(|share| Held { share, reason });
    held(Reason::Level0, level0).max(held(Reason::Debt, share(debt, slow, stop)))
}

/// How far a number is on its way from where it slows down to where it stops, in thousandths; none
/// if it does not even slow down.
fn share(number: u64, slow: u64, stop: u64) -> Option<u64> {
    let way = stop.saturating_sub(slow).max(1);
    (number > slow).then(|| ((number - slow).saturating_mul(1000) / way).min(1000))
}

/// Evenly on a scale of factors: every step slows down by the same part.
fn bytes_per_second(share: u64) -> u64 {
    const HALVINGS: u64 = (BYTES_PER_SECOND_MAX / BYTES_PER_SECOND_MIN).ilog2() as u64;
    BYTES_PER_SECOND_MAX >> (share * HALVINGS / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_become_slower_the_nearer_the_end_is() {
        assert_eq!(share(10, 10, 20), None);
        assert_eq!(share(11, 10, 20), Some(100));
        assert_eq!(share(99, 10, 20), Some(1000));
        assert_eq!(share(1, 0, 0), Some(1000));
        assert_eq!(bytes_per_second(0), BYTES_PER_SECOND_MAX);
        assert_eq!(bytes_per_second(1000), BYTES_PER_SECOND_MIN);
        let rates: Vec<u64> = (0..=1000).map(bytes_per_second).collect();
        assert!(rates.is_sorted_by(|a, b| a >= b));
    }
}
