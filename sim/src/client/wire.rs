//! Questions as etcd's messages, and back.

use bytes::Bytes;
use sisyphus::{
    machine::{
        Compare, KeyRange, KeyValue, Op, OpResult, Page, Query, RangeEnd, Relation, Reply, Target,
        Txn,
    },
    rpc::proto::{
        etcdserverpb::{
            self as pb, DeleteRangeRequest, DeleteRangeResponse, PutRequest, RangeRequest,
            RangeResponse, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
            compare::{CompareResult, CompareTarget, TargetUnion},
            request_op::Request,
            response_op::Response,
        },
        mvccpb,
    },
    types::Revision,
};

pub(super) fn range_request(query: &Query) -> RangeRequest {
    let (key, range_end) = keys(&query.keys);
    RangeRequest {
        key,
        range_end,
        limit: query.limit as i64,
        revision: query.revision as i64,
        count_only: query.count_only,
        keys_only: query.keys_only,
        ..RangeRequest::default()
    }
}

pub(super) fn put_request(key: &Bytes, value: &Bytes) -> PutRequest {
    PutRequest {
        key: key.clone(),
        value: value.clone(),
        ..PutRequest::default()
    }
}

pub(super) fn delete_request(range: &KeyRange) -> DeleteRangeRequest {
    let (key, range_end) = keys(range);
    DeleteRangeRequest {
        key,
        range_end,
        ..DeleteRangeRequest::default()
    }
}

pub(super) fn txn_request(txn: &Txn) -> TxnRequest {
    TxnRequest {
        compare: txn.compares.iter().map(compare).collect(),
        success: txn.success.iter().map(request_op).collect(),
        failure: txn.failure.iter().map(request_op).collect(),
    }
}

fn keys(range: &KeyRange) -> (Bytes, Bytes) {
    let end = match &range.end {
        RangeEnd::Single => Bytes::new(),
        RangeEnd::Before(end) => end.clone(),
        RangeEnd::Unbounded => Bytes::from_static(&[0]),
    };
    (range.start.clone(), end)
}

fn request_op(op: &Op) -> RequestOp {
    let request = match op {
        Op::Put { key, value, .. } => Request::RequestPut(put_request(key, value)),
        Op::Delete { keys, .. } => Request::RequestDeleteRange(delete_request(keys)),
        Op::Range(query) => Request::RequestRange(range_request(query)),
    };
    RequestOp {
        request: Some(request),
    }
}

fn compare(compare: &Compare) -> pb::Compare {
    let (target, union) = match &compare.target {
        Target::Version(number) => (CompareTarget::Version, TargetUnion::Version(*number as i64)),
        Target::CreateRevision(number) => (
            CompareTarget::Create,
            TargetUnion::CreateRevision(*number as i64),
        ),
        Target::ModRevision(number) => {
            (CompareTarget::Mod, TargetUnion::ModRevision(*number as i64))
        }
        Target::Value(value) => (CompareTarget::Value, TargetUnion::Value(value.clone())),
    };
    let result = match compare.relation {
        Relation::Equal => CompareResult::Equal,
        Relation::Greater => CompareResult::Greater,
        Relation::Less => CompareResult::Less,
        Relation::NotEqual => CompareResult::NotEqual,
    };
    pb::Compare {
        result: result.into(),
        target: target.into(),
        key: compare.key.clone(),
        target_union: Some(union),
        ..pb::Compare::default()
    }
}

pub(super) fn revision(header: Option<&ResponseHeader>) -> Revision {
    header.map_or(0, |header| header.revision as Revision)
}

pub(super) fn page(response: RangeResponse) -> Page {
    Page {
        kvs: response.kvs.into_iter().map(key_value).collect(),
        more: response.more,
        count: response.count as u64,
    }
}

/// The reply to a write of one operation.
pub(super) fn reply(header: Option<&ResponseHeader>, result: OpResult) -> Reply {
    Reply {
        revision: revision(header),
        succeeded: true,
        results: vec![result],
    }
}

pub(super) fn deleted(response: DeleteRangeResponse) -> OpResult {
    OpResult::Delete {
        deleted: response.deleted as u64,
        previous: response.prev_kvs.into_iter().map(key_value).collect(),
    }
}

pub(super) fn txn_reply(response: TxnResponse) -> Reply {
    Reply {
        revision: revision(response.header.as_ref()),
        succeeded: response.succeeded,
        results: response.responses.into_iter().filter_map(result).collect(),
    }
}

/// None of a kind that nobody asked for: then a result is missing, which XO sees.
fn result(response: ResponseOp) -> Option<OpResult> {
    match response.response? {
        Response::ResponseRange(range) => Some(OpResult::Range(page(range))),
        Response::ResponsePut(put) => Some(OpResult::Put(put.prev_kv.map(key_value))),
        Response::ResponseDeleteRange(delete) => Some(deleted(delete)),
        _ => None,
    }
}

fn key_value(kv: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: kv.key,
        create_revision: kv.create_revision as Revision,
        mod_revision: kv.mod_revision as Revision,
        version: kv.version as u64,
        value: kv.value,
    }
}
