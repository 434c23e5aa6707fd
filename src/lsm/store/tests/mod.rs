//! A store against a dumb twin, crashes, damage, and writers that go away.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use super::*;
use crate::{env::MemDisk, lsm::Options};

mod any_sequence;
mod behaviour;
mod cancel;
mod crash;
mod damage;
mod full;
mod lone;
#[cfg(not(feature = "simulated"))]
mod quick;

/// What a store should show.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Opens the store of a disk, with tiny sizes.
async fn open(disk: &MemDisk, sync: SyncMode) -> Result<Store, StoreError> {
    let options = StoreOptions {
        sync,
        stall_ms_max: 50,
        engine: Options::test_min(),
    };
    Store::open(Arc::new(disk.clone()), "db", options).await
}

/// Everything in a range.
async fn collect(mut range: crate::lsm::Range) -> Result<Model, StoreError> {
    let mut found = Model::new();
    while let Some((key, entry)) = range.next().await? {
        found.insert(key.to_vec(), entry.value.to_vec());
    }
    Ok(found)
}

/// Everything in a store.
async fn all(store: &Store) -> Model {
    let range = store.range((Bound::Unbounded, Bound::Unbounded));
    collect(range).await.expect("a readable store")
}

/// The names of the log's segments.
async fn segments(disk: &MemDisk) -> Vec<String> {
    use crate::env::Disk;
    let mut names = disk.list("db/log").await.expect("a log");
    names.retain(|name| name.ends_with(".wal"));
    names
}
