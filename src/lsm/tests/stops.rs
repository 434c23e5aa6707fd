//! What stops the engine for good, and that nobody then waits for it.

use std::{
    io::ErrorKind,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    super::*,
    model::{Model, assert_agrees, note, number},
    puppet::{Deed, Puppet},
};
use crate::env::{
    MemDisk,
    task::{block_on, timeout, yield_now},
};

/// Longer than anything here takes that ends.
const LONG: Duration = Duration::from_secs(20);

/// So many attempts fail in a row before the engine gives up, and it waits after all but the last.
const FAILURES: u64 = 4;

async fn open(disk: Arc<Puppet>, options: Options) -> Db {
    let db = Db::open(disk, "db", options).await;
    db.expect("a database")
}

/// A few keys, each time the same.
fn write(db: &Db, model: &mut Model, seq: Seq) {
    let mut batch = Batch::new();
    for key in 0..8 {
        let (key, value) = (format!("key {key}").into_bytes(), vec![seq as u8; 60]);
        batch.put(&key, seq, &value);
        model.write(&key, seq, Some(&value));
    }
    db.write(&batch);
}

/// Writes and freezes until that fails; none if it never does.
async fn work(db: &Db, model: &mut Model) -> Option<LsmError> {
    for seq in 1..=80 {
        write(db, model, seq);
        let frozen = timeout(LONG, db.freeze(note(seq))).await;
        if let Err(error) = frozen.expect("nobody waits for ever") {
            return Some(error);
        }
    }
    None
}

/// Nobody waits for an engine that has stopped, and what it held can be read.
async fn assert_stopped(db: &Db, model: &Model, what: &str) -> LsmError {
    for waiting in [
        timeout(LONG, db.flush()).await,
        timeout(LONG, db.settle()).await,
    ] {
        waiting.expect(what).expect_err(what);
    }
    assert!(db.has_stopped(), "{what}");
    assert_agrees(db, model, SEQ_MAX).await;
    db.error().expect("an error")
}

fn is_table(path: &str) -> bool {
    path.ends_with(".table")
}

#[test]
fn syncs_that_keep_failing_stop_the_engine_and_those_that_fail_now_and_then_do_not() {
    block_on(async {
        for (file, ops) in [(".table", "sync"), ("manifest", "sync"), ("db", "sync_dir")] {
            for every in [1, 11] {
                let (begun, syncs) = (Arc::new(AtomicBool::new(false)), AtomicU64::new(0));
                let has_begun = Arc::clone(&begun);
                let fails = move |op: &str, path: &str| {
                    let counts = begun.load(Ordering::Relaxed) && op == ops;
                    counts
                        && path.contains(file)
                        && syncs.fetch_add(1, Ordering::Relaxed).is_multiple_of(every)
                };
                let judge = move |op, path: &str| match fails(op, path) {
                    true => Deed::Fail(ErrorKind::Other),
                    false => Deed::Go,
                };
                let disk = MemDisk::new();
                let db = open(Puppet::new(disk.clone(), judge), Options::test_min()).await;
                has_begun.store(true, Ordering::Relaxed);
                let mut model = Model::default();
                let failed = work(&db, &mut model).await;
                if every > 1 {
                    assert!(failed.is_none(), "{file}: {failed:?}");
                    db.settle().await.expect("compactions");
                    assert!(db.stats().retries > FAILURES, "{file}");
                    continue;
                }
                let error = assert_stopped(&db, &model, file).await;
                assert!(error.to_string().contains("was to fail"), "{error}");
                assert_eq!(db.stats().retries, FAILURES - 1, "{file}");
                // What it promised holds.
                let noted = number(&db.note());
                drop(db);
                let db = Db::open(Arc::new(disk.restart()), "db", Options::test_min()).await;
                let db = db.expect("a database");
                assert_eq!(number(&db.note()), noted, "{file}");
            }
        }
    });
}

