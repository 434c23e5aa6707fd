//! What the memtable's writer and readers share, under names of our own: `tests/skiplist_loom.rs`
//! compiles the skip list a second time with loom's types behind these names.

pub(super) use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Versions in a leaf of the skip list. With these a leaf takes four lines of the processor's cache.
pub(super) const LEAF_SLOTS: usize = 14;

/// A value that is complete before others can reach it and never changes afterwards. It costs
/// nothing here; its twin in the loom test notices a reader who arrives too early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<T>(T);

impl<T: Copy> Written<T> {
    /// Holds `value`.
    pub(super) fn new(value: T) -> Self {
        Written(value)
    }

    /// The value.
    pub(super) fn get(&self) -> T {
        self.0
    }
}
