//! Tables against a sorted list of versions.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use proptest::{collection::btree_map, option, prelude::*};

use super::{
    super::{
        block::BlockBuilder,
        entry::{Entry, Seq},
        error::LsmError,
        memtable::Hit,
        options::Options,
        tombstones::RangeTombstones,
    },
    *,
};
use crate::{
    codec::{put_varint, split_varint},
    env::{Disk, MemDisk, task::block_on},
};

mod damage;
mod sharing;

type Versions = BTreeMap<(Vec<u8>, Reverse<Seq>), Option<Vec<u8>>>;

fn versions() -> impl Strategy<Value = Versions> {
    let key = prop_oneof![9 => "[ab]{0,6}", 1 => "[ab]{100,200}"];
    let length = prop_oneof![9 => 0_usize..30, 1 => 100_usize..500];
    let value = length.prop_map(|length| vec![b'v'; length]);
    btree_map(
        (
            key.prop_map(String::into_bytes),
            (1_u64..9).prop_map(Reverse),
        ),
        option::weighted(0.8, value),
        1..150,
    )
}

/// Writes a table to an empty disk, compressed as those of a level.
async fn build(versions: &Versions, level: usize) -> (MemDisk, TableInfo) {
    let disk = MemDisk::new();
    let file = disk.create("000000000001.table").await.expect("a file");
    let mut builder = TableBuilder::new(1, file, level, &Options::test_min());
    for ((key, seq), value) in versions {
        let (seq, value) = (seq.0, value.as_deref());
        builder.add(Entry { key, seq, value });
        builder.drain().await.expect("a write");
    }
    let info = builder.finish().await.expect("a table");
    (disk, info)
}

fn table(disk: &MemDisk, info: TableInfo) -> Table {
    let access = Access::new(Arc::new(disk.clone()), "", &Options::test_min());
    Table::new(Arc::new(access), info)
}

/// All versions from the cursor on.
async fn rest(table: &Table, mut cursor: TableCursor) -> Versions {
    let mut rest = Versions::new();
    while let Some(entry) = cursor.entry() {
        let version = (entry.key.to_vec(), Reverse(entry.seq));
        assert!(
            rest.last_key_value()
                .is_none_or(|(last, _)| *last < version)
        );
        rest.insert(version, cursor.value().map(|value| value.to_vec()));
        if !cursor.step(table).expect("a step") {
            cursor.next_block(table).await.expect("a block");
        }
    }
    rest
}

/// All versions from the cursor on, backwards.
async fn rest_back(table: &Table, mut cursor: TableBackCursor) -> Versions {
    let mut rest = Versions::new();
    while let Some(entry) = cursor.entry() {
        let version = (entry.key.to_vec(), Reverse(entry.seq));
        assert!(
            rest.first_key_value()
                .is_none_or(|(first, _)| *first > version)
        );
        rest.insert(version, cursor.value().map(|value| value.to_vec()));
        if !cursor.step(table).expect("a step") {
            cursor.previous_block(table).await.expect("a block");
        }
    }
    rest
}

proptest! {
    #[test]
    fn a_table_gives_back_what_was_added(
        versions in versions(),
        level in 0_usize..4,
        probes in prop::collection::vec(("[ab]{0,7}", 0_u64..10), 30),
    ) {
        block_on(async {
            let (disk, info) = build(&versions, level).await;
            let table = table(&disk, info);
            let first = TableCursor::first(&table, Caching::Pass).await.expect("a cursor");
            assert_eq!(rest(&table, first).await, versions);
            let last = TableBackCursor::last(&table, Caching::Pass).await.expect("a cursor");
            assert_eq!(rest_back(&table, last).await, versions);
            for (key, at) in probes {
                let key = key.into_bytes();
                let behind = || versions.range((key.clone(), Reverse(at))..);
                let cursor = TableCursor::seek(&table, &key, at, Caching::Fill).await;
                let cursor = cursor.expect("a cursor");
                let expected: Versions =
                    behind().map(|(key, value)| (key.clone(), value.clone())).collect();
                assert_eq!(rest(&table, cursor).await, expected);
                let cursor = TableBackCursor::before(&table, &key, at, Caching::Fill).await;
                let rest = rest_back(&table, cursor.expect("a cursor")).await;
                let before = versions.range(..(key.clone(), Reverse(at)));
                let expected: Versions =
                    before.map(|(key, value)| (key.clone(), value.clone())).collect();
                assert_eq!(rest, expected);
                let hit: Option<Hit> = behind()
                    .next()
                    .filter(|((found, _), _)| *found == key)
                    .map(|((_, seq), value)| (seq.0, value.clone().map(Bytes::from)));
                assert_eq!(table.get(&key, at).await.expect("a read"), hit);
            }
        });
    }
}

