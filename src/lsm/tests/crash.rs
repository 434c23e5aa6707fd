//! A database that is stopped after every single operation of the disk in turn.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    super::*,
    model::{Model, assert_agrees, note, number},
};
use crate::{
    env::{Disk, MemDisk, task::block_on},
    rng::Rng,
};

/// Steps of the workload. Each writes as the version number of its own number.
const STEPS: u64 = 90;

/// At this step everything is replaced.
const INGEST: u64 = 50;

/// At these steps the database is copied.
const CHECKPOINTS: [u64; 2] = [40, 80];

/// The workload opens the database anew at these steps.
const REOPENINGS: [u64; 3] = [1, 31, 61];

/// What step `step` writes.
fn writes(step: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut rng = Rng::new(step);
    let mut write = |_| {
        let key = format!("key {:02}", rng.below(40)).into_bytes();
        let length = rng.below(60) as usize;
        (key, (!rng.chance(0.2)).then(|| vec![step as u8; length]))
    };
    let mut writes: Vec<_> = (0..4).map(&mut write).collect();
    // A row of keys that only grows, and cannot be compressed: levels fill up, and at the end of the
    // row tables go down as they are.
    let value = (0..120).map(|_| rng.below(256) as u8).collect();
    writes.push((format!("row {step:03}").into_bytes(), Some(value)));
    writes
}

/// The range that step `step` deletes, if it does.
fn deleted(step: u64) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut rng = Rng::new(step).fork("ranges");
    let from = rng.below(40);
    let to = from + 1 + rng.below(8);
    let key = |number: u64| format!("key {number:02}").into_bytes();
    step.is_multiple_of(4).then(|| (key(from), key(to)))
}

/// What step `step` ingests, given what was there before: other values for some of the keys.
fn replacement(before: &Model, step: u64) -> Model {
    let mut model = Model::default();
    for (key, _, value) in before.seen(step - 1).iter().step_by(2) {
        let value = value
            .as_ref()
            .map(|value| [value, &b" replaced"[..]].concat());
        model.write(key, step, value.as_deref());
    }
    model
}

/// What there is after so many steps.
fn after(steps: u64) -> Model {
    let mut model = Model::default();
    for step in 1..=steps {
        if step == INGEST {
            model = replacement(&model, step);
            continue;
        }
        for (key, value) in writes(step) {
            model.write(&key, step, value.as_deref());
        }
        if let Some((start, end)) = deleted(step) {
            model.delete_range(&start, &end, step);
        }
    }
    model
}

/// The workload from where its database is, to `last`. Raises `acknowledged` to the last step that
/// is said to be durable. Returns the numbers at the end.
async fn work(disk: &MemDisk, last: u64, acknowledged: &AtomicU64) -> Result<Stats, LsmError> {
    let mut db = open(disk).await?;
    for step in number(&db.note()) + 1..=last {
        if REOPENINGS.contains(&step) {
            db.freeze(note(step - 1)).await?;
            db.flush().await?;
            db = open(disk).await?;
            assert_eq!(number(&db.note()), step - 1);
        }
        match step {
            INGEST => ingest(&db).await?,
            _ => write(&db, step).await?,
        }
        // Reads are not part of the workload, but let the clock of tasks tick.
        acknowledged.fetch_max(number(&db.note()), Ordering::Relaxed);
    }
    db.freeze(note(last)).await?;
    db.settle().await?;
    acknowledged.fetch_max(number(&db.note()), Ordering::Relaxed);
    Ok(db.stats())
}

async fn open(disk: &MemDisk) -> Result<Db, LsmError> {
    Db::open(Arc::new(disk.clone()), "db", Options::test_min()).await
}

async fn write(db: &Db, step: u64) -> Result<(), LsmError> {
    let mut batch = Batch::new();
    for (key, value) in writes(step) {
        match value {
            Some(value) => batch.put(&key, step, &value),
            None => batch.delete(&key, step),
        }
    }
    if let Some((start, end)) = deleted(step) {
        batch.delete_range(&start, &end, step);
    }
    db.write(&batch);
    // Only the present is compared, so what is older may go.
    db.set_floor(step.saturating_sub(5));
    if step.is_multiple_of(3) {
        db.freeze(note(step)).await?;
    }
    if step.is_multiple_of(7) {
        db.flush().await?;
    }
    if step.is_multiple_of(29) {
        db.settle().await?;
    }
    if CHECKPOINTS.contains(&step) {
        checkpoint(db, step).await?;
    }
    Ok(())
}

