//! What a manifest says after it was written, cut, and damaged.

use std::sync::Arc;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::{
    super::{
        error::LsmError,
        table::{Properties, TableInfo},
    },
    frame::HEADER_BYTES,
    *,
};
use crate::env::{Disk, MemDisk, task::block_on};

const PATH: &str = "manifest";

/// An edit that adds table `id` and replaces table `id - 1`.
fn edit(id: u64) -> Edit {
    let info = TableInfo {
        id,
        bytes: 1000 + id,
        properties: Properties {
            entries: 10 + id,
            smallest: Bytes::from_static(b"a"),
            end: Bytes::from_static(b"zz"),
            ..Properties::default()
        },
    };
    Edit {
        next_id: id + 1,
        note: id
            .is_multiple_of(2)
            .then(|| Bytes::copy_from_slice(&[id as u8; 3])),
        removed: (1..id).last().into_iter().collect(),
        added: vec![((id % 2) as usize, info)],
    }
}

/// What is so after edits 1 to `last`.
fn catalog(last: u64) -> Catalog {
    let mut catalog = Catalog::default();
    for id in 1..=last {
        catalog.apply(&edit(id)).expect("an edit that fits");
    }
    catalog
}

/// A manifest with edits 1 to `last` behind an empty list.
async fn write(disk: &MemDisk, last: u64, edits_bytes_max: usize) -> Manifest {
    let shared = Arc::new(disk.clone());
    let created = Manifest::create(shared, "", Catalog::default(), 7, edits_bytes_max);
    let mut manifest = created.await.expect("a manifest");
    for id in 1..=last {
        manifest.append(&edit(id)).await.expect("an append");
    }
    manifest
}

/// Its bytes, and their length after each edit with its mark.
fn written(last: u64) -> (Vec<u8>, Vec<usize>) {
    block_on(async {
        let mut ends = Vec::new();
        for last in 0..=last {
            let disk = MemDisk::new();
            write(&disk, last, 1 << 20).await;
            ends.push(disk.contents(PATH).len());
        }
        let disk = MemDisk::new();
        write(&disk, last, 1 << 20).await;
        (disk.contents(PATH), ends)
    })
}

fn replayed(bytes: &[u8]) -> Result<Catalog, LsmError> {
    recovery::replay(&Bytes::copy_from_slice(bytes), PATH).map(|(catalog, _)| catalog)
}

#[test]
fn what_was_written_is_read_back() {
    let (bytes, _) = written(5);
    let (read, epoch) = recovery::replay(&bytes.into(), PATH).expect("a manifest");
    assert_eq!((read, epoch), (catalog(5), 7));
}

#[test]
fn an_edit_is_durable_before_its_mark_is_written_and_both_before_it_counts() {
    block_on(async {
        for operations in 0.. {
            let disk = MemDisk::new();
            let mut manifest = write(&disk, 3, 1 << 20).await;
            let before = disk.contents(PATH).len();
            disk.stop_after(disk.operations() + operations);
            let done = manifest.append(&edit(4)).await;
            let durable = disk.restart().contents(PATH);
            let edit_end = before + 32 + edit(4).encode().len();
            if disk.contents(PATH).len() > edit_end {
                assert!(durable.len() >= edit_end, "a mark of what is not durable");
            }
            if done.is_ok() {
                assert_eq!(durable, disk.contents(PATH));
                assert_eq!((operations, durable.len()), (4, edit_end + 32));
                return;
            }
        }
    });
}

#[test]
fn a_frame_of_another_epoch_or_place_does_not_count() {
    let (bytes, _) = written(3);
    let end = bytes.len() as u64;
    for (epoch, at, counts) in [(7, end, true), (6, end, false), (7, end - 1, false)] {
        let mut bytes = bytes.clone();
        frame::put_frame(&mut bytes, epoch, at, end, &edit(4).encode());
        let read = replayed(&bytes).expect("a manifest, with a torn tail or without");
        assert_eq!(read, catalog(if counts { 4 } else { 3 }), "{epoch} {at}");
    }
}

