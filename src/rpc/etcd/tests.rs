//! What requests mean, what is refused, and that shaping agrees with doing it by hand.

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::{
    machine::{KeyRange, KeyValue, Op, OpResult, Page, RangeEnd, Relation, Reply, Target},
    rpc::proto::etcdserverpb::{
        self as pb,
        compare::{CompareResult, CompareTarget, TargetUnion},
        range_request::{SortOrder, SortTarget},
        request_op::Request,
        response_op::Response,
    },
    types::NodeId,
};

const STAMP: Stamp = Stamp {
    cluster: 77,
    node: NodeId(2),
    revision: 9,
    term: 4,
};

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn request(key: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: bytes(key),
        ..Default::default()
    }
}

fn kv(key: &str, create: u64, modified: u64, version: u64, value: &str) -> KeyValue {
    KeyValue {
        key: bytes(key),
        create_revision: create,
        mod_revision: modified,
        version,
        value: bytes(value),
    }
}

fn page() -> Page {
    Page {
        kvs: vec![
            kv("a", 2, 9, 3, "y"),
            kv("b", 5, 5, 1, "z"),
            kv("c", 4, 7, 2, "x"),
        ],
        more: false,
        count: 3,
    }
}

fn keys(response: &pb::RangeResponse) -> Vec<&[u8]> {
    response.kvs.iter().map(|kv| &kv.key[..]).collect()
}

/// What a client sees of `page()` if it asks like this.
fn shaped(request: pb::RangeRequest) -> pb::RangeResponse {
    let read = range(request).unwrap();
    range_response(STAMP, &read.shape, page()).unwrap()
}

#[test]
fn the_end_of_a_range_has_three_forms() {
    let end = |text: &str| {
        let mut request = request("k");
        request.range_end = bytes(text);
        range(request).unwrap().query.keys.end
    };
    assert_eq!(end(""), RangeEnd::Single);
    assert_eq!(end("\0"), RangeEnd::Unbounded);
    assert_eq!(end("l"), RangeEnd::Before(bytes("l")));
}

#[test]
fn less_than_nothing_is_nothing_where_etcd_says_so() {
    let mut request = request("k");
    (request.limit, request.revision) = (-3, -1);
    let read = range(request).unwrap();
    assert_eq!((read.query.limit, read.query.revision), (0, 0));
}

#[test]
fn what_we_do_not_do_is_refused_by_name() {
    let with = |change: fn(&mut pb::PutRequest)| {
        let mut request = pb::PutRequest {
            key: bytes("k"),
            ..Default::default()
        };
        change(&mut request);
        put(request).map(drop)
    };
    assert_eq!(with(|_| ()), Ok(()));
    assert_eq!(with(|r| r.key.clear()), Err(Unfit::EmptyKey));
    assert_eq!(with(|r| r.lease = 1), Err(Unfit::NoSuchLease));
    assert_eq!(
        with(|r| r.ignore_value = true),
        Err(Unfit::Unserved("ignore_value"))
    );
    assert_eq!(
        with(|r| r.ignore_lease = true),
        Err(Unfit::Unserved("ignore_lease"))
    );
    assert_eq!(range(request("")).unwrap_err(), Unfit::EmptyKey);
}

fn compare(target: CompareTarget, union: Option<TargetUnion>) -> Result<Target, Unfit> {
    let request = pb::TxnRequest {
        compare: vec![pb::Compare {
            result: CompareResult::NotEqual.into(),
            target: target.into(),
            key: bytes("k"),
            target_union: union,
            range_end: Bytes::new(),
        }],
        ..Default::default()
    };
    txn(request).map(|mut transaction| {
        let compare = transaction.txn.compares.remove(0);
        assert_eq!(compare.relation, Relation::NotEqual);
        compare.target
    })
}

#[test]
fn conditions_are_understood() {
    use CompareTarget::{Create, Lease, Mod, Value, Version};
    let created = Some(TargetUnion::CreateRevision(3));
    assert_eq!(
        compare(Create, created.clone()),
        Ok(Target::CreateRevision(3))
    );
    assert_eq!(compare(Mod, None), Ok(Target::ModRevision(0)));
    assert_eq!(
        compare(Value, Some(TargetUnion::Value(bytes("v")))),
        Ok(Target::Value(bytes("v")))
    );
    assert!(compare(Version, created).is_err(), "one thing for another");
    assert!(compare(Version, Some(TargetUnion::Version(-1))).is_err());
    assert!(compare(Lease, None).is_err());
}

