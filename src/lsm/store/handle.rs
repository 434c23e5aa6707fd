//! The handle of an open store.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;

use super::{
    super::{db::Db, entry::Seq, range::Range},
    batch::{BATCH_BYTES_MAX, Write, WriteBatch, Writes},
    error::{Result, StoreError},
    open,
    options::StoreOptions,
    queue::Queue,
    snapshot::StoreSnapshot,
    stats::StoreStats,
};
use crate::env::{Disk, task::Tasks};

/// An open store: a sorted map that many tasks read and write at once. Clones share it; the
/// background work ends with the last of them.
///
/// A write whose future is dropped before it ends may still be made.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

/// What the clones share.
pub(super) struct Inner {
    /// The memtables and tables.
    pub(super) db: Db,
    /// The way into the log.
    pub(super) queue: Queue,
    /// Removes segments of the log.
    pub(super) _tasks: Tasks,
}

impl Store {
    /// Opens the store in a directory, or makes an empty one: all that was acknowledged is there.
    /// Nobody else may use the directory.
    pub async fn open(disk: Arc<dyn Disk>, dir: &str, options: StoreOptions) -> Result<Store> {
        let inner = open::open(disk, dir, options).await?;
        Ok(Store {
            inner: Arc::new(inner),
        })
    }

    /// Gives `key` a value.
    pub async fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        self.make(Writes::One(Write::put(key, value))).await
    }

    /// Makes `key` absent.
    pub async fn delete(&self, key: &[u8]) -> Result<()> {
        self.make(Writes::One(Write::delete(key))).await
    }

    /// Makes every key from `start` up to, but not including, `end` absent, however many there are,
    /// by one write. Does nothing for an empty range, or one that ends before it begins.
    pub async fn delete_range(&self, start: &[u8], end: &[u8]) -> Result<()> {
        match Write::delete_range(start, end) {
            Some(write) => self.make(Writes::One(write)).await,
            None => Ok(()),
        }
    }

    /// Makes all writes of a batch, or none.
    pub async fn write(&self, batch: &WriteBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.make(Writes::Many(batch)).await
    }

    async fn make(&self, writes: Writes<'_>) -> Result<()> {
        let (bytes, max) = (writes.bytes(), BATCH_BYTES_MAX);
        if bytes > max {
            return Err(StoreError::TooLarge { bytes, max });
        }
        self.inner.queue.write(writes).await
    }

    /// The present value of a key.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        self.inner.get(key, || self.inner.queue.visible()).await
    }

    /// The keys within bounds with their values, ascending, as they are now.
    pub fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Range {
        let visible = || self.inner.queue.visible();
        self.inner.db.range_at(bounds, visible)
    }

    /// The present, to be read for as long as the snapshot lives.
    pub fn snapshot(&self) -> StoreSnapshot {
        StoreSnapshot::new(Arc::clone(&self.inner))
    }

    /// Writes everything in memory into tables. Not needed for safety.
    pub async fn flush(&self) -> Result<()> {
        let freeze = self
            .inner
            .queue
            .request(|pending| pending.wants_freeze = true);
        freeze.await?;
        Ok(self.inner.db.flush().await?)
    }

    /// Makes everything durable that was written so far, whatever the mode.
    pub async fn sync(&self) -> Result<()> {
        let sync = self
            .inner
            .queue
            .request(|pending| pending.wants_sync = true);
        sync.await
    }

    /// Waits until there is nothing to flush and nothing to compact.
    pub async fn settle(&self) -> Result<()> {
        Ok(self.inner.db.settle().await?)
    }

    /// The state in numbers.
    pub fn stats(&self) -> StoreStats {
        let inner = &self.inner;
        inner.queue.stats(inner.db.stats())
    }

    /// Makes everything durable and takes no more writes, of other clones neither.
    pub async fn close(self) -> Result<()> {
        let synced = self.sync().await;
        self.inner.queue.close();
        synced
    }
}

impl Inner {
    /// The newest value of a key up to a number, which is asked for when nothing can change any
    /// more that is read: the engine drops what lies below the numbers that are asked for later.
    pub(super) async fn get(&self, key: &[u8], at: impl FnOnce() -> Seq) -> Result<Option<Bytes>> {
        let found = self.db.get_at(key, at).await?;
        Ok(found.map(|found| found.value))
    }
}
