//! Tables against a sorted list of versions.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use proptest::{collection::btree_map, option, prelude::*};

use super::{
    super::{
        entry::{Entry, Seq},
        memtable::Hit,
        options::Options,
    },
    *,
};
use crate::env::{Disk, MemDisk, task::block_on};

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

/// Writes a table to an empty disk.
async fn build(versions: &Versions) -> (MemDisk, TableInfo) {
    let disk = MemDisk::new();
    let file = disk.create("000000000001.table").await.expect("a file");
    let mut builder = TableBuilder::new(1, file, &Options::test_min());
    for ((key, seq), value) in versions {
        let (seq, value) = (seq.0, value.as_deref());
        builder.add(Entry { key, seq, value });
        builder.drain().await.expect("a write");
    }
    let info = builder.finish().await.expect("a table");
    (disk, info)
}

async fn open(disk: &MemDisk, info: TableInfo) -> Arc<Table> {
    let table = Table::open(disk, "", info).await;
    Arc::new(table.expect("a table that opens"))
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

proptest! {
    #[test]
    fn a_table_gives_back_what_was_added(
        versions in versions(),
        probes in prop::collection::vec(("[ab]{0,7}", 0_u64..10), 30),
    ) {
        block_on(async {
            let (disk, info) = build(&versions).await;
            let table = open(&disk, info).await;
            let first = TableCursor::first(&table).await.expect("a cursor");
            assert_eq!(rest(&table, first).await, versions);
            for (key, at) in probes {
                let key = key.into_bytes();
                let behind = || versions.range((key.clone(), Reverse(at))..);
                let cursor = TableCursor::seek(&table, &key, at).await.expect("a cursor");
                let expected: Versions =
                    behind().map(|(key, value)| (key.clone(), value.clone())).collect();
                assert_eq!(rest(&table, cursor).await, expected);
                let hit: Option<Hit> = behind()
                    .next()
                    .filter(|((found, _), _)| *found == key)
                    .map(|((_, seq), value)| (seq.0, value.clone().map(Bytes::from)));
                assert_eq!(table.get(&key, at).await.expect("a read"), hit);
            }
        });
    }
}