#[test]
fn two_who_fail_at_compactions_in_turns_give_up_as_soon_as_one_who_fails_alone() {
    block_on(async {
        for compactions_max in [1, 2, 3] {
            let options = Options {
                compactions_max,
                ..Options::test_min()
            };
            // Flushes read nothing of tables, compactions read all.
            let is_of_compaction = |op: &str, path: &str| is_table(path) && op == "open";
            let disk = Puppet::new(MemDisk::new(), move |op, path| {
                match is_of_compaction(op, path) {
                    true => Deed::Fail(ErrorKind::Other),
                    false => Deed::Go,
                }
            });
            let db = open(disk, options).await;
            let mut model = Model::default();
            for seq in 1..=8 {
                write(&db, &mut model, seq);
                db.freeze(note(seq)).await.expect("a freeze");
                if timeout(LONG, db.flush()).await.expect("an end").is_err() {
                    break;
                }
            }
            timeout(LONG, db.settle())
                .await
                .expect("an end")
                .expect_err("a failure");
            assert!(db.has_stopped());
            assert_eq!(
                db.stats().retries,
                FAILURES - 1,
                "{compactions_max} compactors"
            );
        }
    });
}

#[test]
fn an_operation_of_the_disk_that_panics_stops_the_engine_and_nobody_waits() {
    block_on(async {
        // In a flush, in the committer, in a compaction.
        for (what, file) in [
            ("append", ".table"),
            ("append", "manifest"),
            ("open", ".table"),
        ] {
            let armed = Arc::new(AtomicBool::new(false));
            let is_armed = Arc::clone(&armed);
            let judge = move |op, path: &str| {
                let is_it = op == what && path.contains(file);
                match is_it && is_armed.load(Ordering::Relaxed) {
                    true => Deed::Panic,
                    false => Deed::Go,
                }
            };
            let db = open(Puppet::new(MemDisk::new(), judge), Options::test_min()).await;
            armed.store(true, Ordering::Relaxed);
            let mut model = Model::default();
            let failed = work(&db, &mut model).await;
            let error = failed.expect("a failure");
            assert!(
                matches!(error, LsmError::Panicked),
                "{what} of {file}: {error}"
            );
            if what == "append" {
                // What lies in tables can only be read by opening them.
                let error = assert_stopped(&db, &model, what).await;
                assert!(
                    matches!(error, LsmError::Panicked),
                    "{what} of {file}: {error}"
                );
            }
        }
    });
}

#[test]
fn a_part_of_a_compaction_that_panics_is_a_failure_of_the_whole() {
    block_on(async {
        // The second time that a compaction begins a table while another is being written.
        let created = Arc::new(AtomicU64::new(0));
        let (counter, armed) = (Arc::clone(&created), Arc::new(AtomicBool::new(false)));
        let is_armed = Arc::clone(&armed);
        let judge = move |op, path: &str| {
            let counts = armed.load(Ordering::Relaxed) && op == "create" && is_table(path);
            match counts && counter.fetch_add(1, Ordering::Relaxed) == 1 {
                true => Deed::Panic,
                false => Deed::Go,
            }
        };
        let db = open(Puppet::new(MemDisk::new(), judge), Options::test_min()).await;
        let mut model = Model::default();
        let grow = async |model: &mut Model, seqs: std::ops::Range<u64>| {
            for seq in seqs {
                let mut batch = Batch::new();
                for at in 0..40 {
                    let key = format!("key {:03}", (seq * 7 + at) % 90).into_bytes();
                    let value = super::model::noise(seq * 100 + at, 60);
                    batch.put(&key, seq, &value);
                    model.write(&key, seq, Some(&value));
                }
                db.write(&batch);
                if db.freeze(note(seq)).await.is_err() || db.flush().await.is_err() {
                    return;
                }
            }
        };
        grow(&mut model, 1..3).await;
        db.settle().await.expect("compactions");
        is_armed.store(true, Ordering::Relaxed);
        grow(&mut model, 3..30).await;
        let settled = timeout(LONG, db.settle()).await.expect("an end");
        assert!(matches!(settled, Err(LsmError::Panicked)), "{settled:?}");
        assert!(created.load(Ordering::Relaxed) > 1);
        while !db.has_stopped() {
            yield_now().await;
        }
        assert_agrees(&db, &model, SEQ_MAX).await;
    });
}
