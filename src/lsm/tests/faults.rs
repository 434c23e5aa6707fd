//! A disk that is full for a while, and one whose sync fails: the database goes on without being
//! opened again, and nothing is lost.

use std::{io::ErrorKind, sync::Arc};

use super::{
    super::*,
    model::{Model, assert_agrees, note, number},
};
use crate::{
    env::{
        MemDisk,
        task::{block_on, spawn, yield_now},
    },
    rng::Rng,
};

const STEPS: u64 = 36;

/// What a step writes.
fn write(db: &Db, model: &mut Model, step: u64) {
    let mut rng = Rng::new(step);
    let mut batch = Batch::new();
    for _ in 0..5 {
        let key = format!("key {:02}", rng.below(50)).into_bytes();
        if rng.chance(0.2) {
            batch.delete(&key, step);
            model.write(&key, step, None);
        } else {
            let value = vec![step as u8; rng.below(90) as usize];
            batch.put(&key, step, &value);
            model.write(&key, step, Some(&value));
        }
    }
    db.write(&batch);
}

/// Writes, freezes, flushes and compacts; whatever the disk does must not show.
async fn work(db: &Db) -> Model {
    let mut model = Model::default();
    for step in 1..=STEPS {
        write(db, &mut model, step);
        db.set_floor(step.saturating_sub(5));
        if step.is_multiple_of(2) {
            db.freeze(note(step)).await.expect("a freeze");
        }
        if step.is_multiple_of(9) {
            db.settle().await.expect("compactions");
        }
    }
    db.settle().await.expect("compactions");
    model
}

/// Opens a database on a disk, prepares a fault, works, and looks at what is there: at once, after
/// an error was met, and after a loss of power. Answers whether there was an error.
async fn survive(disk: &MemDisk, fault: impl FnOnce(&MemDisk)) -> bool {
    let shared = Arc::new(disk.clone());
    let db = Db::open(shared, "db", Options::test_min()).await;
    let db = db.expect("a database");
    fault(disk);
    // Somebody who notices and makes room.
    let (watched, full) = (db.clone(), disk.clone());
    let operator = spawn(async move {
        loop {
            if watched.error().is_some() && !watched.has_stopped() {
                full.make_room();
                return;
            }
            yield_now().await;
        }
    });
    let model = work(&db).await;
    operator.abort();
    disk.make_room();
    // Of two that compact, the one that failed may still wait when the other has done its work.
    while db.error().is_some() {
        assert!(!db.has_stopped(), "{:?}", db.error());
        yield_now().await;
    }
    assert_eq!(number(&db.note()), STEPS);
    assert_agrees(&db, &model, STEPS).await;
    let retries = db.stats().retries;
    drop(db);
    let shared = Arc::new(disk.restart());
    let db = Db::open(shared, "db", Options::test_min()).await;
    let db = db.expect("a database after a loss of power");
    assert_eq!(number(&db.note()), STEPS);
    assert_agrees(&db, &model, STEPS).await;
    retries > 0
}

/// How much of everything the workload does, opening excluded: operations and syncs.
async fn count() -> ((u64, u64), (u64, u64)) {
    let disk = MemDisk::new();
    let mut opened = (0, 0);
    survive(&disk, |disk| opened = (disk.operations(), disk.syncs())).await;
    (opened, (disk.operations(), disk.syncs()))
}

#[test]
fn when_the_disk_is_full_for_a_while_everything_waits_and_goes_on() {
    block_on(async {
        let ((from, _), (to, _)) = count().await;
        let mut met = 0;
        for operations in from..to {
            let fault = |disk: &MemDisk| disk.fill_after(operations);
            met += u64::from(survive(&MemDisk::new(), fault).await);
        }
        assert!(met > (to - from) / 2, "{met} errors at {from}..{to}");
    });
}

#[test]
fn what_a_failed_sync_was_to_save_is_written_anew() {
    block_on(async {
        let ((_, from), (_, to)) = count().await;
        for sync in from + 1..=to {
            let met = survive(&MemDisk::new(), |disk| disk.fail_sync(sync)).await;
            // How the tasks take turns may differ by a little at the end.
            assert!(met || sync + 5 > to, "sync {sync} of {to} did not fail");
        }
    });
}

#[test]
fn a_disk_that_stays_full_is_an_error_and_holds_writers_but_no_readers() {
    block_on(async {
        let disk = MemDisk::new();
        let shared = Arc::new(disk.clone());
        let db = Db::open(shared, "db", Options::test_min()).await;
        let db = db.expect("a database");
        disk.fill_after(disk.operations());
        let mut model = Model::default();
        for step in 1..=2 {
            write(&db, &mut model, step);
            db.freeze(note(step)).await.expect("room in memory");
        }
        while db.stats().retries < 7 {
            yield_now().await;
        }
        let error = db.error().expect("an error");
        let is_full = |error: &LsmError| matches!(error, LsmError::Disk(error) if error.kind == ErrorKind::StorageFull);
        assert!(is_full(&error) && !db.has_stopped(), "{error}");
        assert_agrees(&db, &model, 2).await;
        assert_eq!((number(&db.note()), db.stats().frozen), (0, 2));
        disk.make_room();
        db.flush().await.expect("a flush");
        assert!(db.error().is_none());
        assert_eq!(number(&db.note()), 2);
    });
}
