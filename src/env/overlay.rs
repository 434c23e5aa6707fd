//! A disk that looks like another one and never writes to it: what is written stays in memory, and is
//! forgotten with it. For those who want to know what opening a data directory would lead to.

use std::{collections::BTreeSet, io::ErrorKind, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use super::{Disk, DiskError, DiskResult, File, MemDisk};

/// A disk in memory before another one. One user at a time. What is written to costs memory: a file of
/// the other disk is copied whole before its first byte changes.
pub struct Overlay {
    behind: Arc<dyn Disk>,
    front: MemDisk,
    /// Names of the disk behind that are gone, or have become others'.
    hidden: Mutex<BTreeSet<String>>,
}

/// A file of an overlay that may not have been written to yet.
struct Shadow {
    path: String,
    behind: Arc<dyn File>,
    front: MemDisk,
}

impl Overlay {
    /// Looks like `behind` as it is, and as it will be as long as nobody writes to it.
    pub fn new(behind: Arc<dyn Disk>) -> Self {
        Overlay {
            behind,
            front: MemDisk::new(),
            hidden: Mutex::default(),
        }
    }

    /// The file of the disk behind, unless it is hidden.
    async fn behind(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        if self.hidden.lock().contains(path) {
            let what = "it was removed";
            return Err(DiskError::because("open", path, ErrorKind::NotFound, what));
        }
        self.behind.open(path).await
    }

    /// Fails if the name is taken.
    async fn check_free(&self, op: &'static str, path: &str) -> DiskResult<()> {
        match self.open(path).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(_) => Err(DiskError::because(
                op,
                path,
                ErrorKind::AlreadyExists,
                "exists",
            )),
        }
    }

    /// Has the file in memory.
    async fn fetch(&self, path: &str) -> DiskResult<()> {
        match self.front.open(path).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                let behind = self.behind(path).await?;
                copy(&self.front, behind.as_ref(), path).await.map(drop)
            }
            opened => opened.map(drop),
        }
    }

    /// Makes the directory above a path in memory.
    async fn create_parent(&self, path: &str) -> DiskResult<()> {
        match path.rsplit_once('/') {
            Some((dir, _)) => self.front.create_dir(dir).await,
            None => Ok(()),
        }
    }
}

/// Copies a file into memory, under a name that is free there.
async fn copy(front: &MemDisk, file: &dyn File, path: &str) -> DiskResult<Arc<dyn File>> {
    let bytes = file.read_at(0, file.length().await? as usize).await?;
    let copy = create(front, path).await?;
    copy.append(&bytes).await?;
    Ok(copy)
}

/// Creates a file in memory, and the directories above it.
async fn create(front: &MemDisk, path: &str) -> DiskResult<Arc<dyn File>> {
    if let Some((dir, _)) = path.rsplit_once('/') {
        front.create_dir(dir).await?;
    }
    front.create(path).await
}

#[async_trait]
impl Disk for Overlay {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        match self.front.open(path).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Arc::new(Shadow {
                path: path.to_owned(),
                behind: self.behind(path).await?,
                front: self.front.clone(),
            })),
            opened => opened,
        }
    }

    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        self.check_free("create", path).await?;
        create(&self.front, path).await
    }

    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        self.front.create_dir(path).await
    }

    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        let (front, behind) = (self.front.list(dir).await, self.behind.list(dir).await);
        if let (Err(_), Err(error)) = (&front, &behind) {
            return Err(error.clone());
        }
        let hidden = self.hidden.lock();
        let is_there = |name: &String| match dir {
            "" => !hidden.contains(name),
            dir => !hidden.contains(&format!("{dir}/{name}")),
        };
        let mut names: BTreeSet<String> = behind.unwrap_or_default().into_iter().collect();
        names.retain(is_there);
        names.extend(front.unwrap_or_default());
        Ok(names.into_iter().collect())
    }

    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        self.check_free("link", to).await?;
        self.fetch(from).await?;
        self.create_parent(to).await?;
        self.front.link(from, to).await
    }

    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        self.fetch(from).await?;
        self.create_parent(to).await?;
        self.front.rename(from, to).await?;
        self.hidden.lock().extend([from.to_owned(), to.to_owned()]);
        Ok(())
    }

    async fn remove(&self, path: &str) -> DiskResult<()> {
        match self.front.remove(path).await {
            Err(error) if error.kind == ErrorKind::NotFound => {
                self.behind(path).await?;
            }
            removed => removed?,
        }
        self.hidden.lock().insert(path.to_owned());
        Ok(())
    }

    async fn sync_dir(&self, _: &str) -> DiskResult<()> {
        Ok(())
    }
}

