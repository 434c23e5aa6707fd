//! One replica's log as its events tell it: what is durable, by index.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    raft::{Body, Entry, HardState, Message},
    types::{Index, LogPosition, Term},
};

/// What a replica has on its disk, if its events are true.
#[derive(Clone, Debug, Default)]
pub(super) struct DurableLog {
    /// Term and vote.
    pub hard_state: HardState,
    /// The entry before the first one kept.
    pub base: LogPosition,
    terms: BTreeMap<Index, Term>,
    /// The last entry in the newest snapshot that the state machine holds durably. The log may still
    /// have to begin anew after it; at a restart it will.
    installed: Index,
    /// Entries of older terms than those in their places, as a newer leader sent them: they may have reached
    /// the disk. Mostly there are none.
    offered: BTreeSet<(Index, Term)>,
}

impl DurableLog {
    /// The log that a node starts with.
    pub fn restored(hard_state: HardState, base: LogPosition, entries: &[Entry]) -> Self {
        let mut log = DurableLog {
            hard_state,
            base,
            ..DurableLog::default()
        };
        log.put(entries);
        log
    }

    /// Takes a durable batch in.
    pub fn persisted(
        &mut self,
        hard_state: Option<HardState>,
        reset: Option<LogPosition>,
        entries: &[Entry],
    ) {
        self.hard_state = hard_state.unwrap_or(self.hard_state);
        if let Some(base) = reset {
            self.base = base;
            self.terms.clear();
        }
        let Some(first) = entries.first().map(|entry| entry.at.index) else {
            return;
        };
        // Mostly it only grows, and splitting it costs as much as it is long.
        if self
            .terms
            .last_key_value()
            .is_some_and(|(last, _)| *last >= first)
        {
            self.terms.split_off(&first);
        }
        self.put(entries);
        let terms = &self.terms;
        self.offered
            .retain(|(index, term)| terms.get(index) != Some(term));
    }

    /// Takes note of what a leader sends. Where its log parts from this one, its entries take the place of
    /// these, and they may be of older terms than what nobody but this node has (§5.3; §5.4.2, figure 8).
    pub fn heard(&mut self, message: &Message) {
        let Body::Append { entries, .. } = &message.body else {
            return;
        };
        let last = self.terms.last_key_value().map_or(0, |(index, _)| *index);
        if entries.first().is_none_or(|first| first.at.index > last) {
            return;
        }
        for LogPosition { index, term } in entries.iter().map(|entry| entry.at) {
            let ours = self.terms.get(&index);
            if ours.is_some_and(|ours| *ours > term && *ours < message.term) {
                self.offered.insert((index, term));
            }
        }
    }

    fn put(&mut self, entries: &[Entry]) {
        (self.terms).extend(entries.iter().map(|entry| (entry.at.index, entry.at.term)));
    }

    /// A snapshot up to `index` is durable.
    pub fn installed(&mut self, index: Index) {
        self.installed = self.installed.max(index);
    }

    /// The last index that the disk vouches for, in the log or in the state machine.
    pub fn last(&self) -> Index {
        let last = self.terms.last_key_value();
        let last = last.map_or(self.base.index, |(index, _)| *index);
        last.max(self.installed)
    }

    /// Whether the log begins behind `index`, or the state machine has it durably.
    pub fn is_compacted(&self, index: Index) -> bool {
        index < self.base.index || index <= self.installed
    }

    /// The term of the entry at `index`, if it is kept or the base.
    pub fn term(&self, index: Index) -> Option<Term> {
        match index == self.base.index {
            true => Some(self.base.term),
            false => self.terms.get(&index).copied(),
        }
    }

    /// Whether the disk vouches for the entry `at`, as an entry or in a snapshot.
    pub fn holds(&self, at: LogPosition) -> bool {
        let covered = self.base.index.max(self.installed);
        self.term(at.index) == Some(at.term) || covered >= at.index
    }

    /// The first entry of this log that `later` lacks, without a newer leader having replaced it
    /// and without a snapshot covering it.
    pub fn lost_in(&self, later: &DurableLog) -> Option<LogPosition> {
        if self.term(later.base.index) != Some(later.base.term)
            && later.base.index > self.base.index
        {
            // The log began anew at a snapshot that it did not lead up to.
            return None;
        }
        for (index, term) in self.terms.range(later.base.index + 1..) {
            match later.term(*index) {
                Some(found) if found == *term => {}
                // From here on the log is another leader's.
                Some(found) if found > *term || self.offered.contains(&(*index, found)) => {
                    return None;
                }
                _ => {
                    return Some(LogPosition {
                        index: *index,
                        term: *term,
                    });
                }
            }
        }
        None
    }
}
