//! Writing answers.

use super::{Shape, Unfit};
use crate::{
    machine::{KeyValue, OpResult, Page, Reply},
    rpc::proto::{
        etcdserverpb::{
            DeleteRangeResponse, PutResponse, RangeResponse, ResponseHeader, ResponseOp,
            TxnResponse, response_op::Response,
        },
        mvccpb,
    },
    types::{NodeId, Revision, Term},
};

/// Who answers, and where it stands in time: what becomes the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The cluster's number.
    pub cluster: u64,
    /// The answering node.
    pub node: NodeId,
    /// The store's revision.
    pub revision: Revision,
    /// The Raft term.
    pub term: Term,
}

impl Stamp {
    /// The header of an answer.
    pub fn header(self) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            cluster_id: self.cluster,
            member_id: self.node.0,
            revision: signed(self.revision),
            raft_term: self.term,
        })
    }
}

/// The answer to a read.
pub fn range_response(stamp: Stamp, shape: &Shape, page: Page) -> Result<RangeResponse, Unfit> {
    let page = shape.apply(page)?;
    Ok(RangeResponse {
        header: stamp.header(),
        kvs: page.kvs.into_iter().map(key_value).collect(),
        more: page.more,
        count: signed(page.count),
    })
}

/// The answer to a write of one key.
pub fn put_response(stamp: Stamp, reply: Reply) -> Result<PutResponse, Unfit> {
    let [result] = exactly(reply.results)?;
    put_result(stamp, result)
}

/// The answer to a removal.
pub fn delete_range_response(stamp: Stamp, reply: Reply) -> Result<DeleteRangeResponse, Unfit> {
    let [result] = exactly(reply.results)?;
    delete_result(stamp, result)
}

/// The answer to a transaction whose branches have these shapes.
pub fn txn_response(
    stamp: Stamp,
    success: &[Shape],
    failure: &[Shape],
    reply: Reply,
) -> Result<TxnResponse, Unfit> {
    let shapes = if reply.succeeded { success } else { failure };
    if shapes.len() != reply.results.len() {
        return Err(Unfit::AnotherRequest);
    }
    let responses = shapes
        .iter()
        .zip(reply.results)
        .map(|(shape, result)| operation_result(stamp, shape, result));
    Ok(TxnResponse {
        header: stamp.header(),
        succeeded: reply.succeeded,
        responses: responses.collect::<Result<_, _>>()?,
    })
}

fn operation_result(stamp: Stamp, shape: &Shape, result: OpResult) -> Result<ResponseOp, Unfit> {
    let response = match result {
        OpResult::Range(page) => Response::ResponseRange(range_response(stamp, shape, page)?),
        put @ OpResult::Put(_) => Response::ResponsePut(put_result(stamp, put)?),
        delete @ OpResult::Delete { .. } => {
            Response::ResponseDeleteRange(delete_result(stamp, delete)?)
        }
    };
    Ok(ResponseOp {
        response: Some(response),
    })
}

fn put_result(stamp: Stamp, result: OpResult) -> Result<PutResponse, Unfit> {
    let OpResult::Put(previous) = result else {
        return Err(Unfit::AnotherRequest);
    };
    Ok(PutResponse {
        header: stamp.header(),
        prev_kv: previous.map(key_value),
    })
}

fn delete_result(stamp: Stamp, result: OpResult) -> Result<DeleteRangeResponse, Unfit> {
    let OpResult::Delete { deleted, previous } = result else {
        return Err(Unfit::AnotherRequest);
    };
    Ok(DeleteRangeResponse {
        header: stamp.header(),
        deleted: signed(deleted),
        prev_kvs: previous.into_iter().map(key_value).collect(),
    })
}

/// The one result of a request with one operation.
fn exactly(results: Vec<OpResult>) -> Result<[OpResult; 1], Unfit> {
    results.try_into().map_err(|_| Unfit::AnotherRequest)
}

fn key_value(kv: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key,
        create_revision: signed(kv.create_revision),
        mod_revision: signed(kv.mod_revision),
        version: signed(kv.version),
        value: kv.value,
        lease: 0,
    }
}

/// A counter in the signed type that etcd chose. 63 bits outlast every cluster.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
