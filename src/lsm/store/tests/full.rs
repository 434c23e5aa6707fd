//! A disk that takes the log but no more tables.

use std::{
    io::ErrorKind,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::{
    env::task::block_on,
    lsm::tests::puppet::{Deed, Puppet},
};

/// Where it has no room.
const TABLES: &str = "db/tables/";

/// Longer than the engine waits before it tries a flush again.
const PATIENCE_MS: u64 = 100;

/// No file can be created among the tables while it is full.
fn crowded(is_full: &Arc<AtomicBool>) -> Arc<Puppet> {
    let is_full = Arc::clone(is_full);
    Puppet::new(MemDisk::new(), move |op, path| {
        let needs_room = op == "create" && path.starts_with(TABLES);
        match needs_room && is_full.load(Ordering::Relaxed) {
            true => Deed::Fail(ErrorKind::StorageFull),
            false => Deed::Go,
        }
    })
}

#[test]
fn a_write_that_finds_no_memory_says_so_in_time_and_the_next_one_succeeds() {
    block_on(async {
        for sync in [SyncMode::EachWrite, SyncMode::Group, SyncMode::None] {
            let is_full = Arc::new(AtomicBool::new(false));
            let disk = crowded(&is_full);
            let options = StoreOptions {
                sync,
                stall_ms_max: PATIENCE_MS,
                engine: Options::test_min(),
            };
            let store = Store::open(disk.clone(), "db", options).await.unwrap();
            is_full.store(true, Ordering::Relaxed);
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
            assert!(told.contains("was to fail"), "{told}");
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
            is_full.store(false, Ordering::Relaxed);
            store.put(b"room", b"").await.unwrap();
            model.insert(b"room".to_vec(), Vec::new());
            store.close().await.unwrap();
            let reopened = open(&disk.disk.restart(), sync).await.unwrap();
            assert_eq!(all(&reopened).await, model);
        }
    });
}
