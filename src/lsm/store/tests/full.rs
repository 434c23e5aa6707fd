//! A disk that takes the log but no more tables.

use std::{
    io::ErrorKind,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;

use super::*;
use crate::env::{Disk, DiskError, DiskResult, File, task::block_on};

/// Where it has no room.
const TABLES: &str = "db/tables/";

/// Longer than the engine waits before it tries a flush again.
const PATIENCE_MS: u64 = 100;

/// No file can be created among the tables while it is full.
#[derive(Default)]
struct Crowded {
    disk: MemDisk,
    is_full: AtomicBool,
}

#[async_trait]
impl Disk for Crowded {
    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        if path.starts_with(TABLES) && self.is_full.load(Ordering::Relaxed) {
            let kind = ErrorKind::StorageFull;
            return Err(DiskError::because("create", path, kind, "no room"));
        }
        self.disk.create(path).await
    }
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        self.disk.open(path).await
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

#[test]
fn a_write_that_finds_no_memory_says_so_in_time_and_the_next_one_succeeds() {
    block_on(async {
        for sync in [SyncMode::EachWrite, SyncMode::Group, SyncMode::None] {
            let disk = Arc::new(Crowded::default());
            let options = StoreOptions {
                sync,
                stall_ms_max: PATIENCE_MS,
                engine: Options::test_min(),
            };
            let store = Store::open(disk.clone(), "db", options).await.unwrap();
            disk.is_full.store(true, Ordering::Relaxed);
            let mut model = Model::new();
            let error = loop {
                let key = (model.len() as u64).to_be_bytes();
                match store.put(&key, &[1; 200]).await {
                    Ok(()) => model.insert(key.to_vec(), vec![1; 200]),
                    Err(error) => break error,
                };
                assert!(model.len() < 1_000, "memory has a bound");
            };
            let told = error.to_string();
            assert!(told.contains("nothing was written"), "{told}");
            assert!(told.contains("no room"), "{told}");
            assert_eq!(all(&store).await, model);
            // It is the same once more, and nothing is lost when there is room again.
            let again = store.put(b"again", b"").await;
            assert!(matches!(
                again,
                Err(StoreError::Stalled {
                    ms: PATIENCE_MS,
                    ..
                })
            ));
            disk.is_full.store(false, Ordering::Relaxed);
            store.put(b"room", b"").await.unwrap();
            model.insert(b"room".to_vec(), Vec::new());
            store.close().await.unwrap();
            let reopened = open(&disk.disk.restart(), sync).await.unwrap();
            assert_eq!(all(&reopened).await, model);
        }
    });
}
