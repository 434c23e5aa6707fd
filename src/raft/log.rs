//! The log as the core holds it: in memory, the entries after a base.
//!
//! ```text
//!            base                                     last
//!             │  first                                 │
//!   ──────────┼────┬────┬────┬────┬────┬────┬────┬────┤
//!   forgotten │ b+1│ b+2│ ...                          │
//! ```
//!
//! Everything up to the base is in the state machine. Indexes are consecutive and terms never go
//! down. Beside each entry stands the number of bytes up to its end, so that the size of any
//! stretch is one subtraction. The memberships among the entries are kept a second time, by index:
//! the last one is in force, whether it is committed or not (thesis §4.1), and when its entry is
//! truncated the one before it is again.

use std::collections::VecDeque;

use super::{Base, Entry, Membership, Payload};
use crate::types::{Index, LogPosition, Term};

/// What an entry weighs beyond its data in every limit that is counted in bytes: without it, empty
/// commands would be free and their number unbounded.
const ENTRY_OVERHEAD_BYTES: u64 = 32;

/// A suffix of the replicated log.
#[derive(Debug)]
pub(super) struct Log {
    base: Base,
    /// The bytes up to the base, counted from where this value began.
    base_bytes: u64,
    slots: VecDeque<Slot>,
    /// The memberships among the entries, with their indexes, ascending.
    memberships: VecDeque<(Index, Membership)>,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// The bytes up to and including this entry.
    end_bytes: u64,
}

/// What an entry that says this weighs in limits.
pub(super) fn weight(payload: &Payload) -> u64 {
    payload.data().len() as u64 + ENTRY_OVERHEAD_BYTES
}

impl Log {
    /// A log that holds `entries` after `base`. Panics if they do not follow it.
    pub fn new(base: Base, entries: Vec<Entry>) -> Self {
        let mut log = Log {
            base,
            base_bytes: 0,
            slots: VecDeque::with_capacity(entries.len()),
            memberships: VecDeque::new(),
        };
        entries.into_iter().for_each(|entry| log.append(entry));
        log
    }

    /// The position before the first entry.
    pub fn base(&self) -> LogPosition {
        self.base.at
    }

    /// The membership in force: that of the last entry that has one.
    pub fn membership(&self) -> &Membership {
        let last = self.memberships.back();
        last.map_or(&self.base.membership, |(_, membership)| membership)
    }

    /// The index of the entry that brought the membership in force; that of the base if it was
    /// before.
    pub fn membership_index(&self) -> Index {
        let last = self.memberships.back();
        last.map_or(self.base.at.index, |(index, _)| *index)
    }

    /// What a log would begin with that held the entries after `index` alone, if this log has it.
    pub fn base_at(&self, index: Index) -> Option<Base> {
        let term = self.term_at(index)?;
        let at = LogPosition { term, index };
        let membership = self.memberships_since(index).next()?.clone();
        Some(Base { at, membership })
    }

    /// The membership as of `index`, and those that came after it.
    pub fn memberships_since(&self, index: Index) -> impl Iterator<Item = &Membership> {
        let until = self.memberships.partition_point(|(at, _)| *at <= index);
        let later = self.memberships.range(until.saturating_sub(1)..);
        let base = Some(&self.base.membership).filter(|_| until == 0);
        base.into_iter()
            .chain(later.map(|(_, membership)| membership))
    }

    /// The last position: of the last entry, or the base.
    pub fn last(&self) -> LogPosition {
        self.slots.back().map_or(self.base.at, |slot| slot.entry.at)
    }

