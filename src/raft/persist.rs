//! What is on this replica's disk, as far as the core knows.
//!
//! The core changes its log in memory and hands out the changes as batches, one at a time. While a
//! batch is being written the log may change again, even back: a new leader may overwrite entries
//! that are on their way to the disk. So three ends are told apart:
//!
//! ```text
//!     durable       written            last (of the log in memory)
//!   ─────┼──────────────┼─────────────────┤
//!     on disk    in the open batch    for the next batch
//! ```
//!
//! Overwriting at an index pulls all that lie at or beyond it back to before it. When the open
//! batch completes, `durable` moves only as far as the batch still holds what the log holds: what
//! was overwritten meanwhile is not vouched for, and the next batch begins where the log differs
//! from the disk. An index alone would not do: the batch may have written another term's entry.

use super::log::Log;
use super::{Base, HardState, Persist};
use crate::types::Index;

/// The durable image and what is on its way there.
#[derive(Debug)]
pub(super) struct Disk {
    hard_state: HardState,
    durable: Index,
    written: Index,
    reset: Option<Base>,
    /// The next batch says so of the log: that it is damaged, or whole again.
    damaged: Option<bool>,
    open: Option<Batch>,
    tickets: u64,
}

/// A batch that was handed out and is not durable yet.
#[derive(Debug)]
struct Batch {
    ticket: u64,
    hard_state: HardState,
    /// Up to here the batch, and what was durable before it, still is what the log holds.
    good_to: Index,
}

impl Disk {
    /// A disk that holds what a log was restored from.
    pub fn new(hard_state: HardState, log: &Log) -> Self {
        let (base, last) = (log.base(), log.last());
        // Nothing after the base may mean that the log on disk does not even reach it: a snapshot
        // was durable in the state machine, and the power failed before the log began anew.
        let may_gap = base == last && base.index > 0;
        Disk {
            hard_state,
            durable: last.index,
            written: last.index,
            reset: log.base_at(base.index).filter(|_| may_gap),
            damaged: None,
            open: None,
            tickets: 0,
        }
    }

    /// The term and vote that survive a crash now.
    pub fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// The log up to here survives a crash now.
    pub fn durable(&self) -> Index {
        self.durable
    }

    /// From the next batch on the log counts as damaged, or, once all that it had lost is durable, as
    /// whole.
    pub fn mark(&mut self, damaged: bool) {
        self.damaged = Some(damaged);
    }

    /// The log in memory dropped its entries from `from` on, to be replaced by others.
    pub fn overwritten(&mut self, from: Index) {
        let end = from - 1;
        self.durable = self.durable.min(end);
        self.written = self.written.min(end);
        if let Some(batch) = &mut self.open {
            batch.good_to = batch.good_to.min(end);
        }
    }

    /// The state machine holds everything up to `base` durably, and the log in memory now starts
    /// there; `kept` says that what it held after `base` is still there.
    pub fn installed(&mut self, base: Base, kept: bool) {
        let index = base.at.index;
        if kept && self.written >= index {
            // The disk's log reaches the base, or will with the open batch: no gap.
            self.durable = self.durable.max(index);
            return;
        }
        self.reset = Some(base);
        self.durable = index;
        self.written = index;
        if let Some(batch) = &mut self.open {
            batch.good_to = index;
        }
    }

    /// The next batch, if there is anything to write and none is open.
    pub fn next_batch(&mut self, wanted: HardState, log: &Log) -> Option<Persist> {
        if self.open.is_some() {
            return None;
        }
        let last = log.last().index;
        assert!(self.written <= last, "more was written than the log holds");
        let hard_state = (wanted != self.hard_state).then_some(wanted);
        let has_entries = self.written < last;
        let has_mark = self.damaged.is_some();
        if hard_state.is_none() && self.reset.is_none() && !has_entries && !has_mark {
            return None;
        }
        let entries = log.slice(self.written + 1, last, usize::MAX);
        self.tickets += 1;
        self.written = last;
        self.open = Some(Batch {
            ticket: self.tickets,
            hard_state: wanted,
            good_to: last,
        });
        Some(Persist {
            ticket: self.tickets,
            hard_state,
            reset: self.reset.take(),
            entries,
            damaged: self.damaged.take(),
        })
    }

    /// The open batch is durable. Panics if `ticket` is not its own.
    pub fn complete(&mut self, ticket: u64) {
        let batch = self.open.take().expect("a batch is open");
        assert_eq!(batch.ticket, ticket, "batches complete in order");
        self.hard_state = batch.hard_state;
        self.durable = self.durable.max(batch.good_to);
        assert!(self.durable <= self.written);
    }
}
