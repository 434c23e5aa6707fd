//! Who fills the cache and keeps files open, and who does not.

use std::{ops::Bound, sync::Arc};

use super::{
    super::*,
    model::{all_of, listed, note},
};
use crate::env::{
    Disk, MemDisk,
    task::{block_on, yield_now},
};

const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

/// Room for everything.
async fn open(disk: &MemDisk) -> Db {
    let options = Options {
        cache_bytes: 1 << 20,
        open_files_max: 1000,
        ..Options::test_min()
    };
    let db = Db::open(Arc::new(disk.clone()), "db", options).await;
    db.expect("a database")
}

/// A database of many small tables, which no reader has looked at.
async fn compacted(disk: &MemDisk) -> Db {
    let db = open(disk).await;
    for seq in 1..=9_u64 {
        let mut batch = Batch::new();
        (0..200_u64).for_each(|number| batch.put(&(9 * number + seq).to_be_bytes(), seq, &[7; 40]));
        db.write(&batch);
        db.freeze(note(seq)).await.expect("a freeze");
    }
    db.settle().await.expect("compactions");
    assert!(db.stats().compactions > 0 && db.stats().num_sstables > 30);
    db
}

#[test]
fn a_table_that_is_gone_is_not_kept_open() {
    block_on(async {
        let disk = MemDisk::new();
        let db = compacted(&disk).await;
        let stats = db.stats();
        while disk.list("db").await.expect("a listing").len() as u64 > stats.num_sstables + 1 {
            yield_now().await;
        }
        let (files, tables) = (db.stats().open_files, stats.num_sstables);
        assert!(files <= tables, "{files} files of {tables} tables");
    });
}

#[test]
fn blocks_of_a_table_that_is_gone_leave_the_cache_with_it() {
    block_on(async {
        let disk = MemDisk::new();
        let db = compacted(&disk).await;
        all_of(db.range(ALL, SEQ_MAX)).await.expect("all keys");
        let filled = db.stats().cache_bytes;
        assert!(filled > 0);
        let mut batch = Batch::new();
        batch.delete_range(b"", &[0xff; 4], SEQ_MAX - 1);
        db.write(&batch);
        db.set_floor(SEQ_MAX - 1);
        db.freeze(note(11)).await.expect("a freeze");
        db.settle().await.expect("compactions");
        while disk.list("db").await.expect("a listing").len() > 2 {
            yield_now().await;
        }
        assert_eq!(db.stats().cache_bytes, 0, "of {filled}");
    });
}

#[test]
fn compactions_and_snapshots_leave_no_blocks_in_the_cache_and_long_ranges_few() {
    block_on(async {
        let disk = MemDisk::new();
        let db = compacted(&disk).await;
        assert_eq!(db.stats().cache_bytes, 0);
        let snapshot = db.snapshot(note(10)).await.expect("a snapshot");
        assert_eq!(listed(&snapshot).await.expect("all versions").len(), 1800);
        assert_eq!(db.stats().cache_bytes, 0);
        for is_reversed in [false, true] {
            let db = open(&disk.restart()).await;
            let range = db.range(ALL, SEQ_MAX);
            let range = match is_reversed {
                true => range.reversed(),
                false => range,
            };
            assert_eq!(all_of(range).await.expect("all keys").len(), 1800);
            // Of each level about the first table, where everything would be some 200 KiB.
            let filled = db.stats().cache_bytes;
            assert!(filled > 0 && filled < 64 << 10, "{filled} bytes");
        }
    });
}
