//! Versions and range tombstones, cut into tables and put together again.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*};

use super::{
    super::{
        entry::Seq,
        garbage::Garbage,
        options::Options,
        table::{Caching, TableCursor},
    },
    *,
};
use crate::{
    env::{
        MemDisk,
        task::{block_on, watch},
    },
    rng::Rng,
};

type Versions = BTreeMap<(Vec<u8>, Reverse<Seq>), Vec<u8>>;

fn files() -> Arc<Files> {
    let garbage = Arc::new(Garbage::new(watch::Sender::new(())));
    let disk = Arc::new(MemDisk::new());
    Arc::new(Files::new(disk, "", Options::test_min(), 1, garbage))
}

fn tombstones(ranges: &[(String, String, Seq)]) -> RangeTombstones {
    let ranges = ranges.iter().filter(|(start, end, _)| start < end);
    let ones: Vec<_> = ranges
        .map(|(start, end, seq)| RangeTombstones::one(start.as_bytes(), end.as_bytes(), *seq))
        .collect();
    RangeTombstones::merge(&ones)
}

async fn write(versions: &Versions, tombstones: &RangeTombstones) -> Vec<Arc<LiveTable>> {
    let mut outputs = Outputs::new(files(), 1, 150);
    outputs.cover(tombstones.clone());
    for ((key, Reverse(seq)), value) in versions {
        let (seq, value) = (*seq, Some(value.as_slice()));
        let added = outputs.add(Entry { key, seq, value }).await;
        added.expect("a version");
    }
    outputs.finish().await.expect("tables")
}

async fn read(table: &LiveTable) -> Versions {
    let mut versions = Versions::new();
    let mut cursor = TableCursor::first(table, Caching::Pass)
        .await
        .expect("a cursor");
    while let Some(entry) = cursor.entry() {
        let value = entry.value.expect("a value").to_vec();
        versions.insert((entry.key.to_vec(), Reverse(entry.seq)), value);
        if !cursor.step(table).expect("a step") {
            cursor.next_block(table).await.expect("a block");
        }
    }
    versions
}

proptest! {
    #[test]
    fn each_table_has_all_there_is_of_the_keys_within_its_bounds(
        versions in vec(("[a-d]{0,3}", 1_u64..4, 0_usize..60), 0..40),
        ranges in vec(("[a-d]{0,3}", "[a-d]{0,3}", 1_u64..9), 0..20),
    ) {
        let versions: Versions = versions
            .into_iter()
            .map(|(key, seq, length)| ((key.into_bytes(), Reverse(seq)), vec![7; length]))
            .collect();
        let tombstones = tombstones(&ranges);
        block_on(async {
            let tables = write(&versions, &tombstones).await;
            assert_eq!(tables.is_empty(), versions.is_empty() && tombstones.is_empty());
            let (mut found, mut sets) = (Versions::new(), Vec::new());
            let mut end = Vec::new();
            for table in &tables {
                let properties = &table.info().properties;
                assert!(end <= properties.smallest && properties.smallest < properties.end);
                end = properties.end.to_vec();
                let (inside, set) = (read(table).await, table.tombstones().await.expect("a set"));
                let (first, last) = (inside.first_key_value(), inside.last_key_value());
                assert!(first.is_none_or(|((key, _), _)| *key >= properties.smallest));
                assert!(last.is_none_or(|((key, _), _)| *key < end));
                let fragments = set.fragments();
                assert!(fragments.first().is_none_or(|first| first.start >= properties.smallest));
                assert!(fragments.last().is_none_or(|last| last.end <= properties.end));
                let seqs = inside.keys().map(|(_, seq)| seq.0);
                let seqs: Vec<_> = seqs.chain(fragments.iter().flat_map(|next| next.seqs.clone())).collect();
                assert_eq!(seqs.iter().min(), Some(&properties.seq_min));
                assert_eq!(seqs.iter().max(), Some(&properties.seq_max));
                assert_eq!(fragments.len() as u64, properties.range_tombstones);
                found.extend(inside);
                sets.push(set);
            }
            assert_eq!(found, versions);
            assert_eq!(RangeTombstones::merge(sets.iter().map(Arc::as_ref)), tombstones);
        });
    }
}

#[test]
fn a_table_ends_where_the_next_one_begins_and_range_tombstones_are_cut_there() {
    block_on(async {
        let mut versions = Versions::new();
        let mut rng = Rng::new(1);
        for key in ["b", "d", "f"] {
            // Nothing that could be compressed.
            let value = (0..200).map(|_| rng.below(256) as u8).collect();
            versions.insert((key.into(), Reverse(1)), value);
        }
        let ranges = [("a".to_owned(), "z".to_owned(), 5)];
        let tables = write(&versions, &tombstones(&ranges)).await;
        let bounds: Vec<_> = tables
            .iter()
            .map(|table| &table.info().properties)
            .map(|properties| (&properties.smallest[..], &properties.end[..]))
            .collect();
        assert_eq!(bounds, [(&b"a"[..], &b"d"[..]), (b"d", b"f"), (b"f", b"z")]);
    });
}

#[test]
fn many_range_tombstones_without_any_version_fill_several_tables() {
    block_on(async {
        let range = |number: u64| (format!("{number:03}"), format!("{:03}", number + 1), number);
        let ranges: Vec<_> = (1..100).map(range).collect();
        let tables = write(&Versions::new(), &tombstones(&ranges)).await;
        assert!(tables.len() > 10, "{} tables", tables.len());
        assert!(
            tables
                .iter()
                .all(|table| table.info().properties.entries == 0)
        );
    });
}