impl Shadow {
    /// What is in memory, if anything was written to the file since.
    async fn written(&self) -> Option<Arc<dyn File>> {
        self.front.open(&self.path).await.ok()
    }

    /// The file in memory, to be written to.
    async fn to_write(&self) -> DiskResult<Arc<dyn File>> {
        match self.written().await {
            Some(file) => Ok(file),
            None => copy(&self.front, self.behind.as_ref(), &self.path).await,
        }
    }
}

#[async_trait]
impl File for Shadow {
    async fn read_at(&self, offset: u64, length: usize) -> DiskResult<Bytes> {
        match self.written().await {
            Some(file) => file.read_at(offset, length).await,
            None => self.behind.read_at(offset, length).await,
        }
    }

    async fn append(&self, bytes: &[u8]) -> DiskResult<u64> {
        self.to_write().await?.append(bytes).await
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> DiskResult<()> {
        self.to_write().await?.write_at(offset, bytes).await
    }

    async fn truncate(&self, length: u64) -> DiskResult<()> {
        self.to_write().await?.truncate(length).await
    }

    async fn sync(&self) -> DiskResult<()> {
        Ok(())
    }

    async fn length(&self) -> DiskResult<u64> {
        match self.written().await {
            Some(file) => file.length().await,
            None => self.behind.length().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::task::block_on;

    async fn content(disk: &dyn Disk, path: &str) -> Bytes {
        let file = disk.open(path).await.unwrap();
        file.read_at(0, 100).await.unwrap()
    }

    async fn put(disk: &dyn Disk, path: &str, bytes: &str) {
        let file = disk.create(path).await.unwrap();
        file.append(bytes.as_bytes()).await.unwrap();
    }

    #[test]
    fn what_is_written_is_seen_and_the_disk_behind_stays_as_it_was() {
        block_on(async {
            let behind = MemDisk::new();
            behind.create_dir("d").await.unwrap();
            for name in ["a", "d/b", "d/c", "d/e"] {
                put(&behind, name, name).await;
            }
            let disk = Overlay::new(Arc::new(behind.clone()));
            assert_eq!(disk.list("d").await.unwrap(), ["b", "c", "e"]);
            let early = disk.open("a").await.unwrap();
            disk.open("a").await.unwrap().append(b"+").await.unwrap();
            early.write_at(0, b"A").await.unwrap();
            assert_eq!(content(&disk, "a").await, "A+");
            disk.rename("d/b", "d/c").await.unwrap();
            disk.remove("d/e").await.unwrap();
            assert_eq!(disk.list("d").await.unwrap(), ["c"]);
            assert_eq!(content(&disk, "d/c").await, "d/b");
            put(&disk, "d/e", "new").await;
            assert!(disk.create("d/e").await.is_err(), "taken in front");
            assert!(disk.create("a").await.is_err(), "taken behind");
            disk.link("d/e", "d/f").await.unwrap();
            assert_eq!(content(&disk, "d/f").await, "new");
            assert_eq!(disk.list("").await.unwrap(), ["a", "d/"]);
            assert!(disk.open("d/b").await.is_err() && disk.list("x").await.is_err());

            assert_eq!(behind.list("d").await.unwrap(), ["b", "c", "e"]);
            for name in ["a", "d/b", "d/c", "d/e"] {
                assert_eq!(content(&behind, name).await, name);
            }
        });
    }
}
