//! A flipped bit anywhere is harmless or reported; it never panics and never changes an answer.

use std::sync::Arc;

use super::{
    super::*,
    model::{Model, listed, noise, note, number, seen_all},
};
use crate::env::{Disk, MemDisk, task::block_on};

/// Of a table's bytes one in so many is damaged, each time with another start.
const STRIDE: usize = 5;

/// Writes of the sample.
const STEPS: u64 = 60;

async fn open(disk: &MemDisk) -> Result<Db, LsmError> {
    Db::open(Arc::new(disk.clone()), "db", Options::test_min()).await
}

/// A database at rest with tables in level 0 and below, and a manifest of several edits.
async fn sample() -> (MemDisk, Model) {
    let disk = MemDisk::new();
    let db = open(&disk).await.expect("a new database");
    let mut model = Model::default();
    for step in 1..=STEPS {
        let (key, value) = (
            format!("key {}", step * 7 % 40),
            // Something that is worth compressing, but not too much.
            [noise(step, step as usize * 2), vec![7; step as usize * 2]].concat(),
        );
        let mut batch = Batch::new();
        batch.put(key.as_bytes(), step, &value);
        batch.delete(b"gone", step);
        model.write(key.as_bytes(), step, Some(&value));
        model.write(b"gone", step, None);
        if step.is_multiple_of(5) {
            let (start, end) = (
                format!("key {}", step % 30),
                format!("key {}", step % 30 + 2),
            );
            batch.delete_range(start.as_bytes(), end.as_bytes(), step);
            model.delete_range(start.as_bytes(), end.as_bytes(), step);
        }
        db.write(&batch);
        if step.is_multiple_of(12) {
            db.freeze(note(step)).await.expect("a freeze");
            db.settle().await.expect("compactions");
        }
    }
    let stats = db.stats();
    let below: u64 = stats.tables[1..].iter().sum();
    assert!(stats.tables[0] > 1 && below > 1, "{stats:?}");
    (disk, model)
}

/// Reads everything in every way. An error is fine, an answer must be the right one.
async fn examine(disk: &MemDisk, model: &Model, place: &str) -> bool {
    let Ok(db) = open(disk).await else {
        return true;
    };
    assert_eq!(number(&db.note()), STEPS, "an older state: {place}");
    let mut is_noticed = false;
    for (key, seq, value) in model.seen(STEPS) {
        match db.get(&key, STEPS).await {
            Ok(Some(found)) => {
                assert_eq!((Some(&found.value[..]), found.seq), (value.as_deref(), seq))
            }
            Ok(None) => panic!("{key:?} is gone: {place}"),
            Err(_) => is_noticed = true,
        }
    }
    match db.get(b"gone", STEPS).await {
        Ok(found) => assert_eq!(found, None, "{place}"),
        Err(_) => is_noticed = true,
    }
    match seen_all(&db, STEPS).await {
        Ok(seen) => assert_eq!(seen, model.seen(STEPS), "{place}"),
        Err(_) => is_noticed = true,
    }
    let snapshot = db.snapshot(note(STEPS)).await.expect("a snapshot");
    match listed(&snapshot).await {
        Ok(listed) => assert_eq!(listed, model.listed(), "{place}"),
        Err(_) => is_noticed = true,
    }
    is_noticed
}

#[test]
fn a_flipped_bit_is_harmless_or_reported() {
    block_on(async {
        let (disk, model) = sample().await;
        let names = disk.list("db").await.expect("a listing");
        for (number, name) in names.iter().enumerate() {
            let path = format!("db/{name}");
            let length = disk.contents(&path).len();
            let stride = if name == "manifest" { 1 } else { STRIDE };
            let mut unnoticed = Vec::new();
            for offset in (number % stride..length).step_by(stride) {
                let damaged = disk.restart_keeping_unsynced();
                damaged.flip_bit(&path, offset);
                let place = format!("{path} at {offset}");
                if !examine(&damaged, &model, &place).await {
                    unnoticed.push(offset);
                }
            }
            // Only the manifest's last mark may be damaged without anybody noticing.
            let harmless = if name == "manifest" {
                length - 32..length
            } else {
                0..0
            };
            assert!(
                unnoticed.iter().all(|offset| harmless.contains(offset)),
                "{path}: {unnoticed:?}"
            );
        }
    });
}

#[test]
fn a_file_that_was_cut_is_reported() {
    block_on(async {
        let (disk, model) = sample().await;
        let names = disk.list("db").await.expect("a listing");
        for name in names.iter().filter(|name| *name != "manifest") {
            let path = format!("db/{name}");
            for length in [0, 1, 43, 44, disk.contents(&path).len() - 1] {
                let damaged = disk.restart_keeping_unsynced();
                damaged.truncate_file(&path, length);
                assert!(
                    examine(&damaged, &model, &path).await,
                    "{path} cut to {length}"
                );
            }
        }
    });
}

#[test]
fn tables_that_changed_places_are_not_believed() {
    block_on(async {
        let (disk, model) = sample().await;
        let names = disk.list("db").await.expect("a listing");
        let tables: Vec<_> = names.iter().filter(|name| *name != "manifest").collect();
        let (one, two) = (format!("db/{}", tables[0]), format!("db/{}", tables[1]));
        disk.rename(&one, "db/aside").await.expect("a rename");
        disk.rename(&two, &one).await.expect("a rename");
        disk.rename("db/aside", &two).await.expect("a rename");
        let db = open(&disk)
            .await
            .expect("a database that reads nothing yet");
        // Whatever is not in either of the two is found, the rest is refused.
        let mut refused = 0;
        for (key, seq, value) in model.seen(STEPS) {
            match db.get(&key, STEPS).await {
                Ok(found) => {
                    let found = found.expect("what was written");
                    assert_eq!((Some(&found.value[..]), found.seq), (value.as_deref(), seq));
                }
                Err(error) => {
                    assert!(matches!(error, LsmError::Corrupt { .. }), "{error}");
                    let error = error.to_string();
                    assert!(
                        error.starts_with(&one) || error.starts_with(&two),
                        "{error}"
                    );
                    refused += 1;
                }
            }
        }
        assert!(refused > 0);
        assert!(seen_all(&db, STEPS).await.is_err());
    });
}
