//! A log whose bytes are not what was written.

use super::*;
use crate::{
    env::task::block_on,
    types::ShardId,
    wal::{Wal, WalError},
};

/// Bytes of the header of a segment.
const HEADER: usize = 32;

/// Where the records of a store begin in a segment: behind the header and the link.
const RECORDS: usize = HEADER + 48;

/// A store with ten synced writes that were never flushed, and where each ends in the segment.
async fn ten_writes() -> (MemDisk, Vec<usize>) {
    let disk = MemDisk::new();
    let store = open(&disk, SyncMode::EachWrite).await.unwrap();
    let mut ends = Vec::new();
    for key in 0..10_u8 {
        store.put(&[key], &[key; 30]).await.unwrap();
        ends.push(HEADER + store.stats().log_bytes as usize);
    }
    (disk, ends)
}

/// The path of the newest segment.
async fn segment(disk: &MemDisk) -> String {
    let names = segments(disk).await;
    format!("db/log/{}", names.last().expect("a segment"))
}

#[test]
fn a_tail_that_was_torn_is_left_out() {
    block_on(async {
        let (pristine, ends) = ten_writes().await;
        let path = segment(&pristine).await;
        for length in ends[8]..ends[9] {
            let disk = pristine.restart();
            disk.truncate_file(&path, length);
            let store = open(&disk, SyncMode::EachWrite).await.unwrap();
            assert_eq!(all(&store).await.len(), 9, "{length}");
        }
    });
}

#[test]
fn damage_in_the_middle_is_reported_with_its_place() {
    block_on(async {
        let (pristine, ends) = ten_writes().await;
        let path = segment(&pristine).await;
        for offset in RECORDS..ends[8] {
            let disk = pristine.restart();
            disk.flip_bit(&path, offset);
            let error = open(&disk, SyncMode::EachWrite).await.err();
            let Some(StoreError::Log(WalError::Corrupt {
                file, offset: at, ..
            })) = error
            else {
                panic!("{offset}: {error:?}")
            };
            let begins = ends.iter().rev().find(|end| **end <= offset);
            let begins = begins.copied().unwrap_or(RECORDS);
            assert_eq!((file, at as usize), (path.clone(), begins), "{offset}");
        }
    });
}

#[test]
fn a_log_of_somebody_else_is_refused() {
    block_on(async {
        for (kind, payload) in [
            (9, &[0; 20][..]),
            (1, &[0; 4]),
            (1, &[5; 20]),
            (1, &[1, 7]),
            (1, &[]),
        ] {
            let disk = MemDisk::new();
            drop(open(&disk, SyncMode::Group).await.unwrap());
            let opened = crate::wal::Wal::open(Arc::new(disk.clone()), "db/log", 1 << 20).await;
            let (mut wal, _) = opened.unwrap();
            wal.append(kind, crate::types::ShardId(0), &[payload]);
            wal.commit().await.unwrap();
            let error = open(&disk.restart(), SyncMode::Group).await.err();
            let error = error.expect("a record that is none").to_string();
            assert!(
                error.contains("db/log/") && error.contains("byte 80"),
                "{error}"
            );
        }
    });
}

#[test]
fn a_record_whose_number_does_not_follow_is_refused() {
    block_on(async {
        for number in [10, 11, 12_u8] {
            let (disk, _) = ten_writes().await;
            let shared = Arc::new(disk.clone());
            let (mut log, _) = Wal::open(shared, "db/log", usize::MAX).await.unwrap();
            log.append(1, ShardId(0), &[&[number]]);
            log.commit().await.unwrap();
            let opened = open(&disk, SyncMode::EachWrite).await;
            match opened.err() {
                None => assert_eq!(number, 11),
                Some(error) => {
                    let error = error.to_string();
                    assert!(number != 11 && error.contains("the number"), "{error}");
                }
            }
        }
    });
}
