//! Stalls, failures, pins and ingestion.

use std::{
    future::Future,
    ops::Bound,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    super::*,
    model::{Model, assert_agrees, listed, noise, note, number},
};
use crate::env::{Disk, MemDisk, task::block_on};

async fn open(disk: &MemDisk) -> Db {
    let db = Db::open(Arc::new(disk.clone()), "db", Options::test_min()).await;
    db.expect("a database")
}

fn write(db: &Db, model: &mut Model, seq: Seq, keys: impl IntoIterator<Item = u64>) {
    let mut batch = Batch::new();
    for key in keys {
        let (key, value) = (format!("key {key:03}"), seq.to_be_bytes());
        batch.put(key.as_bytes(), seq, &value);
        model.write(key.as_bytes(), seq, Some(&value));
    }
    db.write(&batch);
}

/// Polls once, without letting other tasks run.
fn is_ready(future: impl Future) -> bool {
    let future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    matches!(future.poll(&mut context), Poll::Ready(_))
}

async fn tables(disk: &MemDisk) -> Vec<String> {
    let mut names = disk.list("db").await.expect("a listing");
    names.retain(|name| name.ends_with(".table"));
    names
}

#[test]
fn freezing_waits_while_too_many_memtables_wait_and_counts_it() {
    block_on(async {
        let db = open(&MemDisk::new()).await;
        let mut model = Model::default();
        for seq in 1..=2 {
            write(&db, &mut model, seq, [seq]);
            assert!(is_ready(db.freeze(note(seq))));
        }
        assert_eq!((db.stats().frozen, db.stats().stalls), (2, 0));
        write(&db, &mut model, 3, [3]);
        assert!(!is_ready(db.freeze(note(3))), "there is no room");
        assert_eq!(db.stats().stalls, 1);
        // Given the chance the flushes make room; the attempt above was given up.
        db.freeze(note(3)).await.expect("a freeze");
        db.flush().await.expect("a flush");
        assert_eq!(number(&db.note()), 3);
        assert_agrees(&db, &model, 3).await;
    });
}

#[test]
fn notes_become_durable_in_their_order_also_without_writes() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk).await;
        let mut notes = db.durable_note();
        for seq in 1..=9 {
            db.freeze(note(seq)).await.expect("a freeze");
        }
        let mut last = 0;
        while last < 9 {
            notes.changed().await.expect("a note");
            let now = number(&notes.borrow_and_update());
            assert!(now > last, "{now} after {last}");
            last = now;
        }
        assert!(tables(&disk).await.is_empty());
        assert_eq!(open(&disk.restart()).await.note(), note(9));
    });
}

#[test]
fn after_a_failure_everything_stays_readable_and_nothing_is_acknowledged() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk).await;
        let mut model = Model::default();
        write(&db, &mut model, 1, 0..5);
        db.freeze(note(1)).await.expect("a freeze");
        db.flush().await.expect("a flush");
        let before = model.clone();
        disk.stop_after(disk.operations() + 2);
        write(&db, &mut model, 2, 5..9);
        db.freeze(note(2)).await.expect("a freeze");
        assert!(db.flush().await.is_err());
        assert!(db.error().is_some());
        assert!(db.freeze(note(3)).await.is_err());
        assert!(db.settle().await.is_err());
        assert!(db.snapshot(note(3)).await.is_err());
        assert!(db.ingest().await.finish(note(3)).await.is_err());
        assert_eq!(number(&db.note()), 1);
        // This disk answers no reads either, but what is in memory needs none.
        let found = db.get(b"key 007", 2).await.expect("a read");
        assert_eq!(found.map(|found| found.seq), Some(2));
        let db = open(&disk.restart()).await;
        assert_eq!(number(&db.note()), 1);
        assert_agrees(&db, &before, 1).await;
    });
}

#[test]
fn readers_and_snapshots_keep_their_files_until_they_end() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk).await;
        let mut model = Model::default();
        write(&db, &mut model, 1, 0..40);
        let snapshot = db.snapshot(note(1)).await.expect("a snapshot");
        db.flush().await.expect("a flush");
        let mut range = db.range((Bound::Unbounded, Bound::Unbounded), 1);
        range.next().await.expect("a read").expect("a first key");
        let before = model.clone();
        let old = tables(&disk).await;
        for seq in 2..=9 {
            write(&db, &mut model, seq, 0..40);
            db.set_floor(seq);
            db.freeze(note(seq)).await.expect("a freeze");
        }
        db.settle().await.expect("compactions");
        let after = tables(&disk).await;
        assert!(
            old.iter().all(|name| after.contains(name)),
            "{old:?} in {after:?}"
        );
        assert_eq!(listed(&snapshot).await.expect("entries"), before.listed());
        let mut count = 1;
        while let Some((_, found)) = range.next().await.expect("a read") {
            assert_eq!(found.seq, 1);
            count += 1;
        }
        assert_eq!(count, 40);
        assert_agrees(&db, &model, 9).await;

        drop((snapshot, range));
        // The collector runs with the next change, here the arrival of the garbage.
        db.freeze(note(9)).await.expect("a freeze");
        db.settle().await.expect("a flush");
        let kept = tables(&disk).await;
        assert!(
            old.iter().all(|name| !kept.contains(name)),
            "{old:?} in {kept:?}"
        );
        assert_eq!(kept.len() as u64, db.stats().tables.iter().sum::<u64>());
    });
}

