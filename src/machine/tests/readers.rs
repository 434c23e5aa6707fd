//! Reading beside the one who applies.

use std::{
    sync::mpsc::{self, TryRecvError},
    thread,
};

use super::*;
use crate::env::task::{self, block_on};

/// Transactions that are applied while others read.
const ROUNDS: u64 = 2000;

/// What each of them writes.
const KEYS: [&str; 4] = ["a", "b", "c", "d"];

#[test]
fn a_reader_sees_whole_transactions_and_never_goes_back() {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Another thread, so that reads fall between any two steps of applying.
    thread::scope(|scope| {
        scope.spawn(move || block_on(read_to_the_end(&receiver)));
        block_on(async {
            let limits = Limits {
                memtable_bytes: 64 << 10,
                ..tiny()
            };
            let mut bench = Bench::new(limits).await;
            sender.send(bench.machine.reader()).expect("taken");
            for _ in 0..ROUNDS {
                bench.ops(KEYS.map(put_much).into()).await;
                bench.machine.settle().await.expect("settled");
            }
            // The reader ends with the sender, also if an assertion fails above.
            drop(sender);
        });
    });
}

fn put_much(key: &'static str) -> Op {
    Op::Put {
        key: bytes(key),
        value: vec![b'x'; 2000].into(),
        want_previous: false,
    }
}

async fn read_to_the_end(receiver: &mpsc::Receiver<Reader>) {
    let reader = receiver.recv().expect("sent");
    let mut last = 1;
    while matches!(receiver.try_recv(), Err(TryRecvError::Empty)) {
        // The key that is written last shows best what was not written yet.
        let query = all_of(single(KEYS[KEYS.len() - 1]));
        let (revision, page) = reader.query(&query).await.expect("readable");
        assert!(revision >= last, "revision {revision} after {last}");
        check(&page, revision, 1);
        let query = Query {
            revision: last,
            keys_only: true,
            ..all_of(everything())
        };
        let (_, page) = reader.query(&query).await.expect("readable");
        check(&page, last, KEYS.len());
        last = revision;
    }
}

/// All keys are written by every transaction.
fn check(page: &Page, revision: Revision, keys: usize) {
    let count = if revision == 1 { 0 } else { keys };
    assert_eq!(page.count, count as u64, "at revision {revision}");
    for kv in &page.kvs {
        assert_eq!((kv.mod_revision, kv.version), (revision, revision - 1));
    }
}

#[test]
fn reads_wait_while_a_snapshot_takes_its_place() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("a", "x")]).await;
        let reader = bench.machine.reader();
        bench.machine.view.send_modify(|view| view.installs += 1);
        let query = all_of(everything());
        let mut read = Box::pin(reader.query(&query));
        task::select! {
            biased;
            _ = &mut read => panic!("it did not wait"),
            () = std::future::ready(()) => {}
        }
        bench.machine.view.send_modify(|view| view.installs += 1);
        assert_eq!(read.await.expect("readable").0, 2);
    });
}

#[test]
fn a_page_ends_at_the_bound_and_says_so() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        for keys in [["a", "b", "c"], ["d", "e", "f"]] {
            bench.ops(keys.map(|key| put(key, "")).into()).await;
        }
        let (_, page) = bench.page(&all_of(everything())).await.expect("readable");
        assert_eq!((page.kvs.len(), page.more, page.count), (3, true, 6));
        let query = Query {
            limit: 2,
            ..all_of(everything())
        };
        let (_, page) = bench.page(&query).await.expect("readable");
        assert_eq!((page.kvs.len(), page.more, page.count), (2, true, 6));
        let query = Query {
            limit: 2,
            ..all_of(between("c", "e"))
        };
        let (_, page) = bench.page(&query).await.expect("readable");
        assert_eq!((page.kvs.len(), page.more, page.count), (2, false, 2));
        let query = Query {
            count_only: true,
            ..all_of(everything())
        };
        let (_, page) = bench.page(&query).await.expect("readable");
        assert_eq!((page.kvs.len(), page.more, page.count), (0, false, 6));
    });
}

#[test]
fn who_waits_for_a_revision_hears_that_a_machine_that_ended_never_came_to_it() {
    block_on(async {
        let bench = Bench::new(tiny()).await;
        let reader = bench.machine.reader();
        assert!(reader.reached(0).await);
        drop(bench);
        assert!(!reader.reached(1_000).await);
    });
}
