//! What is a torn tail, and what is corruption.

use proptest::{collection::vec, prelude::*};

use super::{
    super::record::{HEADER_BYTES, Header, RECORDS_BEGIN},
    *,
};

/// The smallest unit that a disk writes as a whole.
pub(super) const SECTOR: usize = 512;

/// A file with this content, durably.
pub(super) async fn put(disk: &MemDisk, path: &str, bytes: &[u8]) {
    disk.create_dir("a/log").await.unwrap();
    let file = match disk.open(path).await {
        Ok(file) => file,
        Err(_) => disk.create(path).await.unwrap(),
    };
    file.truncate(0).await.unwrap();
    file.append(bytes).await.unwrap();
    file.sync().await.unwrap();
    disk.sync_dir("a/log").await.unwrap();
}

/// Two segments with three batches of two records each, and per batch where it ends in its file.
async fn small_log() -> (MemDisk, Vec<(String, usize)>) {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk).await.unwrap();
    let mut ends = Vec::new();
    for segment in 1..=2 {
        for round in 0..3 {
            let payloads = [0, 1].map(|i| format!("{segment}.{round}.{i}"));
            batch(&mut wal, &payloads.each_ref().map(String::as_str))
                .await
                .unwrap();
            ends.push((path(segment), end_of(&disk, &path(segment))));
        }
        if segment == 1 {
            wal.rotate().await.unwrap();
        }
    }
    (disk, ends)
}

/// All payloads of the small log.
async fn all() -> Vec<String> {
    open(&small_log().await.0).await.unwrap().1
}

#[test]
fn a_flip_before_the_last_batch_is_corruption() {
    block_on(async {
        let (pristine, ends) = small_log().await;
        let all = all().await;
        let (last_file, last_batch) = (&ends[5].0, ends[4].1);
        for segment in [1, 2] {
            let file = path(segment);
            for offset in 0..pristine.contents(&file).len() {
                let disk = pristine.restart();
                disk.flip_bit(&file, offset);
                match open(&disk).await {
                    Err(WalError::Corrupt {
                        file: at,
                        offset: start,
                        ..
                    }) => {
                        assert!(at == file && start as usize <= offset, "{at} {start}");
                    }
                    Err(other) => panic!("{other}"),
                    Ok((_, found)) if offset < HEADER_BYTES => {
                        assert_eq!(found, all, "{offset} is said by the link, too");
                        let head = |disk: &MemDisk| disk.contents(&file)[..HEADER_BYTES].to_vec();
                        assert!(head(&disk) == head(&pristine), "{offset} is healed");
                    }
                    Ok((_, found)) if offset >= ends[segment as usize * 3 - 1].1 => {
                        assert_eq!(found, all, "{offset} is behind the end");
                    }
                    Ok((_, found)) => {
                        let last = file == *last_file && offset >= last_batch;
                        assert!(last, "{file} {offset} passed for a torn tail");
                        assert!(found == all[..10] || found == all[..11], "{offset}");
                    }
                }
            }
        }
    });
}

#[test]
fn a_cut_of_the_last_segment_is_a_torn_tail_and_of_another_one_corruption() {
    block_on(async {
        let (pristine, ends) = small_log().await;
        let all = all().await;
        for segment in [1, 2] {
            let whole = pristine.contents(&path(segment)).len();
            let end = ends[segment as usize * 3 - 1].1;
            for length in (0..end + 50).chain([whole]) {
                let disk = pristine.restart();
                disk.truncate_file(&path(segment), length);
                let result = open(&disk).await;
                let is_whole = length >= end;
                if length < HEADER_BYTES || (segment == 1 && !is_whole) {
                    assert!(matches!(result, Err(WalError::Corrupt { .. })), "{length}");
                    continue;
                }
                let (_, found) = result.unwrap();
                let whole = if segment == 1 {
                    6
                } else {
                    length.saturating_sub(RECORDS_BEGIN) / 48
                };
                assert_eq!(found, all[..6 + whole.min(6)], "{length}");
                let (_, again) = open(&disk).await.unwrap();
                assert_eq!(again, found, "{length}");
            }
        }
    });
}

/// A segment with two synced batches, and the bytes of a third one of about `sectors` sectors.
async fn unsynced_batch(sectors: usize) -> (MemDisk, Vec<u8>) {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk).await.unwrap();
    batch(&mut wal, &["first", "second"]).await.unwrap();
    batch(&mut wal, &["third"]).await.unwrap();
    let durable = end_of(&disk, &path(1));
    let payloads: Vec<String> = (0..sectors * 3).map(|i| format!("{i:0>120}")).collect();
    let payloads: Vec<&str> = payloads.iter().map(String::as_str).collect();
    batch(&mut wal, &payloads).await.unwrap();
    let end = end_of(&disk, &path(1));
    let batch = disk.contents(&path(1))[durable..end].to_vec();
    disk.truncate_file(&path(1), durable);
    (disk, batch)
}

