//! The store as it was at one moment.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;

use super::{
    super::{entry::Seq, range::Range},
    error::Result,
    handle::Inner,
};

/// The contents of a store at the moment it was taken. What it shows is kept, in memory and on
/// disk, for as long as it lives.
pub struct StoreSnapshot {
    inner: Arc<Inner>,
    seq: Seq,
}

impl StoreSnapshot {
    /// The present of a store.
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let seq = inner.queue.pin();
        StoreSnapshot { inner, seq }
    }

    /// The number of the last write that it shows; writes are counted from 1.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The value that a key had.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.inner.get(key, || self.seq).await
    }

    /// The keys within bounds with the values they had, ascending.
    pub fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Range {
        self.inner.db.range_at(bounds, || self.seq)
    }
}

impl Drop for StoreSnapshot {
    fn drop(&mut self) {
        self.inner.queue.unpin(self.seq);
    }
}