    /// The term at `index`, which is the base or an entry.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.at.index {
            return Some(self.base.at.term);
        }
        self.slots.get(self.offset(index)?).map(|s| s.entry.at.term)
    }

    /// Whether this log has `position`. By the log matching property (§5.3) it then equals every
    /// other log that has it, up to there.
    pub fn has(&self, position: LogPosition) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// The last position at or before `index` whose term is at most `term`; the base if there is
    /// none. Whoever has (`index`, `term`) cannot agree with this log anywhere above it.
    pub fn newest_at_most(&self, index: Index, term: Term) -> LogPosition {
        let within = index
            .min(self.last().index)
            .saturating_sub(self.base.at.index) as usize;
        let older = self.slots.partition_point(|s| s.entry.at.term <= term);
        match older.min(within) {
            0 => self.base.at,
            count => self.slots[count - 1].entry.at,
        }
    }

    /// Adds an entry. Panics if it does not follow the last one.
    pub fn append(&mut self, entry: Entry) {
        let last = self.last();
        assert!(
            entry.at.index == last.index + 1 && entry.at.term >= last.term,
            "entry {} does not follow {last}",
            entry.at
        );
        let end_bytes = self.end_bytes() + weight(&entry.payload);
        if let Some(membership) = entry.payload.membership() {
            let membership = (entry.at.index, membership.clone());
            self.memberships.push_back(membership);
        }
        self.slots.push_back(Slot { entry, end_bytes });
    }

    /// Drops the entries from `from` on. Panics if that reaches into what is forgotten.
    pub fn truncate(&mut self, from: Index) {
        assert!(
            from > self.base.at.index,
            "entry {from} is forgotten already"
        );
        let kept = from - self.base.at.index - 1;
        self.slots
            .truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        self.memberships.retain(|(index, _)| *index < from);
    }

    /// Forgets the entries up to `to`, which becomes the base. Panics if the log does not have it.
    pub fn compact(&mut self, to: Index) {
        let base = self.base_at(to).expect("only what is there is forgotten");
        let count = (to - self.base.at.index) as usize;
        if let Some(slot) = self.slots.drain(..count).next_back() {
            self.base_bytes = slot.end_bytes;
        }
        self.memberships.retain(|(index, _)| *index > to);
        self.base = base;
    }

    /// Forgets the entries up to `base`, of which more is known than this log could tell: one that
    /// began empty has not heard who took part then.
    pub fn rebase(&mut self, base: Base) {
        self.compact(base.at.index);
        assert_eq!(base.at, self.base.at, "the log has another base");
        self.base = base;
    }

    /// The entries from `from` to `to`, both included, that weigh at most `bytes_max` together;
    /// at least one if there are any.
    pub fn slice(&self, from: Index, to: Index, bytes_max: usize) -> Vec<Entry> {
        let base = self.base.at.index;
        assert!(from > base, "entry {from} is forgotten");
        let start = (from - base - 1) as usize;
        let end = (to.min(self.last().index).max(base) - base) as usize;
        if start >= end {
            return Vec::new();
        }
        let bytes_end = self.bytes_before(start).saturating_add(bytes_max as u64);
        let fitting = self.slots.partition_point(|s| s.end_bytes <= bytes_end);
        self.slots
            .range(start..fitting.clamp(start + 1, end))
            .map(|slot| slot.entry.clone())
            .collect()
    }

    /// All entries.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.slots.iter().map(|slot| &slot.entry)
    }

    /// What the entries after `after` and up to `to` weigh together, as far as they are here.
    pub fn bytes_between(&self, after: Index, to: Index) -> u64 {
        let count = |index: Index| {
            let within = index.clamp(self.base.at.index, self.last().index);
            (within - self.base.at.index) as usize
        };
        self.bytes_before(count(to))
            .saturating_sub(self.bytes_before(count(after)))
    }

    /// The smallest index, of the base or an entry, behind which the entries up to `to` weigh at
    /// most `bytes_max`.
    pub fn reach_back(&self, to: Index, bytes_max: u64) -> Index {
        let before = self.bytes_between(0, to) + self.base_bytes;
        let least = before.saturating_sub(bytes_max);
        if self.base_bytes >= least {
            return self.base.at.index;
        }
        let behind = self.slots.partition_point(|slot| slot.end_bytes < least);
        self.base.at.index + 1 + behind as Index
    }

    fn end_bytes(&self) -> u64 {
        self.bytes_before(self.slots.len())
    }

    /// The bytes up to the end of the first `count` entries.
    fn bytes_before(&self, count: usize) -> u64 {
        match count.checked_sub(1) {
            Some(before) => self.slots[before].end_bytes,
            None => self.base_bytes,
        }
    }

    fn offset(&self, index: Index) -> Option<usize> {
        usize::try_from(index.checked_sub(self.base.at.index)?.checked_sub(1)?).ok()
    }
}
