//! The range tombstones of a memtable: one adds, many look.
//!
//! Adding one to a sorted list of many would copy the list each time. So there are several lists,
//! each at least twice as long as the next; a new tombstone is a list of its own, which is merged
//! with those before it until that holds again (Bentley and Saxe, "Decomposable searching
//! problems", 1980). Every tombstone is merged a logarithmic number of times, and a reader looks
//! into a logarithmic number of lists.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::RwLock;

use super::{super::entry::Seq, set::RangeTombstones};

/// What the writer and the readers of a memtable share.
#[derive(Default)]
pub(in crate::lsm) struct MemoryTombstones {
    /// How many were added. Nobody looks further while there are none.
    count: AtomicUsize,
    /// The memory of all lists.
    bytes: AtomicUsize,
    // Held to copy or to replace the pointer, and for a search; never while lists are merged.
    lists: RwLock<Arc<Vec<List>>>,
}

/// A list of the tombstones that were added one behind the other.
#[derive(Clone)]
struct List {
    /// How many were added to it.
    count: usize,
    /// The memory they take, which is counted once.
    bytes: usize,
    set: Arc<RangeTombstones>,
}

impl List {
    fn new(count: usize, set: RangeTombstones) -> Self {
        let (bytes, set) = (set.bytes(), Arc::new(set));
        List { count, bytes, set }
    }
}

impl MemoryTombstones {
    /// Adds the tombstone `start..end @ seq`, of a range that is not empty. There is one writer.
    pub(in crate::lsm) fn insert(&self, start: &[u8], end: &[u8], seq: Seq) {
        let mut lists = Vec::clone(&self.lists.read());
        let mut last = List::new(1, RangeTombstones::one(start, end, seq));
        while let Some(before) = lists.pop_if(|before| before.count < 2 * last.count) {
            let merged = RangeTombstones::merge([&*before.set, &*last.set]);
            last = List::new(before.count + last.count, merged);
        }
        lists.push(last);
        let bytes = lists.iter().map(|list| list.bytes).sum();
        self.bytes.store(bytes, Ordering::Relaxed);
        let lists = Arc::new(lists);
        let before = std::mem::replace(&mut *self.lists.write(), lists);
        drop(before);
        // A reader who sees the count sees the list.
        self.count.fetch_add(1, Ordering::Release);
    }

    /// The largest number of at most `at` that covers `key`.
    pub(in crate::lsm) fn newest(&self, key: &[u8], at: Seq) -> Option<Seq> {
        if self.is_empty() {
            return None;
        }
        let lists = self.lists.read();
        lists
            .iter()
            .filter_map(|list| list.set.newest(key, at))
            .max()
    }

    /// All lists as they are now.
    pub(in crate::lsm) fn sets(&self) -> Vec<Arc<RangeTombstones>> {
        if self.is_empty() {
            return Vec::new();
        }
        let lists = self.lists.read();
        lists.iter().map(|list| Arc::clone(&list.set)).collect()
    }

    /// Whether there are none.
    pub(in crate::lsm) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// The memory they take.
    pub(in crate::lsm) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}
