//! Reading beside the one who applies.

use std::{
    sync::mpsc::{self, TryRecvError},
    thread,
};

use super::*;
use crate::env::task::{self, block_on};

/// Transactions that are applied while others read.
const ROUNDS: u64 = 500;

#[test]
fn a_reader_sees_whole_transactions_and_never_goes_back() {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Another thread, so that reads fall between any two steps of applying.
    thread::scope(|scope| {
        scope.spawn(move || block_on(read_to_the_end(&receiver)));
        block_on(async {
            let mut bench = Bench::new(tiny()).await;
            sender.send(bench.machine.reader()).expect("taken");
            for _ in 0..ROUNDS {
                bench.ops(vec![put("a", "x"), put("b", "y")]).await;
                bench.machine.settle().await.expect("settled");
            }
            // The reader ends with the sender, also if an assertion fails above.
            drop(sender);
        });
    });
}

async fn read_to_the_end(receiver: &mpsc::Receiver<Reader>) {
    let reader = receiver.recv().expect("sent");
    let mut last = 1;
    while matches!(receiver.try_recv(), Err(TryRecvError::Empty)) {
        let (revision, page) = reader.query(&all_of(everything())).await.expect("readable");
        assert!(revision >= last, "revision {revision} after {last}");
        check(&page, revision);
        let query = Query {
            revision: last,
            ..all_of(everything())
        };
        check(&reader.query(&query).await.expect("readable").1, last);
        last = revision;
    }
}

/// Both keys were written by every transaction.
fn check(page: &Page, revision: Revision) {
    let count = if revision == 1 { 0 } else { 2 };
    assert_eq!(page.kvs.len(), count, "at revision {revision}");
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
