//! What a user may rely on, one story each.

use super::*;
use crate::env::task::{block_on, spawn, yield_now};

const MODES: [SyncMode; 3] = [SyncMode::EachWrite, SyncMode::Group, SyncMode::None];

#[test]
fn what_was_written_is_read_at_once_and_after_reopening() {
    block_on(async {
        for sync in MODES {
            let disk = MemDisk::new();
            let store = open(&disk, sync).await.unwrap();
            store.put(b"a", b"1").await.unwrap();
            store.put(b"b", b"2").await.unwrap();
            let mut batch = WriteBatch::new();
            batch.put(b"c", b"3");
            batch.delete(b"a");
            batch.put(b"c", b"4");
            store.write(&batch).await.unwrap();
            store.delete(b"b").await.unwrap();
            let expected = Model::from([(b"c".to_vec(), b"4".to_vec())]);
            assert_eq!(all(&store).await, expected);
            assert_eq!(store.get(b"a").await.unwrap(), None);
            assert_eq!(store.stats().seq, 6);
            store.close().await.unwrap();
            let store = open(&disk.restart(), sync).await.unwrap();
            assert_eq!(all(&store).await, expected);
            assert_eq!(store.get(b"c").await.unwrap().unwrap(), "4");
            assert_eq!(store.stats().seq, 6);
        }
    });
}

#[test]
fn an_unsynced_write_survives_the_process_and_a_sync_makes_it_durable() {
    block_on(async {
        let disk = MemDisk::new();
        let store = open(&disk, SyncMode::None).await.unwrap();
        store.put(b"a", b"1").await.unwrap();
        let survived = open(&disk.restart_keeping_unsynced(), SyncMode::None).await;
        assert_eq!(all(&survived.unwrap()).await.len(), 1);
        let lost = open(&disk.restart(), SyncMode::None).await.unwrap();
        assert!(all(&lost).await.is_empty());
        store.sync().await.unwrap();
        let synced = open(&disk.restart(), SyncMode::None).await.unwrap();
        assert_eq!(all(&synced).await.len(), 1);
    });
}

#[test]
fn a_snapshot_shows_its_moment_through_flushes_and_compactions() {
    block_on(async {
        let store = open(&MemDisk::new(), SyncMode::None).await.unwrap();
        for key in 0..40_u8 {
            store.put(&[key], &[1; 60]).await.unwrap();
        }
        let snapshot = store.snapshot();
        let before = all(&store).await;
        for round in 2..8 {
            for key in 0..40_u8 {
                store.put(&[key], &[round; 60]).await.unwrap();
            }
            store.delete(&[round]).await.unwrap();
            store.flush().await.unwrap();
            store.settle().await.unwrap();
        }
        let range = snapshot.range((Bound::Unbounded, Bound::Unbounded));
        assert_eq!(collect(range).await.unwrap(), before);
        assert_eq!(snapshot.get(&[7]).await.unwrap().unwrap()[..], [1; 60]);
        assert_eq!(all(&store).await.len(), 39);
        assert_eq!((snapshot.seq(), store.stats().snapshots), (40, 1));
        let kept = store.stats().engine.table_entries;
        drop(snapshot);
        assert_eq!(store.stats().snapshots, 0);
        // Now the old versions may go, also if nobody writes.
        store.settle().await.unwrap();
        assert!(store.stats().engine.table_entries < kept);
    });
}

#[test]
fn a_flush_removes_the_segments_that_it_makes_needless() {
    block_on(async {
        let disk = MemDisk::new();
        let store = open(&disk, SyncMode::Group).await.unwrap();
        for key in 0..200_u8 {
            store.put(&[key], &[7; 60]).await.unwrap();
        }
        store.flush().await.unwrap();
        while segments(&disk).await.len() > 1 {
            yield_now().await;
        }
        let replayed = open(&disk.restart(), SyncMode::Group).await.unwrap();
        assert_eq!(replayed.stats().engine.memtable_bytes, 0);
        assert_eq!(all(&replayed).await.len(), 200);
    });
}

#[test]
fn writers_that_meet_share_the_writes_of_the_log() {
    block_on(async {
        let disk = MemDisk::new();
        disk.slow_down();
        for (sync, log_writes) in [(SyncMode::Group, 1), (SyncMode::EachWrite, 30)] {
            let store = open(&disk, sync).await.unwrap();
            let writers: Vec<_> = (0..30_u8)
                .map(|key| {
                    let store = store.clone();
                    spawn(async move { store.put(&[key], b"value").await })
                })
                .collect();
            for writer in writers {
                writer.await.unwrap().unwrap();
            }
            assert_eq!(store.stats().log_writes, log_writes, "{sync:?}");
            assert_eq!(all(&store).await.len(), 30);
        }
    });
}

#[test]
fn a_group_that_is_full_makes_writers_wait() {
    block_on(async {
        let disk = MemDisk::new();
        disk.slow_down();
        let store = open(&disk, SyncMode::Group).await.unwrap();
        let writers: Vec<_> = (0..12_u8)
            .map(|key| {
                let store = store.clone();
                spawn(async move { store.put(&[key], &vec![key; 1 << 20]).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(store.stats().log_writes, 4, "three at a time");
    });
}

#[test]
fn nothing_is_written_after_closing_nor_beyond_the_limits() {
    block_on(async {
        let store = open(&MemDisk::new(), SyncMode::None).await.unwrap();
        store.write(&WriteBatch::new()).await.unwrap();
        let large = store.put(b"k", &vec![0; 65 << 20]).await;
        assert!(matches!(large, Err(StoreError::TooLarge { .. })));
        store.clone().close().await.unwrap();
        let late = store.put(b"k", b"v").await;
        assert!(matches!(late, Err(StoreError::Closed)));
        assert!(matches!(store.flush().await, Err(StoreError::Closed)));
        assert_eq!(store.get(b"k").await.unwrap(), None);
    });
}

#[test]
fn a_long_log_is_replayed_into_several_memtables() {
    block_on(async {
        let disk = MemDisk::new();
        let engine = Options {
            memtable_bytes: 1 << 20,
            ..Options::test_min()
        };
        let options = StoreOptions {
            sync: SyncMode::None,
            engine,
            ..StoreOptions::default()
        };
        let mut count = 0_u64;
        for _ in 0..3 {
            let opened = Store::open(Arc::new(disk.clone()), "db", options.clone()).await;
            let store = opened.unwrap();
            for _ in 0..200 {
                count += 1;
                store.put(&count.to_be_bytes(), &[7; 60]).await.unwrap();
            }
        }
        assert_eq!(segments(&disk).await.len(), 3);
        // The memtables are smaller now.
        let replayed = open(&disk, SyncMode::None).await.unwrap();
        let engine = replayed.stats().engine;
        assert_eq!(engine.frozen + engine.num_sstables, 2);
        assert_eq!(all(&replayed).await.len() as u64, count);
    });
}
