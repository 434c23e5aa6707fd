//! A log against power failures and decay.

use std::{future::Future, pin::pin, sync::Arc, task::Context};

use super::*;
use crate::{
    env::{Disk, MemDisk, task::block_on},
    types::ShardId,
};

mod damage;
mod recycled;
mod salvage;
mod unsynced;

const SHARD: ShardId = ShardId(1);

/// Opens the log; its payloads as text.
async fn open(disk: &MemDisk) -> Result<(Wal, Vec<String>), WalError> {
    open_sized(disk, 256).await
}

/// The same, with segments of this size.
async fn open_sized(disk: &MemDisk, bytes: usize) -> Result<(Wal, Vec<String>), WalError> {
    let (wal, recovered) = Wal::open(Arc::new(disk.clone()), "a/log", bytes).await?;
    let records = recovered.records.into_iter();
    let text = |found: Placed| String::from_utf8_lossy(&found.record.payload).into_owned();
    Ok((wal, records.map(text).collect()))
}

/// Commits a batch of records.
async fn batch(wal: &mut Wal, payloads: &[&str]) -> Result<(), WalError> {
    for payload in payloads {
        wal.append(1, SHARD, &[payload.as_bytes()]);
    }
    wal.commit().await
}

fn path(segment: u64) -> String {
    format!("a/log/{}", SegmentId(segment))
}

/// Where the records of a file end, if all of it behind them is zeros.
fn end_of(disk: &MemDisk, path: &str) -> usize {
    let bytes = disk.contents(path);
    let last = bytes.iter().rposition(|byte| *byte != 0);
    last.map_or(0, |last| last + 1).next_multiple_of(8)
}

#[test]
fn what_was_committed_is_found_again() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, found) = open(&disk).await.unwrap();
        assert!(found.is_empty());
        wal.append(1, SHARD, &[b"one"]);
        wal.append(7, ShardId(9), &[b"", b"tw", b"o"]);
        wal.commit().await.unwrap();
        wal.rotate().await.unwrap();
        batch(&mut wal, &["", "three"]).await.unwrap();
        wal.append(1, SHARD, &[b"never committed"]);
        let disk = disk.restart();
        let opened = Wal::open(Arc::new(disk.clone()), "a/log", 256).await;
        let (wal, recovered) = opened.unwrap();
        let two = &recovered.records[1];
        assert_eq!((two.segment, two.offset), (SegmentId(1), 80 + 48));
        assert_eq!((two.record.kind, two.record.shard), (7, ShardId(9)));
        assert_eq!(
            (wal.first_segment(), wal.segment()),
            (SegmentId(1), SegmentId(3))
        );
        assert_eq!(wal.bytes(), (80 + 48 + 48) + (80 + 40 + 48) + 80);
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found, ["one", "two", "", "three"]);
    });
}

#[test]
fn removed_segments_are_gone_and_the_rest_goes_on() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        for payload in ["one", "two", "three"] {
            batch(&mut wal, &[payload]).await.unwrap();
            wal.rotate().await.unwrap();
        }
        wal.remove_before(SegmentId(3)).await.unwrap();
        assert_eq!(wal.first_segment(), SegmentId(3));
        let (mut wal, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found, ["three"]);
        wal.remove_before(wal.segment()).await.unwrap();
        assert_eq!(wal.bytes(), 80, "no records");
    });
}

#[test]
fn a_segment_asks_to_be_closed_when_it_is_full() {
    block_on(async {
        let (mut wal, _) = open(&MemDisk::new()).await.unwrap();
        batch(&mut wal, &["short"]).await.unwrap();
        assert!(!wal.should_rotate());
        batch(&mut wal, &[&"long".repeat(50)]).await.unwrap();
        assert!(wal.should_rotate());
        wal.rotate().await.unwrap();
        assert!(!wal.should_rotate());
    });
}

/// Does a bit of everything; what was acknowledged is left in `acknowledged`, what was handed in in
/// `appended`.
async fn everything(
    disk: &MemDisk,
    acknowledged: &mut usize,
    appended: &mut Vec<String>,
) -> Result<(), WalError> {
    for opening in 0..3 {
        let (mut wal, _) = open(disk).await?;
        for round in 0..4 {
            let payloads = [0, 1, 2].map(|i| format!("{opening}.{round}.{i} {}", "x".repeat(90)));
            appended.extend(payloads.clone());
            batch(&mut wal, &payloads.each_ref().map(String::as_str)).await?;
            *acknowledged = appended.len();
            if wal.should_rotate() {
                wal.rotate().await?;
            }
        }
        wal.remove_before(SegmentId(wal.segment().0 - 2)).await?;
    }
    Ok(())
}

#[test]
fn a_crash_after_any_operation_loses_nothing_that_was_acknowledged() {
    block_on(async {
        for operations in 0.. {
            let disk = MemDisk::new();
            disk.stop_after(operations);
            let (mut acknowledged, mut appended) = (0, Vec::new());
            let result = everything(&disk, &mut acknowledged, &mut appended).await;
            for disk in [disk.restart(), disk.restart_keeping_unsynced()] {
                let (_, found) = open(&disk).await.expect("a crash is not corruption");
                // Segments may be gone from the front, unsynced records from the end.
                let first = appended.iter().position(|one| Some(one) == found.first());
                let first = first.unwrap_or(acknowledged);
                let end = first + found.len();
                assert_eq!(found, appended[first..end], "after {operations} operations");
                assert!(end >= acknowledged, "after {operations} operations");
                // Found once, found again, even if power fails now.
                let (_, again) = open(&disk.restart()).await.unwrap();
                assert_eq!(again, found, "after {operations} operations");
            }
            if result.is_ok() {
                assert!(operations > 50, "the workload is long enough");
                break;
            }
        }
    });
}

#[test]
fn after_a_failed_write_nothing_is_written() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        batch(&mut wal, &["kept"]).await.unwrap();
        disk.stop_after(disk.operations() + 1);
        let first = batch(&mut wal, &["lost"]).await.unwrap_err();
        let disk = disk.restart_keeping_unsynced();
        for _ in 0..2 {
            let again = batch(&mut wal, &["refused"]).await.unwrap_err();
            assert_eq!(again.to_string(), first.to_string());
        }
        wal.rotate().await.expect_err("as the commit");
        let (_, found) = open(&disk.restart()).await.unwrap();
        assert_eq!(found, ["kept"]);
    });
}

#[test]
fn a_commit_that_was_dropped_half_way_ends_the_log() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        disk.slow_down();
        wal.append(1, SHARD, &[b"half"]);
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(pin!(wal.commit()).poll(&mut context).is_pending());
        let error = wal.commit().await.unwrap_err();
        assert!(error.to_string().contains("abandoned"), "{error}");
    });
}
