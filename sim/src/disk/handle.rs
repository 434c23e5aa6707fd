//! The two faces that the product sees: the disk and its open files.

use std::{future::pending, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use sisyphus::env::{Disk, DiskError, DiskResult, File};

use super::{
    DiskEvent,
    drive::{Inner, Platter},
};

/// A drive as one incarnation of its node sees it.
pub struct SimDisk {
    life: Life,
}

/// An open file.
struct SimFile {
    life: Life,
    inode: u64,
    path: String,
}

/// The right of one incarnation to use the drive.
#[derive(Clone)]
struct Life {
    drive: Arc<Inner>,
    generation: u64,
}

impl SimDisk {
    pub(super) fn new(drive: Arc<Inner>, generation: u64) -> Self {
        SimDisk {
            life: Life { drive, generation },
        }
    }

    fn file(&self, path: &str, inode: u64) -> Arc<dyn File> {
        Arc::new(SimFile {
            life: self.life.clone(),
            inode,
            path: path.to_owned(),
        })
    }
}

impl Life {
    /// Does `work` at once. A process that has ended never hears the answer.
    async fn act<T>(
        &self,
        op: &'static str,
        path: &str,
        work: impl FnOnce(&mut Platter) -> Result<T, io::ErrorKind> + Send,
    ) -> DiskResult<T> {
        match self.drive.with(self.generation, work) {
            Some(result) => result.map_err(|kind| DiskError::new(op, path, &kind.into())),
            None => pending().await,
        }
    }

    /// Tells what has just happened. If that ended the process, the caller hears no more.
    async fn tell(&self, event: DiskEvent) {
        self.drive.tell(event);
        if self.drive.with(self.generation, |_| Ok(())).is_none() {
            pending::<()>().await;
        }
    }

    /// Waits as long as the page cache takes: mostly not at all.
    async fn wait_for_cache(&self) {
        let (mut rng, model) = self.drive.next_operation();
        if rng.below(1_000_000) < u64::from(model.stall_ppm) {
            wait(rng.between(1, model.stall_us_max.max(1))).await;
        }
    }

    /// Waits as long as the platter takes.
    async fn wait_for_platter(&self) {
        let (mut rng, model) = self.drive.next_operation();
        wait(rng.between(model.sync_us_min, model.sync_us_max)).await;
    }
}

/// Waits. Madsim's timers are not finer than a millisecond: less is a turn for the other tasks.
async fn wait(us: u64) {
    if us < 1_000 {
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(Duration::from_micros(us)).await;
    }
}

#[async_trait]
impl Disk for SimDisk {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        self.life.wait_for_cache().await;
        let inode = self.life.act("open", path, |p| p.tree.file(path)).await?;
        Ok(self.file(path, inode))
    }

    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        self.life.wait_for_cache().await;
        let work = |platter: &mut Platter| {
            if platter.room() == 0 {
                return Err(io::ErrorKind::StorageFull);
            }
            let inode = platter.new_inode();
            platter.tree.create(path, inode).map(|()| inode)
        };
        let inode = self.life.act("create", path, work).await?;
        self.life.tell(DiskEvent::Renamed).await;
        Ok(self.file(path, inode))
    }

    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        self.life.wait_for_cache().await;
        let work = |platter: &mut Platter| platter.tree.create_dir(path);
        self.life.act("create_dir", path, work).await?;
        self.life.tell(DiskEvent::Renamed).await;
        Ok(())
    }

    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        self.life.wait_for_cache().await;
        self.life.act("list", dir, |p| p.tree.list(dir)).await
    }

    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        self.life.wait_for_cache().await;
        let work = |platter: &mut Platter| platter.tree.link(from, to);
        self.life.act("link", from, work).await?;
        self.life.tell(DiskEvent::Renamed).await;
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        self.life.wait_for_cache().await;
        let work = |platter: &mut Platter| platter.tree.rename(from, to);
        self.life.act("rename", from, work).await?;
        self.life.tell(DiskEvent::Renamed).await;
        Ok(())
    }

    async fn remove(&self, path: &str) -> DiskResult<()> {
        self.life.wait_for_cache().await;
        let work = |platter: &mut Platter| platter.tree.remove(path);
        self.life.act("remove", path, work).await?;
        self.life.tell(DiskEvent::Renamed).await;
        Ok(())
    }

    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        let begin = |platter: &mut Platter| platter.tree.begin_sync(dir);
        let covered = self.life.act("sync_dir", dir, begin).await?;
        self.life.wait_for_platter().await;
        let end = |platter: &mut Platter| {
            platter.tree.end_sync(dir, covered);
            Ok(())
        };
        self.life.act("sync_dir", dir, end).await?;
        self.life.tell(DiskEvent::DirSynced).await;
        Ok(())
    }
}

impl SimFile {
    async fn act<T>(
        &self,
        op: &'static str,
        work: impl FnOnce(&mut Platter) -> T + Send,
    ) -> DiskResult<T> {
        self.life.act(op, &self.path, |p| Ok(work(p))).await
    }
}

#[async_trait]
impl File for SimFile {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.life.wait_for_cache().await;
        let work =
            |p: &mut Platter| Bytes::copy_from_slice(p.inode(self.inode).read(offset, length));
        self.act("read", work).await
    }

    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.life.wait_for_cache().await;
        let work = |p: &mut Platter| p.write(self.inode, None, bytes);
        let offset = self.life.act("append", &self.path, work).await?;
        self.life.tell(DiskEvent::Wrote).await;
        Ok(offset)
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.life.wait_for_cache().await;
        let work = |p: &mut Platter| p.write(self.inode, Some(offset), bytes);
        self.life.act("write", &self.path, work).await?;
        self.life.tell(DiskEvent::Wrote).await;
        Ok(())
    }

    async fn truncate(&self, length: u64) -> DiskResult<()> {
        self.life.wait_for_cache().await;
        let work = |p: &mut Platter| p.inode(self.inode).truncate(length as usize);
        self.act("truncate", work).await?;
        self.life.tell(DiskEvent::Wrote).await;
        Ok(())
    }

    async fn sync(&self) -> DiskResult<()> {
        let flush = self
            .act("sync", |p| p.inode(self.inode).begin_sync())
            .await?;
        self.life.tell(DiskEvent::Syncing).await;
        self.life.wait_for_platter().await;
        if let Some(mut rng) = self.life.drive.next_failure() {
            let fail = |p: &mut Platter| p.inode(self.inode).fail_sync(flush, &mut rng);
            self.act("sync", fail).await?;
            let error = io::ErrorKind::Other.into();
            return Err(DiskError::new("sync", &self.path, &error));
        }
        self.act("sync", |p| p.inode(self.inode).end_sync(flush))
            .await?;
        self.life.tell(DiskEvent::Synced).await;
        Ok(())
    }

    async fn length(&self) -> DiskResult<u64> {
        self.act("length", |p| p.inode(self.inode).length() as u64)
            .await
    }
}