/// The file after a power failure: of the batch behind `durable` bytes, the sectors in `lost` hold
/// `junk`, and the file has `length` bytes.
fn torn(durable: &[u8], batch: &[u8], lost: usize, junk: u8, length: usize) -> Vec<u8> {
    let mut bytes = [durable, batch].concat();
    for (offset, byte) in bytes.iter_mut().enumerate().skip(durable.len()) {
        let sector = (offset - durable.len() / SECTOR * SECTOR) / SECTOR;
        if lost >> sector & 1 == 1 {
            *byte = junk;
        }
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn an_unsynced_batch_may_lose_any_of_its_sectors() {
    block_on(async {
        let (disk, batch) = unsynced_batch(5).await;
        let durable = disk.contents(&path(1));
        let sectors = (durable.len() + batch.len()).div_ceil(SECTOR);
        for lost in 0..1_usize << sectors {
            for junk in [0, 0xa5] {
                for kept in 0..=sectors {
                    let length = (kept * SECTOR).max(durable.len());
                    let bytes = torn(&durable, &batch, lost, junk, length);
                    let disk = MemDisk::new();
                    put(&disk, &path(1), &bytes).await;
                    let (_, found) = open(&disk).await.expect("a torn tail");
                    assert_eq!(found[..3], ["first", "second", "third"]);
                    let tail = found[3..].iter().enumerate();
                    tail.for_each(|(i, text)| assert_eq!(*text, format!("{i:0>120}")));
                    let intact = lost == 0 && length >= durable.len() + batch.len();
                    assert_eq!(intact, found.len() == 18, "{lost:b} {kept}");
                    let (_, again) = open(&disk.restart()).await.unwrap();
                    assert_eq!(again, found, "{lost:b} {kept}");
                }
            }
        }
    });
}

#[test]
fn a_spare_counts_nothing_whatever_is_in_it() {
    block_on(async {
        let spare = |number: u64| format!("a/log/{number:016x}.spare");
        for length in [0, 1, 31, 32, 100] {
            for junk in [0, 0xff] {
                let (disk, _) = small_log().await;
                put(&disk, &spare(3), &vec![junk; length]).await;
                let old = disk.contents(&path(1));
                put(&disk, &spare(1), &old).await;
                let (wal, found) = open(&disk).await.unwrap();
                assert_eq!((found.len(), wal.segment()), (12, SegmentId(3)));
                let (wal, found) = open(&disk.restart()).await.unwrap();
                assert_eq!((found.len(), wal.segment()), (12, SegmentId(4)));
                let names = disk.list("a/log").await.unwrap();
                assert!(names.iter().all(|name| name.ends_with(".wal")), "{names:?}");
            }
        }
    });
}

#[test]
fn a_segment_that_was_made_ready_and_not_begun_is_made_anew() {
    block_on(async {
        for junk in [&[][..], &[0; 500], &[0xff; 500]] {
            let (disk, _) = small_log().await;
            let ready = Header {
                sequence: SegmentId(3),
                epoch: 9,
            };
            put(&disk, &path(3), &[&ready.encode()[..], junk].concat()).await;
            let (wal, found) = open(&disk).await.unwrap();
            assert_eq!((found.len(), wal.segment()), (12, SegmentId(3)));
            let header = Header::decode(&disk.contents(&path(3))).unwrap();
            assert_eq!(header.epoch, 10, "never an epoch that a file has seen");
        }
    });
}

#[test]
fn bytes_of_another_epoch_or_place_are_not_records() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        batch(&mut wal, &["old"]).await.unwrap();
        let old = disk.contents(&path(1))[HEADER_BYTES..].to_vec();
        let header = |sequence, epoch| Header {
            sequence: SegmentId(sequence),
            epoch,
        };
        for (segment, epoch, place) in [(1, 2, "epoch"), (2, 1, "segment")] {
            let disk = MemDisk::new();
            let bytes = [&header(segment, epoch).encode()[..], &old].concat();
            put(&disk, &path(segment), &bytes).await;
            assert!(
                open(&disk).await.unwrap().1.is_empty(),
                "of another {place}"
            );
        }
        let disk = MemDisk::new();
        let old = &old[..RECORDS_BEGIN - HEADER_BYTES + 48];
        let record = &old[RECORDS_BEGIN - HEADER_BYTES..];
        let bytes = [&header(1, 1).encode()[..], old, record].concat();
        put(&disk, &path(1), &bytes).await;
        assert_eq!(open(&disk).await.unwrap().1, ["old"], "of another place");
    });
}

#[test]
fn the_last_batch_in_the_place_of_the_one_before_is_corruption() {
    block_on(async {
        let (disk, ends) = small_log().await;
        let (file, begin, middle) = (&ends[5].0, ends[3].1, ends[4].1);
        let mut bytes = disk.contents(file);
        let last = bytes.split_off(middle);
        bytes.truncate(begin);
        bytes.extend(last);
        put(&disk, file, &bytes).await;
        let error = open(&disk).await.err().unwrap();
        assert!(matches!(error, WalError::Corrupt { .. }), "{error}");
    });
}

