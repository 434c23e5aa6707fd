//! The data model of etcd v3, and exactly-once, told one by one.

use super::*;
use crate::env::task::block_on;

#[test]
fn a_key_counts_its_versions_and_forgets_them_when_it_is_deleted() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("k", "1")]).await;
        bench.ops(vec![put("k", "2")]).await;
        assert_eq!(bench.get("k", 0).await, Some(kv("k", "2", [2, 3], 2)));
        bench.ops(vec![delete(single("k"))]).await;
        assert_eq!(bench.get("k", 0).await, None);
        bench.ops(vec![put("k", "3")]).await;
        assert_eq!(bench.get("k", 0).await, Some(kv("k", "3", [5, 5], 1)));
    });
}

#[test]
fn every_revision_stays_readable() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("k", "1")]).await;
        bench.ops(vec![delete(single("k"))]).await;
        bench.ops(vec![put("k", "")]).await;
        bench.crash().await;
        assert_eq!(bench.get("k", 1).await, None);
        assert_eq!(bench.get("k", 2).await, Some(kv("k", "1", [2, 2], 1)));
        assert_eq!(bench.get("k", 3).await, None);
        assert_eq!(bench.get("k", 4).await, Some(kv("k", "", [4, 4], 1)));
        let query = Query {
            revision: 5,
            ..all_of(everything())
        };
        let refused = bench.page(&query).await.expect_err("of the future");
        let (asked, floor, latest) = (5, 1, 4);
        let expected = Refusal::BadRevision {
            asked,
            floor,
            latest,
        };
        assert_eq!(refused.to_string(), expected.to_string());
    });
}

#[test]
fn a_delete_of_nothing_makes_no_revision() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("a", "1")]).await;
        let reply = bench
            .ops(vec![delete(between("b", "z")), delete(between("z", "a"))])
            .await;
        let nothing = OpResult::Delete {
            deleted: 0,
            previous: vec![],
        };
        assert_eq!(reply.results, [nothing.clone(), nothing]);
        assert_eq!(reply.revision, 2);
        let reply = bench.ops(vec![delete(between("a", "z"))]).await;
        let previous = vec![kv("a", "1", [2, 2], 1)];
        assert_eq!(
            reply.results,
            [OpResult::Delete {
                deleted: 1,
                previous
            }]
        );
        assert_eq!(reply.revision, 3);
    });
}

#[test]
fn a_transaction_sees_its_own_writes_and_has_one_revision() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("a", "1"), put("b", "1")]).await;
        let look = Op::Range(all_of(everything()));
        let old = Op::Range(Query {
            revision: 2,
            ..all_of(single("a"))
        });
        let ops = vec![
            put("c", "2"),
            delete(single("a")),
            look,
            old,
            delete(between("a", "b\0")),
        ];
        let reply = bench.ops(ops).await;
        let [a, b] = ["a", "b"].map(|key| kv(key, "1", [2, 2], 1));
        let page = |kvs: Vec<KeyValue>| Page {
            count: kvs.len() as u64,
            more: false,
            kvs,
        };
        let expected = [
            OpResult::Put(None),
            OpResult::Delete {
                deleted: 1,
                previous: vec![a.clone()],
            },
            OpResult::Range(page(vec![b.clone(), kv("c", "2", [3, 3], 1)])),
            OpResult::Range(page(vec![a])),
            OpResult::Delete {
                deleted: 1,
                previous: vec![b],
            },
        ];
        assert_eq!(reply.results, expected);
        assert_eq!(reply.revision, 3);
        assert_eq!(bench.machine.revision(), 3);
    });
}

#[test]
fn a_put_answers_with_what_was_there() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        assert_eq!(
            bench.ops(vec![put("k", "1")]).await.results,
            [OpResult::Put(None)]
        );
        let before = Some(kv("k", "1", [2, 2], 1));
        assert_eq!(
            bench.ops(vec![put("k", "2")]).await.results,
            [OpResult::Put(before)]
        );
    });
}

#[test]
fn comparisons_choose_the_branch() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let create = Txn {
            compares: vec![Compare {
                key: bytes("lock"),
                target: Target::CreateRevision(0),
                relation: Relation::Equal,
            }],
            success: vec![put("lock", "mine")],
            failure: vec![Op::Range(all_of(single("lock")))],
        };
        let first = bench.txn(create.clone()).await.expect("not refused");
        assert!(first.succeeded);
        let second = bench.txn(create).await.expect("not refused");
        assert!(!second.succeeded);
        assert_eq!(second.revision, 2);
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench.ops(vec![put("a", "1")]).await;
        let twice = always(vec![put("x", "1"), put("y", "1"), put("x", "2")]);
        assert_eq!(
            bench.txn(twice).await,
            Err(Refusal::DuplicateKey(bytes("x")))
        );
        let put_and_deleted = always(vec![delete(everything()), put("a", "2")]);
        assert_eq!(
            bench.txn(put_and_deleted).await,
            Err(Refusal::DuplicateKey(bytes("a")))
        );
        let future = Op::Range(Query {
            revision: 3,
            ..all_of(single("a"))
        });
        let (asked, floor, latest) = (3, 1, 2);
        let refusal = Refusal::BadRevision {
            asked,
            floor,
            latest,
        };
        assert_eq!(
            bench.txn(always(vec![put("b", "1"), future])).await,
            Err(refusal)
        );
        assert_eq!(bench.machine.revision(), 2);
        let (_, page) = bench.page(&all_of(everything())).await.expect("readable");
        assert_eq!(page.kvs, [kv("a", "1", [2, 2], 1)]);
    });
}

