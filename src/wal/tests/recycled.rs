//! Files with an earlier life.

use proptest::{collection::vec, prelude::*};

use super::{
    super::{
        record::{Header, Stamp, put_link, put_record},
        segment::growth,
        writer::READY_AT,
    },
    damage::{SECTOR, put},
    *,
};
use crate::env::task::yield_now;

/// A length of segments that reach over several pages.
const PAGES: usize = 16 << 10;

/// Lets the next segment be made.
async fn breathe() {
    for _ in 0..10 {
        yield_now().await;
    }
}

async fn spares(disk: &MemDisk) -> usize {
    let names = disk.list("a/log").await.unwrap();
    let spares = names.iter().filter(|name| name.ends_with(".spare"));
    spares.count()
}

/// Whether the file holds this text.
fn holds(disk: &MemDisk, path: &str, text: &str) -> bool {
    let bytes = disk.contents(path);
    bytes
        .windows(text.len())
        .any(|bytes| bytes == text.as_bytes())
}

#[test]
fn a_rotation_costs_nothing_once_the_next_segment_is_ready() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        batch(&mut wal, &[&"x".repeat(256 / READY_AT as usize)])
            .await
            .unwrap();
        breathe().await;
        let before = disk.operations();
        wal.rotate().await.unwrap();
        assert_eq!(disk.operations(), before);
        batch(&mut wal, &["one"]).await.unwrap();
        assert_eq!(disk.operations() - before, 2, "a write and a sync");
        // Two in a row are one.
        wal.rotate().await.unwrap();
        wal.rotate().await.unwrap();
        assert_eq!(wal.segment(), SegmentId(3));
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found[1..], ["one"]);
    });
}

#[test]
fn a_removed_segment_is_used_again_and_its_old_records_are_none() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open_sized(&disk, PAGES).await.unwrap();
        for life in 0..6 {
            // Over several pages: the one that is begun is filled with zeros.
            let text = format!("life {life} {}", "x".repeat(3_000));
            batch(&mut wal, &[&text, &text, &text]).await.unwrap();
            wal.remove_before(wal.segment()).await.unwrap();
            assert_eq!(spares(&disk).await, usize::from(life > 0));
            wal.rotate().await.unwrap();
        }
        wal.append(1, SHARD, &[b"short"]);
        wal.commit().await.unwrap();
        assert!(holds(&disk, &path(7), "life"), "the file is an old one");
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!((found.len(), found[3].as_str()), (4, "short"));
        assert!(found[..3].iter().all(|text| text.starts_with("life 5")));
    });
}

#[test]
fn few_files_are_kept_to_be_used_again_and_none_is_longer_than_a_segment() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        for _ in 0..10 {
            batch(&mut wal, &[&"long".repeat(9_000)]).await.unwrap();
            wal.rotate().await.unwrap();
        }
        wal.remove_before(wal.segment()).await.unwrap();
        assert_eq!(spares(&disk).await, 2);
        batch(&mut wal, &["x"]).await.unwrap();
        wal.rotate().await.unwrap();
        assert_eq!(spares(&disk).await, 1);
        assert!(disk.contents(&path(wal.segment().0)).len() <= 256);
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(
            (found.as_slice(), spares(&disk.restart()).await),
            (&["x".to_owned()][..], 1)
        );
    });
}

#[test]
fn a_file_grows_by_blocks_where_batches_are_synced_and_not_where_they_are_not() {
    block_on(async {
        let disk = MemDisk::new();
        let opened = Wal::open(Arc::new(disk.clone()), "a/log", 1 << 20).await;
        let (mut wal, _) = opened.unwrap();
        let step = growth(1 << 20) as usize;
        assert_eq!(disk.contents(&path(1)).len(), step);
        batch(&mut wal, &[&"x".repeat(step)]).await.unwrap();
        assert_eq!(disk.contents(&path(1)).len(), 2 * step);
        batch(&mut wal, &["x"]).await.unwrap();
        assert_eq!(disk.contents(&path(1)).len(), 2 * step);
        wal.append(1, SHARD, &["x".repeat(step).as_bytes()]);
        wal.write().await.unwrap();
        assert_eq!(disk.contents(&path(1)).len() as u64, wal.bytes());
        // What the last segment has too much is given back.
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found.len(), 2);
    });
}

