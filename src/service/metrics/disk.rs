//! A disk that measures how long the real one takes to be sure.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use prometheus_client::metrics::histogram::Histogram;

use crate::env::{Clock, Disk, DiskResult, File};

/// A disk whose syncs are observed. Everything else is passed on.
pub(super) struct WatchedDisk {
    inner: Arc<dyn Disk>,
    watch: Watch,
}

struct WatchedFile {
    inner: Arc<dyn File>,
    watch: Watch,
}

#[derive(Clone)]
struct Watch {
    syncs: Histogram,
    clock: Clock,
}

impl Watch {
    async fn sync<T>(&self, sync: impl Future<Output = T>) -> T {
        let began_us = self.clock.now_us();
        let done = sync.await;
        self.observe(began_us);
        done
    }

    /// A sync that began then has just ended.
    fn observe(&self, began_us: u64) {
        let took_us = self.clock.now_us() - began_us;
        self.syncs.observe(took_us as f64 / 1e6);
    }

    fn file(&self, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(WatchedFile {
            inner,
            watch: self.clone(),
        })
    }
}

impl WatchedDisk {
    pub(super) fn new(inner: Arc<dyn Disk>, syncs: Histogram, clock: Clock) -> Self {
        WatchedDisk {
            inner,
            watch: Watch { syncs, clock },
        }
    }
}

#[async_trait]
impl Disk for WatchedDisk {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        Ok(self.watch.file(self.inner.open(path).await?))
    }
    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        Ok(self.watch.file(self.inner.create(path).await?))
    }
    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        self.inner.create_dir(path).await
    }
    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        self.inner.list(dir).await
    }
    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        self.inner.link(from, to).await
    }
    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        self.inner.rename(from, to).await
    }
    async fn remove(&self, path: &str) -> DiskResult<()> {
        self.inner.remove(path).await
    }
    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        self.watch.sync(self.inner.sync_dir(dir)).await
    }
}

#[async_trait]
impl File for WatchedFile {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.inner.read_at(offset, length).await
    }
    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.inner.append(bytes).await
    }
    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.inner.write_at(offset, bytes).await
    }
    fn write_now(&self, offset: u64, bytes: &[u8]) -> Option<DiskResult<()>> {
        self.inner.write_now(offset, bytes)
    }
    fn write_synced_now(&self, offset: u64, bytes: &[u8]) -> Option<DiskResult<()>> {
        let began_us = self.watch.clock.now_us();
        let done = self.inner.write_synced_now(offset, bytes)?;
        self.watch.observe(began_us);
        Some(done)
    }
    async fn truncate(&self, length: u64) -> DiskResult<()> {
        self.inner.truncate(length).await
    }
    async fn sync(&self) -> DiskResult<()> {
        self.watch.sync(self.inner.sync()).await
    }
    async fn length(&self) -> DiskResult<u64> {
        self.inner.length().await
    }
}
