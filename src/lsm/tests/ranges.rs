//! Ranges that are deleted at once.

use std::{ops::Bound, sync::Arc};

use super::{
    super::*,
    model::{Model, assert_agrees, listed, note, seen_all},
};
use crate::env::{MemDisk, task::block_on};

async fn open(disk: &MemDisk) -> Db {
    let db = Db::open(Arc::new(disk.clone()), "db", Options::test_min()).await;
    db.expect("a database")
}

fn key(number: u64) -> Vec<u8> {
    format!("key {number:04}").into_bytes()
}

/// The database and its twin.
struct Pair {
    db: Db,
    model: Model,
}

impl Pair {
    fn put(&mut self, keys: impl IntoIterator<Item = u64>, seq: Seq) {
        let mut batch = Batch::new();
        for number in keys {
            batch.put(&key(number), seq, &[7; 50]);
            self.model.write(&key(number), seq, Some(&[7; 50]));
        }
        self.db.write(&batch);
    }

    fn delete(&mut self, keys: std::ops::Range<u64>, seq: Seq) {
        let mut batch = Batch::new();
        batch.delete_range(&key(keys.start), &key(keys.end), seq);
        self.model
            .delete_range(&key(keys.start), &key(keys.end), seq);
        self.db.write(&batch);
    }

    async fn freeze(&self) {
        self.db.freeze(note(0)).await.expect("a freeze");
    }

    async fn settle(&self) {
        self.freeze().await;
        self.db.settle().await.expect("compactions");
    }

    async fn assert_agrees(&self, at: Seq) {
        assert_agrees(&self.db, &self.model, at).await;
    }
}

async fn pair(disk: &MemDisk) -> Pair {
    Pair {
        db: open(disk).await,
        model: Model::default(),
    }
}

#[test]
fn versions_of_the_range_s_own_number_stay_wherever_they_are() {
    block_on(async {
        let mut pair = pair(&MemDisk::new()).await;
        pair.put([1, 2, 3], 4);
        pair.put([2], 5);
        // An older memtable, then the very same one, and one behind the delete.
        pair.freeze().await;
        pair.put([3], 5);
        pair.delete(0..9, 5);
        pair.put([4], 5);
        let own = |number| (key(number), 5, Some(vec![7; 50]));
        for _ in 0..3 {
            pair.assert_agrees(5).await;
            pair.assert_agrees(4).await;
            let seen = seen_all(&pair.db, 5).await.expect("a range");
            assert_eq!(seen, [own(2), own(3), own(4)]);
            pair.settle().await;
        }
    });
}

#[test]
fn who_began_before_sees_what_there_was_and_older_numbers_stay_readable() {
    block_on(async {
        let mut pair = pair(&MemDisk::new()).await;
        pair.put(0..50, 1);
        let snapshot = pair.db.snapshot(note(1)).await.expect("a snapshot");
        let before = pair.model.listed();
        let mut range = pair.db.range((Bound::Unbounded, Bound::Unbounded), 1);
        range.next().await.expect("a read").expect("a first key");
        pair.delete(10..40, 2);
        for seq in 3..9 {
            pair.put([60 + seq], seq);
            pair.settle().await;
        }
        pair.assert_agrees(1).await;
        pair.assert_agrees(2).await;
        assert_eq!(listed(&snapshot).await.expect("entries"), before);
        let mut count = 1;
        while range.next().await.expect("a read").is_some() {
            count += 1;
        }
        assert_eq!(count, 50);
        // Afterwards the floor may hide it from everybody.
        pair.db.set_floor(8);
        for seq in 9..15 {
            pair.put([60 + seq], seq);
            pair.settle().await;
        }
        pair.assert_agrees(8).await;
        assert_eq!(listed(&snapshot).await.expect("entries"), before);
    });
}

#[test]
fn a_range_gives_its_space_back_and_its_tombstone_goes() {
    block_on(async {
        let mut pair = pair(&MemDisk::new()).await;
        for seq in 1..=20 {
            pair.put(seq * 20..seq * 20 + 20, seq);
            pair.settle().await;
        }
        let full: u64 = pair.db.stats().level_bytes.iter().sum();
        pair.delete(0..1000, 21);
        pair.db.set_floor(30);
        for seq in 22..=30 {
            pair.put([2000], seq);
            pair.settle().await;
        }
        pair.assert_agrees(30).await;
        let left: u64 = pair.db.stats().level_bytes.iter().sum();
        assert!(10 * left < full, "{left} of {full} bytes are left");
        assert_eq!(pair.db.stats().table_range_tombstones, 0);
        let current = seen_all(&pair.db, 30).await.expect("a range");
        assert_eq!(current.len(), 1);
    });
}

#[test]
fn a_flush_of_range_tombstones_alone_is_a_table_and_found_again() {
    block_on(async {
        let disk = MemDisk::new();
        let mut pair = pair(&disk).await;
        pair.put(0..60, 1);
        pair.settle().await;
        let before = pair.db.stats().tables.iter().sum::<u64>();
        for seq in 2..=3 {
            pair.delete(seq * 10..seq * 10 + 15, seq);
            pair.freeze().await;
        }
        pair.db.flush().await.expect("a flush");
        assert_eq!(pair.db.stats().tables.iter().sum::<u64>(), before + 2);
        pair.db = open(&disk.restart()).await;
        for at in 1..=3 {
            pair.assert_agrees(at).await;
        }
        pair.delete(0..5, 4);
        pair.settle().await;
        for at in 1..=4 {
            pair.assert_agrees(at).await;
        }
    });
}

#[test]
fn a_memtable_full_of_ranges_wants_to_be_frozen() {
    block_on(async {
        let mut pair = pair(&MemDisk::new()).await;
        assert!(!pair.db.wants_freeze());
        (0..40).for_each(|number| pair.delete(number..number + 1, 1 + number));
        assert!(pair.db.wants_freeze());
        assert!(pair.db.stats().memtable_bytes > 2 << 10);
    });
}
