//! What is found in the directory: ours, left over, missing, or somebody else's.

use std::sync::Arc;

use super::{
    super::*,
    model::{Model, assert_agrees, note},
};
use crate::env::{Disk, MemDisk, task::block_on};

async fn open(disk: &MemDisk) -> Result<Db, LsmError> {
    Db::open(Arc::new(disk.clone()), "db", Options::test_min()).await
}

/// A database with one table, at rest.
async fn sample() -> (MemDisk, Model) {
    let disk = MemDisk::new();
    let db = open(&disk).await.expect("a new database");
    let (mut batch, mut model) = (Batch::new(), Model::default());
    batch.put(b"key", 1, b"value");
    model.write(b"key", 1, Some(b"value"));
    db.write(&batch);
    db.freeze(note(1)).await.expect("a freeze");
    db.settle().await.expect("a flush");
    (disk.restart(), model)
}

async fn refused(disk: &MemDisk) -> LsmError {
    open(disk).await.err().expect("an error")
}

#[test]
fn a_foreign_file_is_named_and_left_alone() {
    block_on(async {
        let (disk, _) = sample().await;
        disk.create("db/notes.txt").await.expect("a file");
        let error = refused(&disk).await;
        let text = "db/notes.txt does not belong to this database: move it out of the directory";
        assert_eq!(error.to_string(), text);
        assert!(disk.open("db/notes.txt").await.is_ok());

        let (disk, _) = sample().await;
        disk.create_dir("db/more").await.expect("a directory");
        let error = refused(&disk).await;
        assert!(
            matches!(&error, LsmError::Foreign { file } if file == "db/more/"),
            "{error}"
        );
    });
}

#[test]
fn leftovers_of_unfinished_work_are_removed() {
    block_on(async {
        let (disk, model) = sample().await;
        for name in ["db/000000000077.table", "db/manifest.new"] {
            let file = disk.create(name).await.expect("a file");
            file.append(b"half a").await.expect("an append");
        }
        let db = open(&disk).await.expect("a database");
        assert_agrees(&db, &model, 1).await;
        let names = disk.list("db").await.expect("a listing");
        assert_eq!(names, ["000000000001.table", "manifest"]);
        // The name of a leftover is not given again: its removal is not durable.
        let batch = &mut Batch::new();
        batch.put(b"more", 2, b"");
        db.write(batch);
        db.freeze(note(2)).await.expect("a freeze");
        db.flush().await.expect("a flush");
        let names = disk.list("db").await.expect("a listing");
        assert_eq!(names[1], "000000000078.table");
    });
}

#[test]
fn a_missing_file_is_named() {
    block_on(async {
        let (disk, _) = sample().await;
        disk.remove("db/manifest").await.expect("a removal");
        let error = refused(&disk).await.to_string();
        assert!(error.starts_with("db/manifest is corrupt"), "{error}");

        let (disk, _) = sample().await;
        disk.remove("db/000000000001.table")
            .await
            .expect("a removal");
        let error = refused(&disk).await.to_string();
        assert!(
            error.starts_with("db/000000000001.table is missing, and db/manifest names it"),
            "{error}"
        );
    });
}

#[test]
fn an_unknown_version_is_refused_by_name() {
    block_on(async {
        for (path, from_end) in [("db/manifest", None), ("db/000000000001.table", Some(12))] {
            let (disk, _) = sample().await;
            let offset = from_end.map_or(8, |bytes| disk.contents(path).len() - bytes);
            // 1 becomes 0.
            disk.flip_bit(path, offset);
            // A table is looked at when it is first read.
            let error = match open(&disk).await {
                Ok(db) => db.get(b"key", 1).await.expect_err("an error"),
                Err(error) => error,
            };
            let text = format!("{path} has format version 0, this software reads version 1");
            assert_eq!(error.to_string(), text);
        }
    });
}

#[test]
fn a_new_database_is_empty_and_survives_a_loss_of_power() {
    block_on(async {
        let disk = MemDisk::new();
        let deep = |disk: &MemDisk| {
            let disk = Arc::new(disk.clone());
            async { Db::open(disk, "a/b/c", Options::test_min()).await }
        };
        let db = deep(&disk).await.expect("a new database");
        assert!(db.note().is_empty());
        assert_agrees(&db, &Model::default(), 9).await;
        let mut batch = Batch::new();
        batch.put(b"key", 1, b"value");
        db.write(&batch);
        db.freeze(note(1)).await.expect("a freeze");
        db.flush().await.expect("a flush");
        let db = deep(&disk.restart()).await.expect("a database");
        assert_eq!(db.note(), note(1));
    });
}

#[test]
fn what_an_edit_replaced_stays_until_the_edit_is_durable() {
    block_on(async {
        for operations in 0.. {
            let disk = MemDisk::new();
            let db = open(&disk).await.expect("a new database");
            let mut done = Ok(());
            for seq in 1..=3 {
                if seq == 3 {
                    disk.stop_after(disk.operations() + operations);
                }
                let mut batch = Batch::new();
                batch.put(b"key", seq, b"value");
                db.write(&batch);
                db.freeze(note(seq)).await.expect("a freeze");
                done = db.settle().await;
            }
            drop(db);
            // The process dies, the next one reads what is not durable and stops somewhere, and
            // then power fails.
            for operations in 0..8 {
                let disk = disk.restart_keeping_unsynced();
                disk.stop_after(disk.operations() + operations);
                let _ = open(&disk).await;
                let db = open(&disk.restart()).await.expect("a database");
                let found = db.get(b"key", SEQ_MAX).await.expect("a table");
                assert!(found.is_some_and(|found| found.seq >= 2));
            }
            if done.is_ok() {
                assert!(operations > 10, "{operations}");
                return;
            }
        }
    });
}
