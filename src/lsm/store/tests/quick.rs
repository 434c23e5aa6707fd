//! The quick way of a write, on the real disk.

#![allow(clippy::disallowed_methods, reason = "a real directory is needed")]

use super::*;
use crate::{
    env::{OsDisk, task::block_on},
    lsm::allocations,
};

#[test]
fn a_write_that_waits_for_nobody_asks_for_no_memory() {
    block_on(async {
        let dir = std::env::temp_dir().join(format!("sisyphus-store-{}", std::process::id()));
        let disk = Arc::new(OsDisk::open(&dir).unwrap());
        let options = StoreOptions {
            sync: SyncMode::None,
            ..StoreOptions::default()
        };
        let store = Store::open(disk, "db", options).await.unwrap();
        let value = [7; 100];
        let write = async |n: u64| store.put(&n.to_be_bytes(), &value).await.unwrap();
        write(0).await;
        let before = allocations::calls();
        for n in 1..=5_000 {
            write(n).await;
        }
        let calls = allocations::calls() - before;
        // What is left are the chunks of the memtable.
        assert!(calls < 16, "{calls} allocations");
        drop(store);
        std::fs::remove_dir_all(&dir).unwrap();
    });
}