#[test]
fn a_value_that_fills_a_block_has_one_of_its_own() {
    block_on(async {
        let mut versions = Versions::new();
        for key in 0..10_u8 {
            let length = if key == 5 { 1000 } else { 3 };
            versions.insert((vec![key], Reverse(1)), Some(vec![key; length]));
        }
        let (disk, info) = build(&versions, 0).await;
        let table = table(&disk, info);
        let index = &table.tail().await.expect("a table that opens").index;
        let handles = (0..index.len()).filter_map(|slot| index.handle(slot));
        let lengths: Vec<_> = handles.map(|handle| handle.length).collect();
        // Five small entries, the big one, four small ones.
        let small = |entries: u64| entries * (4 + 1 + 3) + entries.div_ceil(4) * 8 + 8 + 5;
        assert_eq!(lengths, [small(5), 1000 + 1 + 5 + 8 + 8 + 5, small(4)]);
    });
}

#[test]
fn a_key_that_the_filter_denies_costs_no_read() {
    block_on(async {
        let version = |key: u64| ((key.to_be_bytes().to_vec(), Reverse(5)), Some(vec![]));
        let versions = (0..10_000).map(|key| version(2 * key)).collect();
        let (disk, info) = build(&versions, 0).await;
        let table = table(&disk, info);
        table.tail().await.expect("a table that opens");
        // From here on every read fails.
        disk.stop_after(0);
        disk.create("x").await.err().expect("a stopped disk");
        let mut passed = 0;
        for key in (0..10_000).map(|key| 2 * key + 1_u64) {
            passed += u64::from(table.get(&key.to_be_bytes(), 9).await.is_err());
        }
        assert!(
            (10..200).contains(&passed),
            "{passed} of 10000 passed the filter"
        );
        // Nor does a reader at a time before all versions.
        assert_eq!(
            table.get(&2_u64.to_be_bytes(), 4).await.expect("no read"),
            None
        );
    });
}

#[test]
fn the_format_is_frozen() {
    let mut versions = Versions::new();
    for key in ["", "apple", "apricot", "banana"] {
        for seq in [300, 2] {
            let value = (key != "apple").then(|| vec![seq as u8; key.len() * 7]);
            versions.insert((key.as_bytes().to_vec(), Reverse(seq)), value);
        }
    }
    let (disk, info) = block_on(build(&versions, 0));
    let bytes = disk.contents("000000000001.table");
    assert_eq!(info.bytes, bytes.len() as u64);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = concat!(
    // the data blocks
    "0000ac0201000002010005ac02006170706c65050002000007ac023261707269636f742c2c2c2c2c",
    "2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c",
    "2c2c2c2c070002320202020202020202020202020202020202020202020202020202020202020202",
    "02020202020202020202020202020202020000000000000000170000006972706100000000020000",
    "00003d30ef3e",
    "0006ac022b62616e616e612c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c2c",
    "2c2c2c2c2c2c2c2c2c2c2c2c2c0600022b0202020202020202020202020202020202020202020202",
    "020202020202020202020202020202020202020000000000000000060000000100000000af79b7f7",
    // the filter
    "06000001001002001000080004000000000008000002000000104200004002000000008800000000",
    "400000000000000000100010000004000080084000002000000084b81115",
    // the properties
    "0804020002ac02000762616e616e6100000459dc8a",
    // the index
    "0001ffffffffffffffffff010362a6010006020262616e616e61780000000000000000100000006e",
    "616e6101000000020000000079af86a0",
    // the footer
    "1e010000000000004600000015000000380000000000000001000000000000004312230f01000000",
    "7369735441424c45",
);

#[test]
fn the_format_of_range_tombstones_is_frozen() {
    let ones = [("a", "c", 300), ("b", "d", 5)];
    let ones =
        ones.map(|(start, end, seq)| RangeTombstones::one(start.as_bytes(), end.as_bytes(), seq));
    let (disk, info) = block_on(async {
        let disk = MemDisk::new();
        let file = disk.create("000000000001.table").await.expect("a file");
        let mut builder = TableBuilder::new(1, file, 0, &Options::test_min());
        let fragments = RangeTombstones::merge(&ones).into_fragments();
        fragments
            .into_iter()
            .for_each(|fragment| builder.cover(fragment));
        (disk, builder.finish().await.expect("a table"))
    });
    let bytes = disk.contents("000000000001.table");
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN_OF_TOMBSTONES);
    let table = table(&disk, info);
    let set = block_on(table.tombstones()).expect("range tombstones");
    assert_eq!(*set, RangeTombstones::merge(&ones));
    assert_eq!(block_on(table.get(b"b", 9)).expect("a read"), None);
    assert!(
        block_on(TableCursor::first(&table, Caching::Pass))
            .expect("a cursor")
            .entry()
            .is_none()
    );
}

const GOLDEN_OF_TOMBSTONES: &str = concat!(
    // the filter
    "00000fcf4cc6",
    // the properties
    "0000000305ac02016101640064c32e9d",
    // the range tombstones
    "0161016201ac020162016302ac02a702016301640105002ad0fc23",
    // the footer
    "00000000000000000600000010000000000000001b0000000100000000000000e19acbdd01000000",
    "7369735441424c45",
);