#[test]
fn a_transaction_has_a_bound() {
    let many = |count| pb::TxnRequest {
        success: vec![
            pb::RequestOp {
                request: Some(Request::RequestRange(request("k")))
            };
            count
        ],
        ..Default::default()
    };
    assert!(txn(many(128)).is_ok());
    assert_eq!(txn(many(129)).unwrap_err(), Unfit::TooManyOperations);
}

#[test]
fn answers_are_sorted_filtered_and_cut_in_this_order() {
    let mut request = request("a");
    request.sort_target = SortTarget::Mod.into();
    assert_eq!(
        keys(&shaped(request.clone())),
        [b"b", b"c", b"a"],
        "a target alone means ascending"
    );
    request.sort_order = SortOrder::Descend.into();
    request.max_create_revision = 4;
    request.limit = 1;
    assert_eq!(
        range(request.clone()).unwrap().query.limit,
        0,
        "the limit waits for the filter"
    );
    let response = shaped(request);
    assert_eq!(keys(&response), [b"a"]);
    assert!(response.more);
    assert_eq!(
        response.count, 3,
        "the count is of the range, whatever is left out"
    );
}

#[test]
fn values_that_are_sorted_by_are_read_but_not_answered() {
    let mut request = request("a");
    request.keys_only = true;
    assert!(range(request.clone()).unwrap().query.keys_only);
    request.sort_target = SortTarget::Value.into();
    assert!(!range(request.clone()).unwrap().query.keys_only);
    let response = shaped(request);
    assert_eq!(keys(&response), [b"c", b"a", b"b"]);
    assert!(response.kvs.iter().all(|kv| kv.value.is_empty()));
}

#[test]
fn a_page_that_lacks_keys_is_not_sorted() {
    let mut request = request("a");
    request.sort_order = SortOrder::Descend.into();
    let shape = range(request).unwrap().shape;
    let mut page = page();
    page.more = true;
    assert_eq!(range_response(STAMP, &shape, page), Err(Unfit::TooManyKeys));
}

fn reply(succeeded: bool, results: Vec<OpResult>) -> Reply {
    Reply {
        revision: 9,
        succeeded,
        results,
    }
}

#[test]
fn a_reply_is_written_with_header_and_previous_values() {
    let response = put_response(
        STAMP,
        reply(true, vec![OpResult::Put(Some(kv("a", 2, 3, 2, "v")))]),
    )
    .unwrap();
    let header = response.header.unwrap();
    assert_eq!(
        (
            header.cluster_id,
            header.member_id,
            header.revision,
            header.raft_term
        ),
        (77, 2, 9, 4)
    );
    assert_eq!(response.prev_kv.unwrap().value, bytes("v"));
}

#[test]
fn each_result_of_a_transaction_gets_the_shape_of_its_operation() {
    let mut sorted = request("a");
    sorted.sort_order = SortOrder::Descend.into();
    let request = pb::TxnRequest {
        failure: vec![
            pb::RequestOp {
                request: Some(Request::RequestDeleteRange(pb::DeleteRangeRequest {
                    key: bytes("d"),
                    ..Default::default()
                })),
            },
            pb::RequestOp {
                request: Some(Request::RequestRange(sorted)),
            },
        ],
        ..Default::default()
    };
    let understood = txn(request).unwrap();
    assert_eq!(
        understood.txn.failure[0],
        Op::Delete {
            keys: KeyRange {
                start: bytes("d"),
                end: RangeEnd::Single
            },
            want_previous: false
        }
    );
    let deleted = OpResult::Delete {
        deleted: 1,
        previous: vec![],
    };
    let reply = reply(false, vec![deleted, OpResult::Range(page())]);
    let response = txn_response(STAMP, &understood.success, &understood.failure, reply).unwrap();
    let Some(Response::ResponseRange(range)) = &response.responses[1].response else {
        panic!("{response:?}");
    };
    assert_eq!(keys(range), [b"c", b"b", b"a"]);
}

