//! The file of a replica's log.

use sisyphus::raft::{Base, Entry, HardState, Persist, Restored};
use sisyphus::types::{Index, LogPosition};

/// What survives a loss of power: the log's file. It may lag behind the state machine, which is
/// durable on its own.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub hard_state: HardState,
    pub base: Base,
    pub entries: Vec<Entry>,
    /// Entries were lost, and have not been made up for.
    pub damaged: bool,
}

impl Image {
    /// The position of the entry at `index`, if the log has it.
    pub fn at(&self, index: Index) -> Option<LogPosition> {
        if index == self.base.at.index {
            return Some(self.base.at);
        }
        let offset = index.checked_sub(self.base.at.index + 1)?;
        self.entries.get(offset as usize).map(|entry| entry.at)
    }

    /// Whether the log has `position`.
    pub fn has(&self, position: LogPosition) -> bool {
        self.at(position.index) == Some(position)
    }

    /// Writes a batch, or of its entries only the first `count`.
    pub fn write(&mut self, batch: &Persist, count: usize) {
        if let Some(hard_state) = batch.hard_state {
            self.hard_state = hard_state;
        }
        if let Some(base) = &batch.reset {
            self.base = base.clone();
            self.entries.clear();
        }
        for entry in &batch.entries[..count.min(batch.entries.len())] {
            let kept = entry.at.index - self.base.at.index - 1;
            assert!(kept <= self.entries.len() as u64, "a gap in the file");
            self.entries.truncate(kept as usize);
            self.entries.push(entry.clone());
        }
        self.damaged = batch.damaged.unwrap_or(self.damaged);
    }

    /// Loses the last `count` entries.
    pub fn lose(&mut self, count: usize) {
        let kept = self.entries.len().saturating_sub(count);
        self.entries.truncate(kept);
        self.damaged = true;
    }

    /// Forgets the entries up to `base`, which the log has.
    pub fn compact(&mut self, base: Base) {
        assert!(self.has(base.at), "what is cut is there");
        self.entries.retain(|entry| entry.at.index > base.at.index);
        self.base = base;
    }

    /// What a replica begins with whose state machine stands at `flushed`. A log that does not run
    /// through there is of no use.
    pub fn restored(&self, flushed: &Base) -> Restored {
        let useful = self.has(flushed.at);
        Restored {
            hard_state: self.hard_state,
            base: if useful { &self.base } else { flushed }.clone(),
            entries: if useful {
                self.entries.clone()
            } else {
                Vec::new()
            },
            applied: flushed.at.index,
            damaged: self.damaged,
        }
    }
}