#[test]
fn an_ingestion_replaces_what_is_being_flushed_and_compacted() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk).await;
        let mut model = Model::default();
        for seq in 1..=5 {
            write(&db, &mut model, seq, 0..30);
            db.freeze(note(seq)).await.expect("a freeze");
        }
        write(&db, &mut model, 6, 0..3);
        assert!(db.stats().frozen > 0);
        let mut ingest = db.ingest().await;
        let mut model = Model::default();
        for key in [b"a", b"b"] {
            ingest.add(key, 4, Some(b"new")).await.expect("a version");
            model.write(key, 4, Some(b"new"));
        }
        ingest.finish(note(100)).await.expect("an ingestion");
        assert_eq!(number(&db.note()), 100);
        db.settle().await.expect("nothing to do");
        assert_eq!(number(&db.note()), 100);
        assert_agrees(&db, &model, 9).await;
        write(&db, &mut model, 7, 0..3);
        assert_agrees(&db, &model, 9).await;
        db.freeze(note(101)).await.expect("a freeze");
        db.settle().await.expect("a flush");
        let db = open(&disk.restart()).await;
        assert_eq!(number(&db.note()), 101);
        assert_agrees(&db, &model, 9).await;
    });
}

#[test]
fn what_is_ingested_must_be_in_order() {
    block_on(async {
        let db = open(&MemDisk::new()).await;
        for (key, seq) in [(&b"b"[..], 5), (b"b", 6), (b"a", 1), (b"c", u64::MAX)] {
            let mut ingest = db.ingest().await;
            ingest.add(b"b", 5, None).await.expect("a version");
            let error = ingest.add(key, seq, None).await.expect_err("an error");
            assert!(
                matches!(error, LsmError::Unordered { number: 1, .. }),
                "{error}"
            );
        }
    });
}

#[test]
fn what_a_dropped_ingestion_wrote_is_removed() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk).await;
        let mut ingest = db.ingest().await;
        for key in 0..200_u64 {
            let value = noise(key, 50);
            let added = ingest.add(&key.to_be_bytes(), 1, Some(&value)).await;
            added.expect("a version");
        }
        assert!(tables(&disk).await.len() > 5);
        drop(ingest);
        db.freeze(note(1)).await.expect("a freeze");
        db.settle().await.expect("nothing to do");
        assert!(tables(&disk).await.is_empty());
    });
}

#[test]
fn writers_are_slowed_down_before_they_must_wait() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk).await;
        let mut model = Model::default();
        write(&db, &mut model, 1, 0..9);
        db.hold_back().await;
        assert_eq!(db.stats().slowdowns, 0);
        // Nothing can be flushed: the second memtable is the last for which there is room.
        disk.fill_after(disk.operations());
        for seq in 2..=3 {
            write(&db, &mut model, seq, 0..9);
            db.freeze(note(seq)).await.expect("room in memory");
        }
        let mut seq = 3;
        while db.stats().slowdowns < 3 {
            seq += 1;
            assert!(seq < 10_000, "{:?}", db.stats());
            write(&db, &mut model, seq, 0..9);
            db.hold_back().await;
        }
        let slowed = db.stats().slowed;
        assert_eq!(slowed.times(), slowed.memtables);
        assert!(slowed.us >= 3_000, "{slowed:?}");
        disk.make_room();
        db.flush().await.expect("a flush");
        db.hold_back().await;
        assert_eq!(db.stats().slowdowns, slowed.times());
        assert_agrees(&db, &model, seq).await;
    });
}

#[test]
fn the_state_in_numbers_has_the_names_that_people_know() {
    block_on(async {
        let db = open(&MemDisk::new()).await;
        let mut model = Model::default();
        for seq in 1..=9 {
            write(&db, &mut model, seq, 0..40);
            db.set_floor(seq);
            db.freeze(note(seq)).await.expect("a freeze");
        }
        db.settle().await.expect("compactions");
        assert_agrees(&db, &model, 9).await;
        let stats = db.stats();
        let shown = serde_json::to_value(&stats).expect("JSON");
        assert_eq!(shown["memtable_size"], stats.memtable_bytes);
        assert_eq!(shown["num_sstables"], stats.tables.iter().sum::<u64>());
        let written = stats.flush_bytes + stats.compaction_bytes;
        let amplification = written * 1000 / stats.user_bytes;
        assert_eq!(stats.write_amplification_permille, amplification);
        assert!(stats.compactions > 0 && stats.compaction_read_bytes > 0);
        // Nine times the same keys: what is not merged yet is there several times.
        let space = stats.space_amplification_permille;
        assert!((1000..5000).contains(&space), "{stats:?}");
        let read = stats.read_amplification_permille;
        assert!((1..4000).contains(&read), "{stats:?}");
    });
}