#[test]
fn what_does_not_fit_with_its_zeros_is_written_without() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        let full = disk.contents(&path(1)).len();
        disk.leave_room(200);
        batch(&mut wal, &[&"x".repeat(full - 200)]).await.unwrap();
        let fits = "y".repeat(100);
        batch(&mut wal, &[&fits]).await.unwrap();
        assert_eq!(disk.contents(&path(1)).len() as u64, wal.bytes());
        wal.append(1, SHARD, &[b"at once"]);
        wal.write_now().unwrap().unwrap();
        let error = batch(&mut wal, &[&"z".repeat(200)]).await.unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
        let (_, found) = open(&disk.restart_keeping_unsynced()).await.unwrap();
        assert_eq!(found[1..], [fits, "at once".to_owned()]);
    });
}

#[test]
fn a_segment_that_found_the_disk_full_is_made_when_there_is_room() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        batch(&mut wal, &["one"]).await.unwrap();
        disk.fill_after(0);
        breathe().await;
        disk.make_room();
        wal.rotate().await.unwrap();
        batch(&mut wal, &["two"]).await.unwrap();
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found, ["one", "two"]);
        // With room for a header alone, a header it is.
        let (mut wal, _) = open(&disk).await.unwrap();
        disk.leave_room(100);
        wal.rotate().await.unwrap();
        assert_eq!(disk.contents(&path(wal.segment().0)).len(), 32);
    });
}

