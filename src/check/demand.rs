//! What the unplaced operations still need. A placement that makes it impossible is not worth trying.

use std::collections::BTreeMap;

use super::model::{Register, State, Step, ValueId};
use crate::types::Revision;

/// Two needs are watched. Of values: someone must see it, and nobody is left to write it again. Of
/// revisions: they only grow, so the least one that an unplaced operation answered comes next.
pub(super) struct Demand {
    /// For every value, and in front for "no such key": the unplaced operations that must see it.
    readers: Vec<u32>,
    /// Likewise: the unplaced writes that may bring it about.
    writers: Vec<u32>,
    /// The revisions that unplaced operations answered, with the number of these operations.
    revisions: BTreeMap<Revision, u32>,
}

impl Demand {
    /// Of all operations of `register`.
    pub fn new(register: &Register) -> Demand {
        let mut demand = Demand {
            readers: vec![0; register.values + 1],
            writers: vec![0; register.values + 1],
            revisions: BTreeMap::new(),
        };
        let known = register.known.iter().map(|known| known.step);
        let maybe = register.maybe.iter().map(|maybe| maybe.step);
        known.chain(maybe).for_each(|step| demand.take_back(step));
        demand
    }

    /// Whether the unplaced `step`, which turns `before` into `after`, must not come now.
    pub fn forbids(&self, before: State, step: Step, after: State) -> bool {
        let turns = before.value != after.value;
        (turns && self.misses(before.value, step)) || self.skips(step)
    }

    /// Whether some operation other than `step` must see `value`, and no write of it is left.
    fn misses(&self, value: Option<ValueId>, step: Step) -> bool {
        let at = slot(value);
        let others = self.readers[at] - u32::from(step.needs() == Some(value));
        others > 0 && self.writers[at] == 0
    }

    /// Whether some operation answered a lesser revision than `step` did.
    fn skips(&self, step: Step) -> bool {
        let least = self.revisions.first_key_value();
        step.mod_revision()
            .zip(least)
            .is_some_and(|(revision, (least, _))| *least < revision)
    }

    /// `step` is placed: it needs nothing more.
    pub fn place(&mut self, step: Step) {
        if let Some(value) = step.needs() {
            self.readers[slot(value)] -= 1;
        }
        if let Some(value) = step.leaves() {
            self.writers[slot(value)] -= 1;
        }
        if let Some(revision) = step.mod_revision() {
            let count = self.revisions.get_mut(&revision).expect("it was counted");
            *count -= 1;
            if *count == 0 {
                self.revisions.remove(&revision);
            }
        }
    }

    /// `step` is unplaced again.
    pub fn take_back(&mut self, step: Step) {
        if let Some(value) = step.needs() {
            self.readers[slot(value)] += 1;
        }
        if let Some(value) = step.leaves() {
            self.writers[slot(value)] += 1;
        }
        if let Some(revision) = step.mod_revision() {
            *self.revisions.entry(revision).or_insert(0) += 1;
        }
    }
}

fn slot(value: Option<ValueId>) -> usize {
    value.map_or(0, |id| id as usize + 1)
}
