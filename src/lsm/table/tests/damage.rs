//! Damage of a table's file, and files that are not tables.

use super::*;

/// A table of a few blocks, some of which can be compressed.
fn sample() -> Versions {
    let version = |key: u8| {
        let value = match key % 3 {
            0 => None,
            1 => Some(vec![key; 90]),
            _ => Some((0..30_u8).map(|n| n.wrapping_mul(key)).collect()),
        };
        ((vec![b'k', key], Reverse(u64::from(key) + 1)), value)
    };
    (0..40).map(version).collect()
}

/// Reads everything in every way.
async fn read_all(table: &Table) -> Result<Versions, LsmError> {
    let mut all = Versions::new();
    for (key, _) in sample().into_keys() {
        if let Some((seq, value)) = table.get(&key, 99).await? {
            let value = value.map(|value| value.to_vec());
            all.insert((key, Reverse(seq)), value);
        }
    }
    let first = TableCursor::first(table, Caching::Pass).await?;
    assert_eq!(rest(table, first).await, all);
    Ok(all)
}

#[test]
fn a_flipped_bit_anywhere_is_reported_with_file_and_offset() {
    block_on(async {
        for level in 0..3 {
            let (disk, info) = build(&sample(), level).await;
            let whole = read_all(&table(&disk, info.clone())).await;
            assert_eq!(whole.expect("a good table"), sample());
            for offset in 0..info.bytes {
                let damaged = disk.restart_keeping_unsynced();
                damaged.flip_bit("000000000001.table", offset as usize);
                let read = read_all(&table(&damaged, info.clone())).await;
                match read.expect_err("damage is noticed") {
                    LsmError::Corrupt { file, offset, .. } => {
                        assert_eq!(file, "000000000001.table");
                        assert!(offset <= info.bytes, "{offset}");
                    }
                    LsmError::Version { file, .. } => assert_eq!(file, "000000000001.table"),
                    other => panic!("level {level}, bit at {offset}: {other}"),
                }
            }
        }
    });
}

#[test]
fn a_table_that_is_not_what_the_manifest_knows_is_refused() {
    block_on(async {
        let (disk, info) = build(&sample(), 0).await;
        let mut other = [info.clone(), info.clone(), info.clone(), info];
        other[1].properties.entries += 1;
        other[2].properties.end = Bytes::from_static(b"m");
        other[3].bytes += 1;
        for (number, info) in other.into_iter().enumerate() {
            let read = table(&disk, info).get(&[b'k', 1], 99).await;
            assert_eq!(read.is_ok(), number == 0, "{number}");
        }
    });
}

/// A file with these bytes is no table that could be read.
fn assert_refused(bytes: &[u8]) {
    block_on(async {
        let disk = MemDisk::new();
        let file = disk.create("000000000001.table").await.expect("a file");
        file.append(bytes).await.expect("an append");
        let properties = Properties::default();
        let info = TableInfo {
            id: 1,
            bytes: bytes.len() as u64,
            properties,
        };
        assert!(table(&disk, info).get(b"key", 9).await.is_err());
    });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, offset: u64) {
        let bytes = Bytes::from(bytes);
        let _ = format::Properties::decode(bytes.clone());
        let _ = format::Footer::decode(bytes.clone());
        let _ = format::unseal(&bytes, 1, offset);
        assert_refused(&bytes);
    }

    #[test]
    fn a_footer_with_any_numbers_and_a_good_checksum_is_read_or_refused(
        filter_offset: u64,
        lengths: [u32; 4],
        small in any::<bool>(),
    ) {
        let shrink = |length: u32| if small { length % 64 } else { length };
        let [filter_length, properties_length, index_length, tombstones_length] = lengths.map(shrink);
        let filter_offset = if small { filter_offset % 64 } else { filter_offset };
        let footer = format::Footer {
            filter_offset,
            filter_length,
            properties_length,
            index_length,
            tombstones_length,
            id: 1,
        };
        let bytes = [vec![0; footer.tail_bytes().min(300) as usize], footer.encode()].concat();
        assert_refused(&bytes);
    }

    #[test]
    fn an_index_of_any_entries_is_read_or_refused(
        entries in btree_map(
            ("[ab]{0,12}".prop_map(String::into_bytes), (0_u64..3).prop_map(Reverse)),
            prop_oneof![3 => (5_u64..200).prop_map(|length| {
                let mut value = Vec::new();
                put_varint(&mut value, length);
                value
            }), 1 => prop::collection::vec(any::<u8>(), 0..4)],
            1..20,
        ),
        restart_interval in prop_oneof![4 => Just(1_usize), 1 => Just(2_usize)],
        is_whole in prop::bool::weighted(0.9),
        probes in prop::collection::vec(("[ab]{0,13}", 0_u64..4), 20),
    ) {
        let mut builder = BlockBuilder::new(restart_interval);
        for ((key, seq), value) in &entries {
            builder.add(Entry { key, seq: seq.0, value: Some(value) });
        }
        let mut payload = Vec::new();
        builder.finish(&mut payload);
        let lengths = entries.values().map(|value| match split_varint(value) {
            Some((length, [])) if length >= 5 => Some(length),
            _ => None,
        });
        let total: Option<u64> = lengths.clone().sum();
        let data_bytes = total.unwrap_or(100) + u64::from(!is_whole);
        let index = index::Index::decode(payload.into(), data_bytes);
        let is_good = total.is_some() && is_whole && (restart_interval == 1 || entries.len() == 1);
        prop_assert_eq!(index.is_ok(), is_good);
        if let Ok(index) = index {
            for (key, seq) in probes {
                let target = (key.into_bytes(), Reverse(seq));
                let slot = entries.range(..target.clone()).count();
                prop_assert_eq!(index.find(&target.0, seq).expect("a search"), slot);
                let offset: u64 = lengths.clone().take(slot).flatten().sum();
                let handle = index.handle(slot);
                prop_assert_eq!(handle.map(|handle| handle.offset), (slot < entries.len()).then_some(offset));
            }
        }
    }
}
