//! Batches that were written without a sync.

use super::{super::record::RECORDS_BEGIN, *};

/// Hands a batch to the operating system, in one of the two ways.
async fn write(wal: &mut Wal, payload: &str, now: bool) -> Result<(), WalError> {
    wal.append(1, SHARD, &[payload.as_bytes()]);
    match now {
        true => wal.write_now().expect("a disk that writes at once"),
        false => wal.write().await,
    }
}

/// Three segments, written without a sync; with one at the end if wanted.
async fn three_segments(sync_at_the_end: bool) -> (MemDisk, Wal) {
    let disk = MemDisk::new();
    let (mut wal, _) = open(&disk).await.unwrap();
    for segment in 1..=3 {
        for record in 0..3 {
            let now = record > 0;
            let payload = format!("{segment}.{record}");
            write(&mut wal, &payload, now).await.unwrap();
        }
        if segment < 3 {
            wal.rotate().await.unwrap();
        }
    }
    if sync_at_the_end {
        wal.commit().await.unwrap();
    }
    (disk, wal)
}

fn all() -> Vec<String> {
    let payloads = |segment| (0..3).map(move |record| format!("{segment}.{record}"));
    (1..=3).flat_map(payloads).collect()
}

#[test]
fn the_end_of_the_process_loses_nothing_and_a_power_failure_what_was_not_synced() {
    block_on(async {
        let (disk, _) = three_segments(false).await;
        let survived = disk.restart_keeping_unsynced();
        assert_eq!(open(&survived).await.unwrap().1, all());
        // What was found once is durable in all segments.
        assert_eq!(open(&survived.restart()).await.unwrap().1, all());
        assert!(open(&disk.restart()).await.unwrap().1.is_empty());
        let (disk, _) = three_segments(true).await;
        assert_eq!(open(&disk.restart()).await.unwrap().1, all());
    });
}

#[test]
fn a_tail_may_be_torn_over_several_segments_unless_it_was_durable() {
    block_on(async {
        for sync_at_the_end in [false, true] {
            let (pristine, mut wal) = three_segments(sync_at_the_end).await;
            // What bears witness to a sync is the next write.
            write(&mut wal, "witness", true).await.unwrap();
            let whole = end_of(&pristine, &path(2));
            for length in RECORDS_BEGIN..whole {
                let disk = pristine.restart_keeping_unsynced();
                disk.truncate_file(&path(2), length);
                let opened = open(&disk).await;
                if sync_at_the_end {
                    let error = opened.err().expect("promised bytes are gone").to_string();
                    assert!(error.contains(&path(2)), "{error}");
                    continue;
                }
                let (mut wal, found) = opened.unwrap();
                assert_eq!(
                    found,
                    all()[..3 + (length - RECORDS_BEGIN) / 48],
                    "{length}"
                );
                assert_eq!(wal.segment(), SegmentId(3));
                batch(&mut wal, &["after"]).await.unwrap();
                let (_, again) = open(&disk.restart()).await.unwrap();
                assert_eq!(again[..found.len()], found);
                assert_eq!(again[found.len()..], ["after"]);
            }
        }
    });
}

#[test]
fn a_log_opens_from_any_segment_on_whatever_is_left_of_those_before() {
    block_on(async {
        let (pristine, _) = three_segments(true).await;
        let open_from = async |disk: &MemDisk, first| {
            let disk = Arc::new(disk.clone());
            let opened = Wal::open_from(disk, "a/log", 256, SegmentId(first), Retired::Kept).await;
            opened.map(|(wal, recovered)| (wal, recovered.records.len()))
        };
        let disk = pristine.restart();
        disk.remove(&path(1)).await.unwrap();
        disk.flip_bit(&path(2), 70);
        let (wal, found) = open_from(&disk, 3).await.unwrap();
        assert_eq!((wal.first_segment(), found), (SegmentId(3), 3));
        assert_eq!(disk.list("a/log").await.unwrap().len(), 2);
        // The one that is named must be there.
        for disk in [pristine.restart(), MemDisk::new()] {
            let error = open_from(&disk, 4).await.err().unwrap().to_string();
            assert!(error.contains("missing"), "{error}");
        }
    });
}

#[test]
fn a_sync_needs_no_segments_that_were_given_up() {
    block_on(async {
        let (disk, mut wal) = three_segments(false).await;
        wal.forget_before(SegmentId(3));
        assert_eq!(wal.first_segment(), SegmentId(3));
        for segment in [1, 2] {
            disk.remove(&path(segment)).await.unwrap();
        }
        let before = disk.operations();
        wal.commit().await.unwrap();
        assert_eq!(disk.operations() - before, 1, "one sync");
    });
}

#[test]
fn what_a_failed_sync_lost_is_written_once_more_by_who_finds_it() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        batch(&mut wal, &["one"]).await.unwrap();
        disk.fail_sync(disk.syncs() + 1);
        batch(&mut wal, &["two"]).await.unwrap_err();
        let disk = disk.restart_keeping_unsynced();
        assert_eq!(open(&disk).await.unwrap().1, ["one", "two"]);
        assert_eq!(open(&disk.restart()).await.unwrap().1, ["one", "two"]);
    });
}

#[test]
fn a_crash_while_a_torn_tail_is_removed_leaves_no_gap() {
    block_on(async {
        for operations in 0.. {
            let (disk, _) = three_segments(false).await;
            let disk = disk.restart_keeping_unsynced();
            disk.truncate_file(&path(1), RECORDS_BEGIN + 10);
            disk.stop_after(operations);
            let done = open(&disk).await.is_ok();
            for disk in [disk.restart_keeping_unsynced(), disk.restart()] {
                assert!(open(&disk).await.unwrap().1.is_empty(), "{operations}");
            }
            if done {
                assert!(operations > 4, "{operations}");
                return;
            }
        }
    });
}

#[test]
fn a_commit_at_once_is_durable_and_one_that_cannot_be_leaves_nothing() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        let append = |wal: &mut Wal, payload: &str| wal.append(1, SHARD, &[payload.as_bytes()]);
        append(&mut wal, "quick");
        wal.commit_now().expect("a quick disk").unwrap();
        assert_eq!(open(&disk.restart()).await.unwrap().1, ["quick"]);
        // A segment before the current one waits for its sync, too.
        write(&mut wal, "unsynced", true).await.unwrap();
        wal.rotate().await.unwrap();
        append(&mut wal, "forgotten");
        assert!(wal.commit_now().is_none());
        batch(&mut wal, &["both"]).await.unwrap();
        append(&mut wal, "quick again");
        wal.commit_now().expect("a quick disk").unwrap();
        disk.slow_down();
        append(&mut wal, "forgotten");
        assert!(wal.commit_now().is_none());
        let expected = ["quick", "unsynced", "both", "quick again"];
        assert_eq!(open(&disk.restart()).await.unwrap().1, expected);
        batch(&mut wal, &["slow"]).await.unwrap();
        assert_eq!(open(&disk.restart()).await.unwrap().1.len(), 5);
    });
}

#[test]
fn a_commit_at_once_whose_sync_fails_is_the_last() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut wal, _) = open(&disk).await.unwrap();
        disk.fail_sync(disk.syncs() + 1);
        wal.append(1, SHARD, &[b"lost"]);
        wal.commit_now().expect("an outcome").unwrap_err();
        wal.append(1, SHARD, &[b"more"]);
        wal.commit_now().expect("a refusal").unwrap_err();
        batch(&mut wal, &["more"]).await.unwrap_err();
        assert!(open(&disk.restart()).await.unwrap().1.is_empty());
    });
}