#[test]
fn what_is_not_ours_is_named() {
    block_on(async {
        for name in [
            "notes.txt",
            "1.wal",
            "000000000000000A.wal",
            "0000000000000000.wal",
        ] {
            let (disk, _) = small_log().await;
            put(&disk, &format!("a/log/{name}"), b"").await;
            let error = open(&disk).await.err().unwrap().to_string();
            assert!(error.contains(name) && error.contains("move"), "{error}");
        }
        let (disk, _) = small_log().await;
        disk.create_dir("a/log/dir").await.unwrap();
        let error = open(&disk).await.err().unwrap().to_string();
        assert!(error.contains("a/log/dir/"), "{error}");
    });
}

#[test]
fn another_version_is_refused_by_name_if_its_header_is_whole() {
    block_on(async {
        let (disk, _) = small_log().await;
        let mut bytes = disk.contents(&path(2));
        bytes[8] = 2;
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..32]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        put(&disk, &path(2), &bytes).await;
        let error = open(&disk).await.err().unwrap().to_string();
        assert!(
            error.contains("version 2") && error.contains(&path(2)),
            "{error}"
        );
    });
}

#[test]
fn segments_that_do_not_belong_together_are_corruption() {
    block_on(async {
        let (disk, _) = small_log().await;
        open(&disk).await.unwrap();
        disk.remove(&path(2)).await.unwrap();
        let error = open(&disk).await.err().unwrap().to_string();
        assert!(
            error.contains(&path(2)) && error.contains("missing"),
            "{error}"
        );
        let (other, _) = unsynced_batch(1).await;
        put(&disk, &path(2), &other.contents(&path(1))).await;
        let error = open(&disk).await.err().unwrap().to_string();
        assert!(error.contains("sequence"), "{error}");
        let older = Header {
            sequence: SegmentId(2),
            epoch: 0,
        };
        put(&disk, &path(2), &older.encode()).await;
        let error = open(&disk).await.err().unwrap().to_string();
        assert!(error.contains("older"), "{error}");
    });
}

#[test]
fn a_segment_without_a_header_is_damaged() {
    block_on(async {
        for segment in [1, 2] {
            let disk = MemDisk::new();
            put(&disk, &path(segment), b"").await;
            assert!(matches!(open(&disk).await, Err(WalError::Corrupt { .. })));
        }
    });
}

#[test]
fn a_header_and_its_link_cannot_both_be_done_without() {
    block_on(async {
        for segment in [1, 2] {
            let (disk, _) = small_log().await;
            disk.flip_bit(&path(segment), 9);
            disk.flip_bit(&path(segment), HEADER_BYTES + 3);
            match open(&disk).await.err() {
                Some(WalError::Corrupt { file, offset, what }) => {
                    assert_eq!((file, offset), (path(segment), 0));
                    assert!(what.contains("checksum"), "{what}");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_damaged_link_is_what_is_named() {
    block_on(async {
        let (disk, _) = small_log().await;
        disk.flip_bit(&path(2), HEADER_BYTES + 3);
        match open(&disk).await.err() {
            Some(WalError::Corrupt { file, offset, .. }) => {
                assert_eq!((file, offset), (path(2), HEADER_BYTES as u64));
            }
            other => panic!("{other:?}"),
        }
    });
}

proptest! {
    #[test]
    fn any_bytes_open_or_fail_cleanly(
        bytes in vec(any::<u8>(), 0..300),
        epoch: u64,
        whole: bool,
    ) {
        block_on(async {
            let header = Header { sequence: SegmentId(1), epoch };
            let head = if whole { &header.encode()[..] } else { &[] };
            let disk = MemDisk::new();
            put(&disk, &path(1), &[head, &bytes].concat()).await;
            if open(&disk).await.is_ok() {
                open(&disk.restart()).await.expect("what opened once opens again");
            }
        });
    }

    #[test]
    fn a_damaged_log_yields_a_prefix_or_an_error(
        segment in 1..=2_u64,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        block_on(async {
            let (disk, _) = small_log().await;
            let mut bytes = disk.contents(&path(segment));
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            put(&disk, &path(segment), &bytes).await;
            if let Ok((_, found)) = open(&disk).await {
                assert_eq!(found, all().await[..found.len()]);
            }
        });
    }
}

#[test]
fn what_an_opening_has_found_is_promised_from_then_on() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        for payload in ["one", "two"] {
            batch(&mut wal, &[payload]).await.unwrap();
        }
        drop(open(&disk).await.unwrap());
        let last = end_of(&disk, &path(1)) - 1;
        for offset in [last - 40, last] {
            let disk = disk.restart();
            disk.flip_bit(&path(1), offset);
            let error = open(&disk).await.err().expect("damage, not a torn tail");
            assert!(error.to_string().contains(&path(1)), "{error}");
        }
    });
}

#[test]
fn every_opening_has_an_epoch_of_its_own() {
    block_on(async {
        let disk = MemDisk::new();
        for opening in 1..=3 {
            drop(open(&disk).await.unwrap());
            let header = Header::decode(&disk.contents(&path(opening)));
            assert_eq!(header.unwrap().epoch, opening);
        }
    });
}
