//! A disk in memory of which a test decides what becomes of each operation.

use std::{io::ErrorKind, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::env::{Disk, DiskError, DiskResult, File, MemDisk, task::watch::Receiver};

/// What becomes of an operation.
pub enum Deed {
    /// It is done.
    Go,
    /// It fails, and nothing is done.
    Fail(ErrorKind),
    /// It panics.
    Panic,
    /// It is done once this is true.
    Wait(Receiver<bool>),
}

/// Decides, given the name of an operation and the path.
type Judge = dyn Fn(&'static str, &str) -> Deed + Send + Sync;

/// The disk.
#[derive(Clone)]
pub struct Puppet {
    /// What is on it.
    pub disk: MemDisk,
    judge: Arc<Judge>,
}

/// A file of it.
struct PuppetFile {
    file: Arc<dyn File>,
    puppet: Puppet,
    path: String,
}

impl Puppet {
    /// A disk on which somebody else decides.
    pub fn new(
        disk: MemDisk,
        judge: impl Fn(&'static str, &str) -> Deed + Send + Sync + 'static,
    ) -> Arc<Puppet> {
        let judge = Arc::new(judge);
        Arc::new(Puppet { disk, judge })
    }

    async fn ask(&self, op: &'static str, path: &str) -> DiskResult<()> {
        match (self.judge)(op, path) {
            Deed::Go => Ok(()),
            Deed::Fail(kind) => Err(DiskError::because(op, path, kind, "it was to fail")),
            Deed::Panic => panic!("the {op} of {path} was to panic"),
            Deed::Wait(mut gate) => {
                while !*gate.borrow_and_update() {
                    gate.changed().await.expect("a gate that is opened");
                }
                Ok(())
            }
        }
    }

    fn file(&self, path: &str, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(PuppetFile {
            file,
            puppet: self.clone(),
            path: path.to_owned(),
        })
    }
}

impl PuppetFile {
    async fn ask(&self, op: &'static str) -> DiskResult<()> {
        self.puppet.ask(op, &self.path).await
    }
}

#[async_trait]
impl Disk for Puppet {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        self.ask("open", path).await?;
        Ok(self.file(path, self.disk.open(path).await?))
    }
    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        self.ask("create", path).await?;
        Ok(self.file(path, self.disk.create(path).await?))
    }
    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        self.ask("create_dir", path).await?;
        self.disk.create_dir(path).await
    }
    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        self.ask("list", dir).await?;
        self.disk.list(dir).await
    }
    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        self.ask("link", to).await?;
        self.disk.link(from, to).await
    }
    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        self.ask("rename", from).await?;
        self.disk.rename(from, to).await
    }
    async fn remove(&self, path: &str) -> DiskResult<()> {
        self.ask("remove", path).await?;
        self.disk.remove(path).await
    }
    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        self.ask("sync_dir", dir).await?;
        self.disk.sync_dir(dir).await
    }
}

#[async_trait]
impl File for PuppetFile {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.ask("read").await?;
        self.file.read_at(offset, length).await
    }
    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.ask("append").await?;
        self.file.append(bytes).await
    }
    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.ask("write").await?;
        self.file.write_at(offset, bytes).await
    }
    async fn truncate(&self, length: u64) -> DiskResult<()> {
        self.ask("truncate").await?;
        self.file.truncate(length).await
    }
    async fn sync(&self) -> DiskResult<()> {
        self.ask("sync").await?;
        self.file.sync().await
    }
    async fn length(&self) -> DiskResult<u64> {
        self.file.length().await
    }
}