#[test]
fn an_answer_has_a_bound_over_all_its_results() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let value = "a value of which three are more than an answer may hold, but two are not";
        for key in ["a", "b", "c"] {
            bench.ops(vec![put(key, value)]).await;
        }
        let look = |key| Op::Range(all_of(single(key)));
        let ops = vec![delete(single("a")), put("b", ""), look("c")];
        bench.ops(ops[..2].to_vec()).await;
        bench.ops(vec![put("a", value), put("b", value)]).await;
        let refusal = Refusal::ReplyTooLarge { bytes_max: 250 };
        assert_eq!(bench.txn(always(ops)).await, Err(refusal));
        assert_eq!(bench.machine.revision(), 6);
    });
}

#[test]
fn a_repeated_request_gets_its_first_answer() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let request =
            |sequence, value| command(Some((7, sequence)), always(vec![put("k", value)])).encode();
        let first = bench.apply(request(1, "1")).await;
        bench.ops(vec![put("k", "other")]).await;
        bench.crash().await;
        bench.move_by_snapshot(SNAPSHOT_CHUNK_BYTES_MIN).await;
        assert_eq!(bench.apply(request(1, "1")).await, first);
        assert_eq!(bench.get("k", 0).await, Some(kv("k", "other", [2, 3], 2)));
        bench.apply(request(2, "2")).await.expect("not refused");
        let stale = RequestId {
            client: 7,
            sequence: 1,
        };
        assert_eq!(
            bench.apply(request(1, "1")).await,
            Err(Refusal::StaleRequest(stale))
        );
    });
}

#[test]
fn a_refused_request_is_not_done_when_it_comes_again() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let future = Op::Range(Query {
            revision: 2,
            ..all_of(single("k"))
        });
        let request = command(Some((7, 1)), always(vec![future, put("k", "1")])).encode();
        let refused = bench.apply(request.clone()).await;
        assert!(refused.is_err());
        // Revision 2 is readable now, but the client was told that nothing is done.
        bench.ops(vec![put("a", "1")]).await;
        assert_eq!(bench.apply(request).await, refused);
        assert_eq!(bench.get("k", 0).await, None);
    });
}

#[test]
fn the_session_that_was_used_longest_ago_is_forgotten() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let request = |client, sequence| command(Some((client, sequence)), Txn::default()).encode();
        for client in [1, 2, 3, 1, 4] {
            bench.apply(request(client, 1)).await.expect("not refused");
        }
        // Client 1 was heard of once more before the fourth came, so it was client 2 that went.
        let expired = RequestId {
            client: 2,
            sequence: 2,
        };
        assert_eq!(
            bench.apply(request(2, 2)).await,
            Err(Refusal::SessionExpired(expired))
        );
        bench.apply(request(1, 2)).await.expect("not refused");
    });
}

#[test]
fn an_answer_too_large_to_keep_is_not_given_twice_but_known_to_be_done() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        bench
            .ops(vec![put(
                "k",
                "a value that is longer than a session keeps",
            )])
            .await;
        let swap = command(Some((7, 1)), always(vec![put("k", "")])).encode();
        bench.apply(swap.clone()).await.expect("not refused");
        let request = RequestId {
            client: 7,
            sequence: 1,
        };
        let refusal = Refusal::ReplyNotKept {
            request,
            revision: 3,
        };
        assert_eq!(bench.apply(swap).await, Err(refusal));
        assert_eq!(bench.machine.revision(), 3);
    });
}

#[test]
fn garbage_in_the_log_is_an_error_and_changes_nothing() {
    block_on(async {
        let mut bench = Bench::new(tiny()).await;
        let at = LogPosition { term: 1, index: 1 };
        let error = bench
            .machine
            .apply(at, &bytes("garbage"))
            .await
            .expect_err("no command");
        assert!(
            error
                .to_string()
                .starts_with("the command at 1@1 does not decode"),
            "{error}"
        );
        assert_eq!(bench.machine.applied(), LogPosition::default());
    });
}
