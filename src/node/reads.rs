//! Linearizable reads under way (thesis §6.4). Reads that arrive together form a group, which asks
//! the core once; when the core answers with an index, the group waits until that index is applied
//! here, and then each member may read this node's own state machine.

use std::collections::BTreeMap;

use crate::{
    env::{rare, task::oneshot},
    types::Index,
};

/// Reads that may be under way at a time; more are turned away.
const READS_MAX: usize = 16_384;

/// Told when the state machine is fresh enough for the read. Dropped when that will not be known.
pub(super) type Reader = oneshot::Sender<()>;

/// The reads of one replica.
#[derive(Debug, Default)]
pub(super) struct Reads {
    next_id: u64,
    ticks: u64,
    /// Arrived since the last group was formed.
    arrived: Vec<Reader>,
    /// Groups that wait for an index, and the tick at which they asked last.
    asked: BTreeMap<u64, (u64, Vec<Reader>)>,
    /// Groups that wait for their index to be applied.
    confirmed: BTreeMap<Index, Vec<Reader>>,
    count: usize,
}

impl Reads {
    /// Takes a read. Beyond the bound its end is dropped, which its owner takes for "try again".
    pub(super) fn arrive(&mut self, reader: Reader) {
        if self.count < READS_MAX && !rare::buggify("turn a read away") {
            self.count += 1;
            self.arrived.push(reader);
        }
    }

    /// Forms a group of those that arrived, and names it.
    pub(super) fn group(&mut self) -> Option<u64> {
        if self.arrived.is_empty() {
            return None;
        }
        self.next_id += 1;
        self.asked.insert(
            self.next_id,
            (self.ticks, std::mem::take(&mut self.arrived)),
        );
        Some(self.next_id)
    }

    /// The core confirmed `index` for a group. Twice is harmless.
    pub(super) fn confirmed(&mut self, id: u64, index: Index, applied: Index) {
        if let Some((_, readers)) = self.asked.remove(&id) {
            self.confirmed.entry(index).or_default().extend(readers);
            self.applied(applied);
        }
    }

    /// The state machine is at `index`: reads that waited for it may go on.
    pub(super) fn applied(&mut self, index: Index) {
        while let Some(entry) = self.confirmed.first_entry() {
            if *entry.key() > index {
                return;
            }
            for reader in entry.remove() {
                self.count -= 1;
                // A read that timed out has dropped its end.
                let _ = reader.send(());
            }
        }
    }

    /// Whether the group still waits for its index.
    pub(super) fn waits(&self, id: u64) -> bool {
        self.asked.contains_key(&id)
    }

    /// All groups that wait for an index: to be asked again when the leader changed.
    pub(super) fn waiting(&mut self) -> Vec<u64> {
        let now = self.ticks;
        self.asked.values_mut().for_each(|(asked, _)| *asked = now);
        self.asked.keys().copied().collect()
    }

    /// One tick passed. Answers the groups whose question or answer was probably lost, after
    /// `patience` ticks, to be asked again; forgets the reads that were given up.
    pub(super) fn tick(&mut self, patience: u32) -> Vec<u64> {
        self.ticks += 1;
        for (_, readers) in self.asked.values_mut() {
            let before = readers.len();
            readers.retain(|reader| !reader.is_closed());
            self.count -= before - readers.len();
        }
        self.asked.retain(|_, (_, readers)| !readers.is_empty());
        let now = self.ticks;
        let late = |asked: u64| now - asked >= u64::from(patience);
        let again = self.asked.iter_mut().filter(|(_, (asked, _))| late(*asked));
        again
            .map(|(id, (asked, _))| (*asked = now, *id).1)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reads: &mut Reads) -> oneshot::Receiver<()> {
        let (reader, answer) = oneshot::channel();
        reads.arrive(reader);
        answer
    }

    #[test]
    fn a_group_goes_on_when_its_index_is_applied_and_not_before() {
        let mut reads = Reads::default();
        let mut first = read(&mut reads);
        let id = reads.group().unwrap();
        let mut later = read(&mut reads);
        reads.confirmed(id, 7, 6);
        assert!(first.try_recv().is_err());
        reads.applied(7);
        assert!(first.try_recv().is_ok());
        assert!(
            later.try_recv().is_err(),
            "it arrived after the question and needs its own"
        );
    }

    #[test]
    fn a_lost_question_is_asked_again_and_an_abandoned_one_is_forgotten() {
        let mut reads = Reads::default();
        let answer = read(&mut reads);
        let id = reads.group().unwrap();
        assert!(reads.tick(2).is_empty());
        assert_eq!(reads.tick(2), [id]);
        drop(answer);
        assert!(reads.tick(1).is_empty());
        assert!(!reads.waits(id));
        assert_eq!(reads.count, 0);
    }
}
