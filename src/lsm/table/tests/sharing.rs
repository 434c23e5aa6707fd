//! What tables share: open files, and the cache of blocks.

use super::*;
use crate::lsm::block::Block;

fn many(count: u64) -> Versions {
    let version = |key: u64| ((key.to_be_bytes().to_vec(), Reverse(1)), Some(vec![7; 20]));
    (0..count).map(version).collect()
}

/// Tables of the same contents under other names, and what they share.
async fn copies(count: u64, options: &Options) -> (MemDisk, Vec<Table>) {
    let disk = MemDisk::new();
    let access = Arc::new(Access::new(Arc::new(disk.clone()), "", options));
    let mut tables = Vec::new();
    for id in 1..=count {
        let file = disk.create(&format!("{id:012}.table")).await;
        let mut builder = TableBuilder::new(id, file.expect("a file"), 0, options);
        for ((key, seq), value) in &many(50) {
            let (seq, value) = (seq.0, value.as_deref());
            builder.add(Entry { key, seq, value });
        }
        let info = builder.finish().await.expect("a table");
        tables.push(Table::new(Arc::clone(&access), info));
    }
    (disk, tables)
}

fn key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Makes every further operation of the disk fail.
async fn stop(disk: &MemDisk) {
    disk.stop_after(0);
    disk.create("x").await.err().expect("a stopped disk");
}

#[test]
fn what_was_read_once_needs_no_disk() {
    block_on(async {
        let options = Options {
            cache_bytes: 1 << 20,
            ..Options::test_min()
        };
        let (disk, tables) = copies(1, &options).await;
        let table = &tables[0];
        assert_eq!(
            table.access().counts(),
            ReadCounts::default(),
            "nothing is read yet"
        );
        for number in 0..50 {
            assert!(table.get(&key(number), 1).await.expect("a read").is_some());
        }
        let before = table.access().counts();
        stop(&disk).await;
        for number in 0..50 {
            assert!(table.get(&key(number), 1).await.expect("no read").is_some());
        }
        let after = table.access().counts();
        assert_eq!(after.cache_misses, before.cache_misses);
        assert_eq!(after.cache_hits, before.cache_hits + 50);
        assert_eq!(
            (after.filter_checks, after.filter_useful, after.filter_false),
            (100, 0, 0)
        );
    });
}

#[test]
fn without_a_cache_every_block_is_read() {
    block_on(async {
        let options = Options {
            cache_bytes: 0,
            ..Options::test_min()
        };
        let (disk, tables) = copies(1, &options).await;
        assert!(tables[0].get(&key(3), 1).await.expect("a read").is_some());
        let counts = tables[0].access().counts();
        assert_eq!((counts.cache_misses, counts.cache_bytes), (1, 0));
        stop(&disk).await;
        assert!(tables[0].get(&key(3), 1).await.is_err());
    });
}

#[test]
fn the_number_of_open_files_is_bounded_and_the_latest_stay_open() {
    block_on(async {
        let options = Options {
            open_files_max: 3,
            cache_bytes: 0,
            ..Options::test_min()
        };
        let (disk, tables) = copies(5, &options).await;
        for round in 0..3 {
            for table in &tables {
                assert!(table.get(&key(round), 1).await.expect("a read").is_some());
                assert!(table.access().counts().open_files <= 3);
            }
        }
        // The last three are open; the first of them is used again, so the second makes room.
        tables[2].get(&key(1), 1).await.expect("a read");
        tables[0].get(&key(1), 1).await.expect("a read");
        for id in 1..=5 {
            disk.remove(&format!("{id:012}.table"))
                .await
                .expect("a removal");
        }
        for (number, is_open) in [true, false, true, false, true].into_iter().enumerate() {
            let read = tables[number].get(&key(1), 1).await;
            assert_eq!(read.is_ok(), is_open, "table {number}");
        }
        let error = tables[3].get(&key(1), 1).await.expect_err("no file");
        assert!(error.to_string().contains("000000000004.table"), "{error}");
        tables[4].access().forget(vec![5]);
        assert!(tables[4].get(&key(1), 1).await.is_err());
    });
}

/// A block of about a kilobyte.
fn block() -> Block {
    let mut builder = BlockBuilder::new(16);
    builder.add(Entry {
        key: b"key",
        seq: 1,
        value: Some(&[0; 1000]),
    });
    let mut payload = Vec::new();
    builder.finish(&mut payload);
    Block::new(payload.into()).expect("a block")
}

#[test]
fn the_cache_stays_within_its_bytes_and_a_scan_does_not_drive_out_what_is_read_often() {
    let cache = cache::BlockCache::new(1 << 20, 1 << 10);
    let block = block();
    let read = |offset: u64| {
        let found = cache.get(1, offset, Caching::Fill).is_some();
        if !found {
            cache.insert(1, offset, &block);
        }
        assert!(cache.bytes() <= 1 << 20);
        found
    };
    let hot = 0..400_u64;
    for _ in 0..3 {
        hot.clone().for_each(|offset| {
            read(offset);
        });
    }
    (1000..20_000).for_each(|offset| {
        read(offset);
    });
    let kept = hot.filter(|offset| read(*offset)).count();
    assert!(kept > 350, "{kept} of 400 are still there");
    assert!(
        cache.bytes() > 900 << 10,
        "{} bytes are used",
        cache.bytes()
    );
}

#[test]
fn passing_readers_leave_no_blocks_and_long_scans_few() {
    block_on(async {
        let options = Options {
            cache_bytes: 1 << 20,
            ..Options::test_min()
        };
        let (disk, info) = build(&many(2000), 0).await;
        let access = Arc::new(Access::new(Arc::new(disk.clone()), "", &options));
        let table = Table::new(Arc::clone(&access), info);
        let first = TableCursor::first(&table, Caching::Pass)
            .await
            .expect("a cursor");
        assert_eq!(rest(&table, first).await.len(), 2000);
        let last = TableBackCursor::last(&table, Caching::Pass)
            .await
            .expect("a cursor");
        assert_eq!(rest_back(&table, last).await.len(), 2000);
        assert_eq!(access.counts().cache_bytes, 0);
        for is_back in [false, true] {
            let access = Arc::new(Access::new(Arc::new(disk.clone()), "", &options));
            let table = Table::new(Arc::clone(&access), table.info().clone());
            if is_back {
                let last = TableBackCursor::last(&table, Caching::Fill).await;
                rest_back(&table, last.expect("a cursor")).await;
            } else {
                let first = TableCursor::first(&table, Caching::Fill).await;
                rest(&table, first.expect("a cursor")).await;
            }
            let filled = access.counts().cache_bytes;
            let blocks = blocks::FILL_BLOCKS_MAX as u64;
            assert!(
                filled > 100 * blocks && filled < 400 * blocks,
                "{filled} bytes"
            );
        }
        let first = TableCursor::first(&table, Caching::Fill).await;
        rest(&table, first.expect("a cursor")).await;
        // Who passes takes what is there.
        stop(&disk).await;
        assert!(TableCursor::first(&table, Caching::Pass).await.is_ok());
    });
}
