//! Who waits for which entry. A waiter is tied to a position, index *and* term: the entry that is
//! committed at its index may be another leader's. It is registered before the core is asked for
//! work, so no entry can be applied before its waiter is known.

use std::collections::BTreeMap;

use super::{
    fate::{Fate, Waiter},
    link::Link,
};
use crate::types::{Index, LogPosition, Term};

/// The waiters of proposals that were not handed to the applier yet. Bounded by the core, which
/// refuses proposals beyond its limit of uncommitted bytes.
#[derive(Debug, Default)]
pub(super) struct Pending {
    waiters: BTreeMap<Index, (Term, Waiter)>,
}

impl Pending {
    /// Registers a waiter. An older one at the same index lost its place in this log, but its entry
    /// may live on in another log whose node is elected yet and commits it: its fate is unknown.
    pub(super) fn insert(&mut self, link: &Link, at: LogPosition, waiter: Waiter) {
        if let Some((term, old)) = self.waiters.insert(at.index, (at.term, waiter)) {
            assert!(term < at.term, "two proposals at {at}");
            link.answer(
                old,
                Fate::Unknown("leadership was lost before it was committed".into()),
            );
        }
    }

    /// The waiter of the committed entry at `at`. A waiter for another term's entry at that index
    /// learns that its own can never be committed: the place is taken for good.
    pub(super) fn take(&mut self, link: &Link, at: LogPosition) -> Option<Waiter> {
        let (term, waiter) = self.waiters.remove(&at.index)?;
        if term == at.term {
            return Some(waiter);
        }
        link.answer(
            waiter,
            Fate::NotDone("another leader's entry took its place".into()),
        );
        None
    }

    /// Everybody who waits for an entry up to `index`.
    pub(super) fn up_to(&mut self, index: Index) -> Vec<Waiter> {
        let later = self.waiters.split_off(&(index + 1));
        std::mem::replace(&mut self.waiters, later)
            .into_values()
            .map(|(_, waiter)| waiter)
            .collect()
    }

    /// Forgets those who gave up waiting.
    pub(super) fn sweep(&mut self) {
        self.waiters.retain(|_, (_, waiter)| !waiter.is_gone());
    }
}
