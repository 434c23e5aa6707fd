//! Copies by links.

use std::sync::Arc;

use super::{
    super::*,
    model::{Model, assert_agrees, note, number},
    puppet::{Deed, Puppet},
};
use crate::env::{
    Disk, MemDisk,
    task::{block_on, spawn, watch, yield_now},
};

async fn open(disk: &MemDisk, dir: &str) -> Result<Db, LsmError> {
    Db::open(Arc::new(disk.clone()), dir, Options::test_min()).await
}

async fn write(db: &Db, model: &mut Model, steps: std::ops::Range<u64>) {
    for step in steps {
        let mut batch = Batch::new();
        for key in [step % 7, 10 + step % 11, 30 + step % 13] {
            let (key, value) = (format!("key {key:02}").into_bytes(), [step as u8; 40]);
            batch.put(&key, step, &value);
            model.write(&key, step, Some(&value));
        }
        db.write(&batch);
        db.set_floor(step);
        if step.is_multiple_of(4) {
            db.freeze(note(step)).await.expect("a freeze");
        }
    }
}

#[test]
fn a_copy_stays_as_it_was_whatever_becomes_of_the_original() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk, "db").await.expect("a database");
        let mut model = Model::default();
        write(&db, &mut model, 1..41).await;
        let copied = model.clone();
        let held = db.checkpoint("copies/one").await.expect("a copy");
        assert_eq!(number(&held), 40);
        write(&db, &mut model, 41..101).await;
        db.settle().await.expect("compactions");
        drop(db);

        for disk in [disk.restart(), disk.restart_keeping_unsynced()] {
            let report = verify(Arc::new(disk.clone()), "copies/one").await;
            assert_eq!(report.expect("a report").findings, []);
            let copy = open(&disk, "copies/one").await.expect("the copy");
            assert_eq!(copy.note(), held);
            assert_agrees(&copy, &copied, 40).await;
            // It is a database of its own.
            let mut grown = copied.clone();
            write(&copy, &mut grown, 41..81).await;
            copy.settle().await.expect("compactions");
            assert_agrees(&copy, &grown, 80).await;
            let db = open(&disk, "db").await.expect("the original");
            assert_agrees(&db, &model, 100).await;
            assert_eq!(db.verify().await.expect("a report").findings, []);
        }
    });
}

#[test]
fn tables_that_are_merged_while_they_are_being_copied_stay_until_they_are() {
    block_on(async {
        let disk = MemDisk::new();
        let (open_gate, gate) = watch::channel(false);
        let (begin, mut begun) = watch::channel(false);
        let judge = move |op, _: &str| match op {
            "link" => {
                begin.send_replace(true);
                Deed::Wait(gate.clone())
            }
            _ => Deed::Go,
        };
        let puppet = Puppet::new(disk.clone(), judge);
        let db = Db::open(puppet, "db", Options::test_min()).await;
        let db = db.expect("a database");
        let mut model = Model::default();
        write(&db, &mut model, 1..41).await;
        db.settle().await.expect("compactions");
        let (copied, before) = (model.clone(), tables(&disk).await);
        let copying = spawn({
            let db = db.clone();
            async move { db.checkpoint("copy").await }
        });
        begun.changed().await.expect("a first link");
        write(&db, &mut model, 41..201).await;
        db.settle().await.expect("compactions");
        let is_of_now = |table: &String| !before.contains(table);
        assert!(tables(&disk).await.iter().any(is_of_now), "other tables");
        open_gate.send_replace(true);
        let held = copying.await.expect("no panic").expect("a copy");
        assert_eq!(number(&held), 40);
        let copy = open(&disk, "copy").await.expect("the copy");
        assert_agrees(&copy, &copied, 40).await;
        // Nobody needs the old tables any more.
        let is_old = |table: &String| before.contains(table);
        while tables(&disk).await.iter().any(is_old) {
            yield_now().await;
        }
    });
}

/// The tables of the original.
async fn tables(disk: &MemDisk) -> Vec<String> {
    let mut names = disk.list("db").await.expect("a listing");
    names.retain(|name| name.ends_with(".table"));
    names
}

#[test]
fn a_directory_in_use_is_refused_and_an_unfinished_copy_is_replaced() {
    block_on(async {
        let disk = MemDisk::new();
        let db = open(&disk, "db").await.expect("a database");
        let mut model = Model::default();
        write(&db, &mut model, 1..9).await;
        for dir in ["db", "", "db/inside"] {
            let error = db.checkpoint(dir).await.expect_err("a refusal");
            assert!(matches!(error, LsmError::Occupied { .. }), "{dir}: {error}");
        }
        db.checkpoint("copy").await.expect("a copy");
        let error = db.checkpoint("copy").await.expect_err("a refusal");
        assert!(matches!(error, LsmError::Occupied { .. }), "{error}");
        disk.create_dir("foreign/dir").await.expect("a directory");
        let error = db.checkpoint("foreign").await.expect_err("a refusal");
        assert!(matches!(error, LsmError::Foreign { .. }), "{error}");
        disk.remove("copy/manifest").await.expect("a removal");
        assert!(open(&disk, "copy").await.is_err(), "not a database");
        db.checkpoint("copy").await.expect("a copy");
        let copy = open(&disk, "copy").await.expect("the copy");
        assert_agrees(&copy, &model, 8).await;
    });
}

#[test]
fn whenever_the_disk_stops_a_copy_is_whole_or_is_none() {
    block_on(async {
        let mut copies = 0;
        for operations in 0.. {
            let disk = MemDisk::new();
            let db = open(&disk, "db").await.expect("a database");
            let mut model = Model::default();
            write(&db, &mut model, 1..25).await;
            db.settle().await.expect("compactions");
            disk.stop_after(disk.operations() + operations);
            let done = db.checkpoint("copy").await;
            drop(db);
            for disk in [disk.restart(), disk.restart_keeping_unsynced()] {
                let db = open(&disk, "db").await.expect("the original");
                assert_agrees(&db, &model, 24).await;
                let has_copy = match disk.list("copy").await {
                    Ok(names) => names.contains(&"manifest".to_owned()),
                    Err(_) => false,
                };
                assert!(has_copy || done.is_err(), "{operations}");
                if has_copy {
                    copies += 1;
                } else {
                    let leftovers = disk.list("copy").await.unwrap_or_default();
                    assert!(leftovers.is_empty() || open(&disk, "copy").await.is_err());
                    db.checkpoint("copy").await.expect("another attempt");
                }
                let copy = open(&disk, "copy").await.expect("the copy");
                assert_agrees(&copy, &model, 24).await;
            }
            if done.is_ok() {
                assert!(operations > 8 && copies > 2, "{operations} {copies}");
                return;
            }
        }
    });
}
