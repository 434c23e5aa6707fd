//! Full checks and the scrub: what is whole is found to be so, and damage is named.

use std::{ops::Bound, sync::Arc};

use super::{
    super::*,
    model::{Model, note},
};
use crate::{
    env::{
        Disk, MemDisk,
        task::{block_on, yield_now},
    },
    rng::Rng,
};

async fn open(disk: &MemDisk, options: Options) -> Db {
    let db = Db::open(Arc::new(disk.clone()), "db", options).await;
    db.expect("a database")
}

/// A database with tables in several levels, at rest.
async fn sample() -> (MemDisk, Db) {
    let disk = MemDisk::new();
    let db = open(&disk, Options::test_min()).await;
    let mut model = Model::default();
    for step in 1..=48_u64 {
        let mut batch = Batch::new();
        let key = format!("key {:02}", step * 7 % 40).into_bytes();
        // Not to be compressed.
        let mut rng = Rng::new(step);
        let value: Vec<u8> = (0..200).map(|_| rng.below(256) as u8).collect();
        batch.put(&key, step, &value);
        batch.delete(b"gone", step);
        model.write(&key, step, Some(&value));
        if step.is_multiple_of(10) {
            batch.delete_range(b"key 05", b"key 07", step);
        }
        db.write(&batch);
        if step.is_multiple_of(6) {
            db.freeze(note(step)).await.expect("a freeze");
            db.settle().await.expect("compactions");
        }
    }
    let used = db
        .stats()
        .tables
        .iter()
        .filter(|tables| **tables > 0)
        .count();
    assert!(used >= 3, "{:?}", db.stats().tables);
    (disk, db)
}

async fn closed(disk: &MemDisk) -> Report {
    let report = verify(Arc::new(disk.clone()), "db").await;
    report.expect("a directory that can be listed")
}

#[test]
fn a_database_that_is_whole_has_no_findings_and_all_of_it_was_looked_at() {
    block_on(async {
        let (disk, db) = sample().await;
        let open = db.verify().await.expect("a report");
        assert_eq!(open.findings, []);
        let stats = db.stats();
        assert_eq!(open.tables, stats.tables.iter().sum::<u64>());
        assert_eq!(open.entries, stats.table_entries);
        assert!(open.bytes > stats.level_bytes.iter().sum::<u64>() / 2);
        assert_eq!(closed(&disk).await, open);
    });
}

#[test]
fn any_flipped_bit_of_a_table_is_found_and_its_file_named() {
    block_on(async {
        let (disk, db) = sample().await;
        for name in disk.list("db").await.expect("a listing") {
            let path = format!("db/{name}");
            let length = disk.contents(&path).len();
            for offset in (0..length).step_by(13).chain(length - 45..length) {
                disk.flip_bit(&path, offset);
                for report in [closed(&disk).await, db.verify().await.expect("a report")] {
                    let names_it = |finding: &Finding| finding.file == path;
                    assert!(report.findings.iter().all(names_it), "{path} {offset}");
                    // Of the manifest the last mark may go, see there.
                    let is_found = !report.findings.is_empty();
                    assert!(is_found || name == "manifest", "{path} {offset}");
                }
                disk.flip_bit(&path, offset);
            }
        }
        assert_eq!(db.verify().await.expect("a report").findings, []);
    });
}

#[test]
fn missing_cut_and_exchanged_files_are_found() {
    block_on(async {
        let (disk, db) = sample().await;
        let mut names = disk.list("db").await.expect("a listing");
        names.retain(|name| name.ends_with(".table"));
        let paths: Vec<String> = names.iter().map(|name| format!("db/{name}")).collect();
        drop(db);
        let one = |report: Report| {
            assert_eq!(report.findings.len(), 1, "{report:?}");
            report.findings[0].clone()
        };
        let cut = disk.restart();
        cut.truncate_file(&paths[0], 99);
        assert_eq!(one(closed(&cut).await).file, paths[0]);
        let missing = disk.restart();
        missing.remove(&paths[1]).await.expect("a removal");
        assert_eq!(one(closed(&missing).await).file, paths[1]);
        let exchanged = disk.restart();
        exchanged
            .rename(&paths[0], &paths[1])
            .await
            .expect("a renaming");
        exchanged.link(&paths[1], &paths[0]).await.expect("a link");
        assert_eq!(one(closed(&exchanged).await).file, paths[1]);
        let gone = disk.restart();
        gone.remove("db/manifest").await.expect("a removal");
        assert_eq!(one(closed(&gone).await).file, "db/manifest");
    });
}

#[test]
fn the_scrub_finds_damage_once_and_the_engine_goes_on() {
    block_on(async {
        let (disk, db) = sample().await;
        drop(db);
        let options = Options {
            scrub_bytes_per_second: 1 << 30,
            ..Options::test_min()
        };
        let db = open(&disk, options).await;
        let tables: u64 = db.stats().tables.iter().sum();
        while db.stats().scrubbed_tables < 2 * tables {
            yield_now().await;
        }
        assert_eq!(db.damage(), []);
        let names = disk.list("db").await.expect("a listing");
        let path = format!("db/{}", names[0]);
        assert!(path.ends_with(".table"));
        disk.flip_bit(&path, 10);
        let before = db.stats().scrubbed_tables;
        while db.stats().scrubbed_tables < before + 4 * tables {
            yield_now().await;
        }
        let damage = db.damage();
        assert_eq!((damage.len(), db.stats().damaged), (1, 1), "{damage:?}");
        assert_eq!((&damage[0].file, damage[0].offset), (&path, 0));
        assert!(!db.has_stopped());
        disk.flip_bit(&path, 10);
        let mut all = db.range((Bound::Unbounded, Bound::Unbounded), SEQ_MAX);
        assert!(all.next().await.expect("a read").is_some());
    });
}
