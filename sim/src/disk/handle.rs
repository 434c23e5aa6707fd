//! The two faces that the product sees: the disk and its open files.

use std::{future::pending, io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use sisyphus::{
    env::{Disk, DiskError, DiskResult, File},
    rng::Rng,
};

use super::{
    DiskEvent,
    drive::Inner,
    platter::{DiskTrouble, Platter},
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
    async fn tell(&self, event: DiskEvent, path: &str) {
        self.drive.tell(event, path);
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
        self.drive.wait_while_stuck(self.generation, false).await;
    }

    /// Waits as long as the platter takes.
    async fn wait_for_platter(&self) {
        let (mut rng, model) = self.drive.next_operation();
        wait(rng.between(model.sync_us_min, model.sync_us_max)).await;
        self.drive.wait_while_stuck(self.generation, true).await;
    }

    /// Changes names, unless that fails; then nothing was changed.
    async fn change<T>(
        &self,
        op: &'static str,
        path: &str,
        work: impl FnOnce(&mut Platter) -> Result<T, io::ErrorKind> + Send,
    ) -> DiskResult<T> {
        self.wait_for_cache().await;
        match self.fails(|trouble| trouble.failed_write_ppm) {
            Some(_) => Err(failed(op, path)),
            None => self.act(op, path, work).await,
        }
    }

    /// What an operation that fails leaves is drawn from this, if this one does.
    fn fails(&self, rate: impl Fn(&DiskTrouble) -> u32) -> Option<Rng> {
        self.drive.next_failure(rate)
    }
}

/// The error of a device.
fn failed(op: &'static str, path: &str) -> DiskError {
    let why = "the device reports an error";
    DiskError::because(op, path, io::ErrorKind::Other, why)
}

/// Waits. Madsim's timers are not finer than a millisecond: less is a turn for the other tasks.
async fn wait(us: u64) {
    if us == 0 {
        return;
    }
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
        let work = |platter: &mut Platter| {
            if platter.room() == 0 {
                return Err(io::ErrorKind::StorageFull);
            }
            let inode = platter.new_inode();
            platter.tree.create(path, inode).map(|()| inode)
        };
        let inode = self.life.change("create", path, work).await?;
        self.life.tell(DiskEvent::Created, path).await;
        Ok(self.file(path, inode))
    }

    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        let work = |platter: &mut Platter| platter.tree.create_dir(path);
        self.life.change("create_dir", path, work).await?;
        self.life.tell(DiskEvent::Created, path).await;
        Ok(())
    }

    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        self.life.wait_for_cache().await;
        self.life.act("list", dir, |p| p.tree.list(dir)).await
    }

    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        let work = |platter: &mut Platter| platter.tree.link(from, to);
        self.life.change("link", from, work).await?;
        self.life.tell(DiskEvent::Created, to).await;
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        let work = |platter: &mut Platter| platter.tree.rename(from, to);
        self.life.change("rename", from, work).await?;
        self.life.tell(DiskEvent::Renamed, to).await;
        Ok(())
    }

    async fn remove(&self, path: &str) -> DiskResult<()> {
        let work = |platter: &mut Platter| platter.tree.remove(path);
        self.life.change("remove", path, work).await?;
        self.life.tell(DiskEvent::Removed, path).await;
        Ok(())
    }

    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        let begin = |platter: &mut Platter| platter.tree.begin_sync(dir);
        let covered = self.life.act("sync_dir", dir, begin).await?;
        self.life.wait_for_platter().await;
        // The changes stay where they are: some later sync may still cover them.
        if self.life.fails(|trouble| trouble.failed_sync_ppm).is_some() {
            return Err(failed("sync_dir", dir));
        }
        let end = |platter: &mut Platter| {
            platter.tree.end_sync(dir, covered);
            Ok(())
        };
        self.life.act("sync_dir", dir, end).await?;
        self.life.tell(DiskEvent::DirSynced, dir).await;
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

    /// Writes at `offset`, or at the end. A write that fails may have done its first part.
    async fn put(&self, op: &'static str, offset: Option<u64>, bytes: &[u8]) -> DiskResult<u64> {
        self.life.wait_for_cache().await;
        let failure = self.life.fails(|trouble| trouble.failed_write_ppm);
        let done = match &failure {
            Some(rng) => rng.clone().between(0, bytes.len() as u64) as usize,
            None => bytes.len(),
        };
        let work = |p: &mut Platter| p.write(self.inode, offset, &bytes[..done]);
        let offset = self.life.act(op, &self.path, work).await?;
        self.tell(DiskEvent::Wrote).await;
        match failure {
            Some(_) => Err(failed(op, &self.path)),
            None => Ok(offset),
        }
    }

    async fn tell(&self, event: DiskEvent) {
        self.life.tell(event, &self.path).await;
    }
}

#[async_trait]
impl File for SimFile {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        self.life.wait_for_cache().await;
        if self.life.fails(|trouble| trouble.failed_read_ppm).is_some() {
            return Err(failed("read", &self.path));
        }
        let work =
            |p: &mut Platter| Bytes::copy_from_slice(p.inode(self.inode).read(offset, length));
        self.act("read", work).await
    }

    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.put("append", None, bytes).await
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.put("write", Some(offset), bytes).await.map(|_| ())
    }

    async fn truncate(&self, length: u64) -> DiskResult<()> {
        let work = |p: &mut Platter| {
            p.inode(self.inode).truncate(length as usize);
            Ok(())
        };
        self.life.change("truncate", &self.path, work).await?;
        self.tell(DiskEvent::Wrote).await;
        Ok(())
    }

    async fn sync(&self) -> DiskResult<()> {
        let flush = self
            .act("sync", |p| p.inode(self.inode).begin_sync())
            .await?;
        self.tell(DiskEvent::Syncing).await;
        self.life.wait_for_platter().await;
        if let Some(mut rng) = self.life.fails(|trouble| trouble.failed_sync_ppm) {
            let fail = |p: &mut Platter| {
                let keeps_dirty = p.trouble.keeps_dirty;
                let (inode, waste) = p.inode_and_waste(self.inode);
                inode.fail_sync(flush, keeps_dirty, waste, &mut rng);
            };
            self.act("sync", fail).await?;
            return Err(failed("sync", &self.path));
        }
        let end = |p: &mut Platter| {
            let (inode, waste) = p.inode_and_waste(self.inode);
            inode.end_sync(flush, waste);
        };
        self.act("sync", end).await?;
        self.tell(DiskEvent::Synced).await;
        Ok(())
    }

    async fn length(&self) -> DiskResult<u64> {
        self.act("length", |p| p.inode(self.inode).length() as u64)
            .await
    }
}