/// Writes, rotates and removes for several lives of each file; what was acknowledged is counted in
/// `acknowledged`, what was handed in is in `appended`.
async fn lives(
    disk: &MemDisk,
    sync: bool,
    acknowledged: &mut usize,
    appended: &mut Vec<String>,
) -> Result<(), WalError> {
    for opening in 0..2 {
        let (mut wal, _) = open_sized(disk, PAGES).await?;
        for round in 0..5 {
            let payloads = [0, 1].map(|i| format!("{opening}.{round}.{i} {}", "x".repeat(2_999)));
            for payload in &payloads {
                wal.append(1, SHARD, &[payload.as_bytes()]);
            }
            appended.extend(payloads);
            if sync || round == 2 {
                wal.commit().await?;
                *acknowledged = appended.len();
            } else {
                wal.write().await?;
            }
            if round % 2 == 1 {
                breathe().await;
            }
            wal.rotate().await?;
            if let Some(first) = wal.segment().0.checked_sub(2).filter(|first| *first > 0) {
                wal.remove_before(SegmentId(first)).await?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_crash_after_any_operation_on_files_with_many_lives_loses_nothing() {
    block_on(async {
        for sync in [true, false] {
            for operations in 0.. {
                let disk = MemDisk::new();
                disk.stop_after(operations);
                let (mut acknowledged, mut appended) = (0, Vec::new());
                let result = lives(&disk, sync, &mut acknowledged, &mut appended).await;
                for disk in [disk.restart(), disk.restart_keeping_unsynced()] {
                    let context = format!("sync {sync}, after {operations} operations");
                    let (_, found) = open(&disk).await.expect(&context);
                    check_found(&found, acknowledged, &appended, &context);
                    assert_eq!(open(&disk.restart()).await.unwrap().1, found, "{context}");
                }
                if result.is_ok() {
                    assert!(operations > 50, "the workload is long enough");
                    break;
                }
            }
        }
    });
}

/// Segments may be gone from the front, unsynced records from the end.
fn check_found(found: &[String], acknowledged: usize, appended: &[String], context: &str) {
    let first = appended.iter().position(|one| Some(one) == found.first());
    let first = first.unwrap_or(acknowledged);
    let end = first + found.len();
    assert_eq!(found, &appended[first..end], "{context}");
    assert!(end >= acknowledged, "{context}");
}

/// A segment with two records, and what earlier lives may have left behind them: records of other
/// segments of the same epoch, and of the same segment in an older epoch, at every distance.
fn life(sequence: u64, epoch: u64, shift: usize, records: usize) -> Vec<u8> {
    let header = Header {
        sequence: SegmentId(sequence),
        epoch,
    };
    let stamp = |out: &Vec<u8>| Stamp {
        epoch,
        position: SegmentId(sequence).position((out.len() - shift) as u64),
        // An earlier life claims that everything was durable.
        batch: u64::MAX,
    };
    let mut out = vec![0xee; shift];
    out.extend_from_slice(&header.encode());
    let at = stamp(&out);
    put_link(&mut out, at, 0);
    for number in 0..records {
        let at = stamp(&out);
        put_record(
            &mut out,
            at,
            1,
            SHARD,
            &[format!("stale {number}").as_bytes()],
        );
    }
    out
}

#[test]
fn records_of_an_earlier_life_at_any_distance_are_none() {
    block_on(async {
        let fresh = life(5, 7, 0, 2);
        for (sequence, epoch) in [(4, 7), (3, 7), (5, 6), (5, 3), (4, 6), (6, 6)] {
            for shift in 0..=fresh.len() {
                let mut bytes = life(sequence, epoch, shift, 8);
                bytes[..fresh.len()].copy_from_slice(&fresh);
                let disk = MemDisk::new();
                put(&disk, &path(5), &bytes).await;
                let (_, found) = open(&disk).await.expect("no corruption");
                assert_eq!(found, ["stale 0", "stale 1"], "{sequence} {epoch} {shift}");
            }
        }
    });
}

proptest! {
    /// Of what was not synced, each sector is as it was before or as it was to be.
    #[test]
    fn a_torn_write_over_an_earlier_life_loses_nothing_that_was_acknowledged(
        sync: bool,
        operations in 0..120_u64,
        fates in vec(any::<bool>(), 64),
    ) {
        block_on(async {
            let disk = MemDisk::new();
            disk.stop_after(operations);
            let (mut acknowledged, mut appended) = (0, Vec::new());
            let _ = lives(&disk, sync, &mut acknowledged, &mut appended).await;
            let (live, after) = (disk.restart_keeping_unsynced(), disk.restart());
            for name in after.list("a/log").await.unwrap_or_default() {
                let path = format!("a/log/{name}");
                let (old, new) = (after.contents(&path), contents_or_none(&live, &path).await);
                let mixed = mix(&old, &new.unwrap_or_else(|| old.clone()), &fates);
                put(&after, &path, &mixed).await;
            }
            let (_, found) = open(&after).await.expect("a torn tail");
            check_found(&found, acknowledged, &appended, "torn");
            let (_, again) = open(&after.restart()).await.unwrap();
            assert_eq!(again, found);
        });
    }

    /// As a mutation of everything at once: never other records than those that were appended.
    #[test]
    fn any_damage_of_recycled_files_yields_a_prefix_or_an_error(
        operations in 60..120_u64,
        changes in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        block_on(async {
            let disk = MemDisk::new();
            disk.stop_after(operations);
            let mut appended = Vec::new();
            let _ = lives(&disk, true, &mut 0, &mut appended).await;
            let disk = disk.restart();
            let names = disk.list("a/log").await.unwrap();
            for (file, place, change) in changes {
                let path = format!("a/log/{}", names[file.index(names.len())]);
                let mut bytes = disk.contents(&path);
                if !bytes.is_empty() {
                    let place = place.index(bytes.len().min(600));
                    bytes[place] ^= change;
                    put(&disk, &path, &bytes).await;
                }
            }
            if let Ok((_, found)) = open(&disk).await {
                check_found(&found, 0, &appended, "damaged");
            }
        });
    }
}

async fn contents_or_none(disk: &MemDisk, path: &str) -> Option<Vec<u8>> {
    disk.open(path).await.ok().map(|_| disk.contents(path))
}

/// Each sector of one or the other.
fn mix(old: &[u8], new: &[u8], fates: &[bool]) -> Vec<u8> {
    let sectors = old.len().max(new.len()).div_ceil(SECTOR);
    let sector = |bytes: &[u8], number: usize| {
        let from = (number * SECTOR).min(bytes.len());
        bytes[from..(from + SECTOR).min(bytes.len())].to_vec()
    };
    let mut mixed = Vec::new();
    for number in 0..sectors {
        let is_new = fates[number % fates.len()];
        let mut bytes = sector(if is_new { new } else { old }, number);
        // A hole in a file is zeros.
        let whole = SECTOR.min(old.len().max(new.len()) - number * SECTOR);
        bytes.resize(whole, 0);
        mixed.extend(bytes);
    }
    mixed
}

#[test]
fn a_log_that_is_hardly_synced_keeps_no_files_and_takes_no_room_ahead() {
    block_on(async {
        let disk = MemDisk::new();
        let shared = Arc::new(disk.clone());
        let opened = Wal::open_from(shared, "a/log", 1 << 20, SegmentId(0), Retired::Removed).await;
        let (mut wal, _) = opened.unwrap();
        for _ in 0..5 {
            wal.append(1, SHARD, &["x".repeat(300_000).as_bytes()]);
            wal.write_now().unwrap().unwrap();
            breathe().await;
            let length = disk.contents(&path(wal.segment().0)).len();
            assert!(length < 300_200, "{length} bytes for one record");
            wal.rotate().await.unwrap();
        }
        wal.remove_before(wal.segment()).await.unwrap();
        assert_eq!(spares(&disk).await, 0);
        assert!(disk.contents(&path(wal.segment().0)).len() < 100);
    });
}