#[test]
fn a_reply_to_another_request_is_an_error() {
    let deleted = || OpResult::Delete {
        deleted: 1,
        previous: vec![],
    };
    let other = Err(Unfit::AnotherRequest);
    assert_eq!(
        put_response(STAMP, reply(true, vec![deleted()])).map(drop),
        other
    );
    assert_eq!(
        delete_range_response(STAMP, reply(true, vec![deleted(), deleted()])).map(drop),
        other
    );
    assert_eq!(
        txn_response(STAMP, &[], &[], reply(true, vec![deleted()])).map(drop),
        other
    );
}

/// A transaction with something in every field.
fn rich_transaction() -> pb::TxnRequest {
    let mut read = request("a");
    (read.limit, read.sort_order, read.max_mod_revision) = (3, 2, 9);
    let ops = [
        Request::RequestRange(read),
        Request::RequestPut(pb::PutRequest {
            key: bytes("p"),
            value: bytes("value"),
            prev_kv: true,
            ..Default::default()
        }),
        Request::RequestDeleteRange(pb::DeleteRangeRequest {
            key: bytes("d"),
            range_end: bytes("e"),
            prev_kv: true,
        }),
    ];
    let ops: Vec<_> = ops
        .map(|request| pb::RequestOp {
            request: Some(request),
        })
        .into();
    pb::TxnRequest {
        compare: vec![pb::Compare {
            result: CompareResult::Less.into(),
            target: CompareTarget::Mod.into(),
            key: bytes("c"),
            target_union: Some(TargetUnion::ModRevision(5)),
            range_end: Bytes::new(),
        }],
        success: ops.clone(),
        failure: ops,
    }
}

#[test]
fn a_rich_transaction_is_understood() {
    assert_eq!(txn(rich_transaction()).unwrap().txn.success.len(), 3);
}

proptest! {
    /// Bytes from a wire are a request that is understood or refused, never a panic: random ones,
    /// and a good request with some bytes changed, which gets further.
    #[test]
    fn any_bytes_are_understood_or_refused(
        noise: Vec<u8>,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut edited = rich_transaction().encode_to_vec();
        for (at, byte) in edits {
            let at = at.index(edited.len());
            edited[at] = byte;
        }
        for input in [noise, edited] {
            if let Ok(request) = pb::RangeRequest::decode(&input[..]) {
                let _ = range(request);
            }
            if let Ok(request) = pb::TxnRequest::decode(&input[..]) {
                let _ = txn(request);
            }
        }
    }

    /// Numbers of all signs and sizes in every field of a read.
    #[test]
    fn any_numbers_are_shaped_as_by_hand(
        numbers in prop::array::uniform4(-2_i64..12),
        limit in -2_i64..5,
        order in -1_i32..4,
        target in -1_i32..6,
    ) {
        let mut request = request("a");
        [request.min_mod_revision, request.max_mod_revision, request.min_create_revision, request.max_create_revision] = numbers;
        (request.limit, request.sort_order, request.sort_target) = (limit, order, target);
        let (Ok(order), Ok(target)) = (SortOrder::try_from(order), SortTarget::try_from(target)) else {
            prop_assert!(range(request).is_err());
            return Ok(());
        };
        let mut expected = page().kvs;
        let passes = |number: u64, least: i64, most: i64| {
            (least <= 0 || number as i64 >= least) && (most <= 0 || number as i64 <= most)
        };
        expected.retain(|kv| passes(kv.mod_revision, numbers[0], numbers[1]));
        expected.retain(|kv| passes(kv.create_revision, numbers[2], numbers[3]));
        expected.sort_by_key(|kv| match target {
            SortTarget::Key => kv.key.to_vec(),
            SortTarget::Version => kv.version.to_be_bytes().to_vec(),
            SortTarget::Create => kv.create_revision.to_be_bytes().to_vec(),
            SortTarget::Mod => kv.mod_revision.to_be_bytes().to_vec(),
            SortTarget::Value => kv.value.to_vec(),
        });
        if order == SortOrder::Descend {
            expected.reverse();
        }
        // The machine cuts where the shape does not.
        let read = range(request).unwrap();
        let mut page = page();
        if read.query.limit > 0 {
            page.kvs.truncate(read.query.limit as usize);
        }
        if limit > 0 {
            expected.truncate(limit as usize);
        }
        let response = range_response(STAMP, &read.shape, page).unwrap();
        let expected: Vec<&[u8]> = expected.iter().map(|kv| &kv.key[..]).collect();
        prop_assert_eq!(keys(&response), expected);
    }
}
