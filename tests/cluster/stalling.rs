//! A disk in memory that can be made to stall.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use sisyphus::{
    env::{Disk, DiskResult, File, MemDisk},
    types::NodeId,
};

/// A disk that answers no sync of a file while its node is named as stalled.
pub struct Stalling<T: ?Sized> {
    /// What it stalls.
    pub disk: Arc<T>,
    /// Whose it is.
    pub node: NodeId,
    /// Those that wait for their disks.
    pub stalled: Arc<Mutex<BTreeSet<NodeId>>>,
}

impl<T: ?Sized> Stalling<T> {
    fn file(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(Stalling {
            disk: file,
            node: self.node,
            stalled: self.stalled.clone(),
        })
    }
}

#[async_trait]
impl Disk for Stalling<MemDisk> {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        Ok(self.file(self.disk.open(path).await?))
    }
    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        Ok(self.file(self.disk.create(path).await?))
    }
    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        self.disk.create_dir(path).await
    }
    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        self.disk.list(dir).await
    }
    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        self.disk.link(from, to).await
    }
    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        self.disk.rename(from, to).await
    }
    async fn remove(&self, path: &str) -> DiskResult<()> {
        self.disk.remove(path).await
    }
    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        self.disk.sync_dir(dir).await
    }
}

#[async_trait]
impl File for Stalling<dyn File> {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.disk.read_at(offset, length).await
    }
    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.disk.append(bytes).await
    }
    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.disk.write_at(offset, bytes).await
    }
    async fn truncate(&self, length: u64) -> DiskResult<()> {
        self.disk.truncate(length).await
    }
    async fn sync(&self) -> DiskResult<()> {
        while self.stalled.lock().contains(&self.node) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.disk.sync().await
    }
    async fn length(&self) -> DiskResult<u64> {
        self.disk.length().await
    }
}