async fn checkpoint(db: &Db, step: u64) -> Result<(), LsmError> {
    db.freeze(note(step)).await?;
    match db.checkpoint(&copy(step)).await {
        Ok(held) => {
            assert_eq!(number(&held), step);
            Ok(())
        }
        // The step was done before the crash.
        Err(LsmError::Occupied { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The directory of the copy that step `step` makes.
fn copy(step: u64) -> String {
    format!("copies/{step}")
}

/// Whatever is there of copies is whole, or does not look like a database.
async fn check_copies(disk: &MemDisk) {
    for step in CHECKPOINTS {
        let names = disk.list(&copy(step)).await.unwrap_or_default();
        if names.contains(&"manifest".to_owned()) {
            let shared = Arc::new(disk.clone());
            let db = Db::open(shared, &copy(step), Options::test_min()).await;
            let db = db.expect("a copy that opens");
            assert_eq!(number(&db.note()), step);
            assert_agrees(&db, &after(step), step).await;
        }
    }
}

async fn ingest(db: &Db) -> Result<(), LsmError> {
    // One memtable is frozen and one active when everything is replaced.
    db.freeze(note(INGEST - 1)).await?;
    let mut ingest = db.ingest().await;
    for (key, seq, value) in replacement(&after(INGEST - 1), INGEST).listed() {
        ingest.add(&key, seq, value.as_deref()).await?;
    }
    ingest.finish(note(INGEST)).await
}

/// Opens what a crash left and compares it with what it may be, goes on working, and compares.
async fn check(disk: &MemDisk, acknowledged: u64) {
    let db = open(disk)
        .await
        .expect("a database that opens after a crash");
    let found = number(&db.note());
    assert!(
        found >= acknowledged,
        "{found} is older than {acknowledged}"
    );
    assert_agrees(&db, &after(found), found).await;
    let files = disk.list("db").await.expect("a listing");
    let tables = db.stats().tables.iter().sum::<u64>() as usize;
    assert_eq!(files.len(), tables + 1, "leftovers in {files:?}");
    assert_eq!(db.verify().await.expect("a report").findings, []);
    drop(db);
    check_copies(disk).await;

    let last = (found + 8).min(STEPS);
    work(disk, last, &AtomicU64::new(0))
        .await
        .expect("more work");
    let db = open(disk).await.expect("a database that opens");
    assert_agrees(&db, &after(last), last).await;
}

/// Stops the disk after `operations`, and again after `again` operations of the recovery. Answers
/// whether the workload noticed.
async fn crash(operations: u64, again: u64) -> bool {
    let disk = MemDisk::new();
    disk.stop_after(operations);
    let acknowledged = AtomicU64::new(0);
    let ended = work(&disk, STEPS, &acknowledged).await;
    let acknowledged = acknowledged.into_inner();
    assert!(
        ended.is_err() || acknowledged == STEPS,
        "the disk was to stop"
    );
    check(&disk.restart(), acknowledged).await;
    check(&disk.restart_keeping_unsynced(), acknowledged).await;

    let recovering = disk.restart_keeping_unsynced();
    recovering.stop_after(again);
    if open(&recovering).await.is_err() {
        check(&recovering.restart(), acknowledged).await;
        check(&recovering.restart_keeping_unsynced(), acknowledged).await;
    }
    ended.is_err()
}

#[test]
fn whenever_the_disk_stops_what_was_acknowledged_is_there_and_nothing_is_mixed() {
    block_on(async {
        let disk = MemDisk::new();
        let acknowledged = AtomicU64::new(0);
        let done = work(&disk, STEPS, &acknowledged).await;
        let stats = done.expect("a disk that works");
        // Besides level 0, which is empty when everything has settled.
        let used = stats.tables[1..].iter().filter(|tables| **tables > 0);
        let used = used.count();
        assert!(
            used >= 2 && stats.compactions > 0 && stats.moves > 0,
            "{stats:?}"
        );
        let manifest = disk.contents("db/manifest");
        let epoch = manifest[12..].first_chunk().expect("a header");
        let openings = 1 + REOPENINGS.len() as u64;
        assert!(
            u64::from_le_bytes(*epoch) > openings,
            "the manifest was rewritten"
        );
        assert_eq!(acknowledged.into_inner(), STEPS);
        check_copies(&disk).await;
        assert_eq!(
            disk.list("copies").await.expect("copies").len(),
            CHECKPOINTS.len()
        );
        let total = disk.operations();
        assert!(total > 300, "{total} operations are too few to tell");
        let mut noticed = 0;
        for operations in 0..total {
            noticed += u64::from(crash(operations, operations % 11).await);
        }
        // The last of all are removals of files that nobody needs, which may fail.
        assert!(noticed + 20 > total, "{noticed} of {total}");
    });
}
