//! Readers beside writers that never stop.

use std::{
    ops::Bound,
    sync::{Arc, mpsc},
    thread,
};

use bytes::Bytes;

use super::{
    super::*,
    model::{all_of, note},
};
use crate::env::{MemDisk, task::block_on};

/// Reads a key of a database while it is replaced and its old version dropped: all that happens
/// when the reader asks for its number.
fn read_late(read: impl FnOnce(&Db, &dyn Fn() -> Seq) -> Option<Bytes>) -> Option<Bytes> {
    let (ask, asked) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel::<()>();
    let (give, given) = mpsc::channel::<Db>();
    thread::scope(|scope| {
        scope.spawn(move || {
            block_on(async {
                let disk = Arc::new(MemDisk::new());
                let db = Db::open(disk, "db", Options::test_min()).await.unwrap();
                let put = |seq, value: &[u8]| {
                    let mut batch = Batch::new();
                    batch.put(b"key", seq, value);
                    db.write(&batch);
                };
                put(1, b"old");
                give.send(db.clone()).unwrap();
                asked.recv().unwrap();
                put(2, b"new");
                db.set_floor(2);
                db.freeze(note(2)).await.unwrap();
                db.flush().await.unwrap();
                assert_eq!(db.stats().table_entries, 1, "the old version is gone");
                done.send(()).unwrap();
            });
        });
        let db = given.recv().unwrap();
        let visible = || {
            ask.send(()).unwrap();
            is_done.recv().unwrap();
            1
        };
        read(&db, &visible)
    })
}

#[test]
fn whatever_happens_while_a_reader_asks_for_its_number_it_finds_what_it_should() {
    let found = read_late(|db, visible| {
        let found = block_on(db.get_at(b"key", visible));
        found.unwrap().map(|found| found.value)
    });
    assert_eq!(found.expect("a value"), "old");
    let found = read_late(|db, visible| {
        let range = db.range_at((Bound::Unbounded, Bound::Unbounded), visible);
        let mut all = block_on(all_of(range)).unwrap();
        all.pop()?.2.map(Bytes::from)
    });
    assert_eq!(found.expect("a value"), "old");
}