#[test]
fn a_tail_that_was_cut_off_takes_back_at_most_the_edit_it_belongs_to() {
    let (bytes, ends) = written(3);
    for length in ends[0]..=bytes.len() {
        let whole = ends.iter().filter(|end| **end <= length).count() as u64 - 1;
        let read = replayed(&bytes[..length]).expect("a torn tail");
        // The edit is whole before its mark is.
        let edit_end = ends.get(whole as usize + 1).map(|end| end - 32);
        let is_whole = edit_end.is_some_and(|end| end <= length);
        assert_eq!(read, catalog(whole + u64::from(is_whole)), "{length}");
    }
    // The first frame was durable before the file had its name.
    for length in 0..ends[0] {
        assert!(replayed(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_torn_tail_may_be_any_rubbish() {
    let (bytes, ends) = written(3);
    let (durable, torn) = bytes.split_at(ends[2]);
    for rubbish in [
        vec![0; torn.len()],
        vec![0xff; 7],
        bytes[..ends[1]].to_vec(),
    ] {
        let read = replayed(&[durable, &rubbish].concat()).expect("a torn tail");
        assert_eq!(read, catalog(2));
    }
    // The second half of the edit was written and the first was not.
    for lost in 1..torn.len() - 32 {
        let tail = [&vec![0; lost], &torn[lost..torn.len() - 32]].concat();
        let read = replayed(&[durable, &tail].concat()).expect("a torn tail");
        assert_eq!(read, catalog(2), "{lost}");
    }
}

#[test]
fn damage_to_what_was_durable_is_reported_with_its_place() {
    let (bytes, ends) = written(3);
    let last_mark = bytes.len() - 32;
    for offset in 0..last_mark {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 0x40;
        let error = replayed(&damaged).expect_err("an error");
        if let LsmError::Corrupt { offset: place, .. } = error {
            // The beginning of the frame, none of which is longer than an edit and its mark.
            let frame = offset.saturating_sub(ends[2] - ends[1]) as u64..=offset as u64;
            assert!(
                frame.contains(&place) || offset < HEADER_BYTES,
                "{offset}: {place}"
            );
        }
    }
    for offset in last_mark..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 0x40;
        assert_eq!(replayed(&damaged).expect("no harm"), catalog(3));
    }
}

#[test]
fn a_long_manifest_is_rewritten_and_says_the_same() {
    block_on(async {
        let disk = MemDisk::new();
        let mut manifest = write(&disk, 0, 200).await;
        let (mut lengths, mut last_epoch) = (Vec::new(), 7);
        for id in 1..=40 {
            manifest.append(&edit(id)).await.expect("an append");
            lengths.push(disk.contents(PATH).len());
            let (read, epoch) = read(&disk.restart(), PATH).await.expect("a manifest");
            assert_eq!(read, catalog(id));
            assert!(epoch == last_epoch || epoch == last_epoch + 1);
            last_epoch = epoch;
        }
        assert!(lengths.iter().all(|length| *length < 600), "{lengths:?}");
        assert!(last_epoch > 10, "{last_epoch}");
        assert_eq!(disk.list("").await.expect("a listing"), [PATH]);
    });
}

#[test]
fn an_edit_that_does_not_fit_is_refused() {
    let fits = |edit: &Edit| catalog(3).apply(edit);
    assert!(fits(&edit(4)).is_ok());
    assert!(fits(&edit(3)).is_err(), "a table that is there already");
    assert!(fits(&edit(9)).is_err(), "removes a table that is not there");
    let stale = Edit {
        next_id: 3,
        ..Edit::default()
    };
    assert!(fits(&stale).is_err(), "ids that go back");
}

#[test]
fn the_format_is_frozen() {
    let (bytes, _) = written(2);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = concat!(
    // the header
    "7369734d414e494601000000070000000000000012dd457c",
    // the list of all tables
    "0700000000000000180000000000000000000000000000000500000000010000002d387773",
    // an edit and its mark
    "07000000000000003d000000000000003d0000000000000013000000020000010101e9070b000000",
    "00000161027a7a0ce8a66a",
    "07000000000000007000000000000000700000000000000000000000373197bb",
    // another
    "070000000000000090000000000000009000000000000000180000000301030202020101010002ea",
    "070c00000000000161027a7a58a4f86b",
    "0700000000000000c800000000000000c80000000000000000000000bc394538",
);

proptest! {
    #[test]
    fn any_edit_is_read_back(
        next_id: u64,
        note: Option<Vec<u8>>,
        removed: Vec<u64>,
        added in vec((0..2_usize, any::<(u64, u64, Vec<u8>, Vec<u8>)>()), 0..5),
    ) {
        let table = |(level, (id, bytes, smallest, end)): (usize, (u64, u64, Vec<u8>, Vec<u8>))| {
            let properties = Properties {
                keys: bytes ^ id,
                seq_max: id,
                smallest: smallest.into(),
                end: end.into(),
                ..Properties::default()
            };
            (level, TableInfo { id, bytes, properties })
        };
        let edit = Edit {
            next_id,
            note: note.map(Bytes::from),
            removed,
            added: added.into_iter().map(table).collect(),
        };
        prop_assert_eq!(Edit::decode(edit.encode().into()), Ok(edit));
    }

    #[test]
    fn any_bytes_are_read_or_refused(payload: Vec<u8>, at in 0_usize..40) {
        let payload = Bytes::from(payload);
        let _ = Edit::decode(payload.clone());
        let _ = frame::frame(&payload, 7, at);
        prop_assert!(recovery::replay(&payload, PATH).is_err());
        // Behind a good beginning it is a torn tail.
        let (bytes, _) = written(1);
        let with_tail = [&bytes[..], &payload].concat();
        prop_assert_eq!(replayed(&with_tail).expect("a torn tail"), catalog(1));
        let behind_header = [&bytes[..HEADER_BYTES], &payload].concat();
        prop_assert!(replayed(&behind_header).is_err());
    }

    #[test]
    fn a_frame_with_a_good_checksum_and_any_payload_is_read_or_refused(payload: Vec<u8>) {
        let (mut bytes, _) = written(1);
        let at = bytes.len() as u64;
        frame::put_frame(&mut bytes, 7, at, at, &payload);
        let _ = replayed(&bytes);
    }
}
