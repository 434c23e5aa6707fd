//! A writer that is alone, and what it finds when something goes wrong.

use std::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::*;
use crate::{
    env::task::{block_on, spawn, timeout, yield_now},
    lsm::tests::puppet::{Deed, Puppet},
};

/// Longer than anything here takes that ends.
const LONG: Duration = Duration::from_secs(20);

/// What a future that waits for nobody comes to.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn who_is_alone_syncs_without_a_wait_and_loses_nothing() {
    block_on(async {
        for sync in [SyncMode::Group, SyncMode::EachWrite] {
            let disk = MemDisk::new();
            let store = open(&disk, sync).await.unwrap();
            let mut model = Model::new();
            for key in 0..20_u8 {
                let syncs = disk.syncs();
                at_once(store.put(&[key], b"value")).unwrap();
                assert_eq!(disk.syncs(), syncs + 1, "{sync:?}");
                model.insert(vec![key], b"value".to_vec());
                let reopened = open(&disk.restart(), sync).await.unwrap();
                assert_eq!(all(&reopened).await, model, "{sync:?}");
            }
        }
    });
}

#[test]
fn after_a_group_the_next_writer_waits_for_others_until_one_was_alone_again() {
    block_on(async {
        let disk = MemDisk::new();
        let store = open(&disk, SyncMode::Group).await.unwrap();
        disk.slow_down();
        let writers = [b"a", b"b", b"c"].map(|key| {
            let store = store.clone();
            spawn(async move { store.put(key, b"").await })
        });
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(store.stats().log_writes, 1, "they share a sync");
        disk.speed_up();
        let mut next = Box::pin(store.put(b"next", b""));
        let mut context = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut context).is_pending());
        next.await.unwrap();
        at_once(store.put(b"alone", b"")).unwrap();
        assert_eq!(
            all(&open(&disk.restart(), SyncMode::Group).await.unwrap())
                .await
                .len(),
            5
        );
    });
}

#[test]
fn who_writes_without_end_lets_others_run() {
    block_on(async {
        for sync in [SyncMode::Group, SyncMode::None] {
            // A memtable that is never full: to end one lets others run, too.
            let options = StoreOptions {
                sync,
                ..StoreOptions::default()
            };
            let disk = Arc::new(MemDisk::new());
            let store = Store::open(disk, "db", options).await.unwrap();
            let ran = Arc::new(AtomicBool::new(false));
            let other = Arc::clone(&ran);
            spawn(async move { other.store(true, Ordering::Relaxed) });
            for key in 0..100_u64 {
                store.put(&key.to_be_bytes(), b"").await.unwrap();
                if ran.load(Ordering::Relaxed) {
                    break;
                }
            }
            assert!(ran.load(Ordering::Relaxed), "{sync:?}");
        }
    });
}

#[test]
fn when_the_log_panics_all_who_wait_are_told_and_nothing_more_is_written() {
    block_on(async {
        for sync in [SyncMode::EachWrite, SyncMode::Group, SyncMode::None] {
            let (armed, written) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
            let is_armed = Arc::clone(&armed);
            let judge = move |op, path: &str| {
                let counts = op == "write" && path.contains("/log/");
                let panics = counts && armed.load(Ordering::Relaxed);
                match panics && written.fetch_add(1, Ordering::Relaxed) == 1 {
                    true => Deed::Panic,
                    false => Deed::Go,
                }
            };
            let disk = Puppet::new(MemDisk::new(), judge);
            disk.disk.slow_down();
            let options = StoreOptions {
                sync,
                ..StoreOptions::default()
            };
            let store = Store::open(disk.clone(), "db", options).await.unwrap();
            is_armed.store(true, Ordering::Relaxed);
            let writers: Vec<_> = (0..9_u8)
                .map(|key| {
                    let store = store.clone();
                    spawn(async move {
                        let first = store.put(&[key], b"first").await;
                        first.and(store.put(&[key], b"second").await)
                    })
                })
                .collect();
            let mut told = 0;
            for writer in writers {
                let outcome = timeout(LONG, writer).await.expect("nobody waits for ever");
                // The one whose task it was goes with it.
                let Ok(outcome) = outcome else { continue };
                let error = outcome.expect_err("a failure");
                assert!(error.to_string().contains("panicked"), "{sync:?}: {error}");
                told += 1;
            }
            assert_eq!(told, 8, "{sync:?}");
            let refused = timeout(LONG, store.put(b"more", b"")).await;
            refused
                .expect("nobody waits for ever")
                .expect_err("a refusal");
            let found = all(&store).await;
            let reopened = open(&disk.disk.restart_keeping_unsynced(), sync).await;
            let reopened = all(&reopened.unwrap()).await;
            assert!(found.iter().all(|(key, _)| reopened.contains_key(key)));
            yield_now().await;
        }
    });
}
