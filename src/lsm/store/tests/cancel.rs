//! Writers whose futures are dropped.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use super::*;
use crate::{
    env::task::{block_on, spawn, yield_now},
    rng::Rng,
};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn slow_store() -> (MemDisk, Store) {
    let disk = MemDisk::new();
    let store = open(&disk, SyncMode::Group).await.unwrap();
    disk.slow_down();
    (disk, store)
}

#[test]
fn who_follows_goes_on_where_a_leader_was_dropped() {
    block_on(async {
        let (disk, store) = slow_store().await;
        let mut leader = Box::pin(store.put(b"leader", b"1"));
        assert!(poll(leader.as_mut()).is_pending(), "the sync takes a while");
        let followers = [b"a", b"b"].map(|key| {
            let store = store.clone();
            spawn(async move { store.put(key, b"2").await })
        });
        yield_now().await;
        drop(leader);
        for follower in followers {
            follower.await.unwrap().unwrap();
        }
        let found = all(&open(&disk.restart(), SyncMode::Group).await.unwrap()).await;
        assert_eq!(found.len(), 3, "what was begun is brought to its end");
        assert_eq!(found, all(&store).await);
    });
}

#[test]
fn who_comes_next_goes_on_where_the_last_leader_was_dropped() {
    block_on(async {
        let (_disk, store) = slow_store().await;
        {
            let mut leader = pin!(store.put(b"k", b"old"));
            assert!(poll(leader.as_mut()).is_pending());
        }
        assert_eq!(store.get(b"k").await.unwrap(), None, "not durable yet");
        store.put(b"k", b"new").await.unwrap();
        assert_eq!(store.get(b"k").await.unwrap().unwrap(), "new");
        assert_eq!(store.stats().seq, 2);
    });
}

#[test]
fn who_queues_behind_a_leader_that_was_dropped_at_work_goes_on_for_it() {
    block_on(async {
        let (disk, store) = slow_store().await;
        let mut leader = Box::pin(store.put(b"leader", b"1"));
        assert!(poll(leader.as_mut()).is_pending(), "others may join");
        assert!(poll(leader.as_mut()).is_pending(), "the sync takes a while");
        let mut next = pin!(store.put(b"next", b"2"));
        assert!(poll(next.as_mut()).is_pending(), "the group is on its way");
        drop(leader);
        next.await.unwrap();
        let found = all(&open(&disk.restart(), SyncMode::Group).await.unwrap()).await;
        assert_eq!(found.len(), 2);
    });
}

#[test]
fn writers_that_come_and_go_strand_nobody() {
    block_on(async {
        for seed in 0..200 {
            let (_disk, store) = slow_store().await;
            let mut rng = Rng::new(seed);
            let mut writers: Vec<_> = (0..12_u8)
                .map(|key| {
                    let store = store.clone();
                    let writer = spawn(async move { store.put(&[key], b"value").await });
                    (key, writer)
                })
                .collect();
            for _ in 0..rng.below(6) {
                yield_now().await;
                let victim = rng.below(writers.len() as u64) as usize;
                writers.swap_remove(victim).1.abort();
            }
            for (key, writer) in writers {
                writer.await.unwrap().unwrap();
                assert!(store.get(&[key]).await.unwrap().is_some(), "{seed}");
            }
        }
    });
}

#[test]
fn who_waits_for_room_does_not_wait_for_writers_that_have_gone() {
    block_on(async {
        for gone_first in [false, true] {
            let disk = MemDisk::new();
            let store = open(&disk, SyncMode::EachWrite).await.unwrap();
            disk.slow_down();
            let mut leader = Box::pin(store.put(b"leader", b"1"));
            assert!(poll(leader.as_mut()).is_pending(), "the sync takes a while");
            let mut next = Box::pin(store.put(b"next", b"2"));
            assert!(poll(next.as_mut()).is_pending(), "each write goes alone");
            let mut last = Box::pin(store.put(b"last", b"3"));
            assert!(poll(last.as_mut()).is_pending(), "there is no room");
            if gone_first {
                drop(next);
                leader.await.unwrap();
            } else {
                leader.await.unwrap();
                drop(next);
            }
            last.await.unwrap();
            let found = all(&open(&disk.restart(), SyncMode::EachWrite).await.unwrap()).await;
            assert_eq!(found.len(), 3, "what queued is written");
        }
    });
}
