//! Understanding requests.

use bytes::Bytes;

use super::{Shape, Unfit};
use crate::{
    machine::{Compare, KeyRange, Op, Query, RangeEnd, Relation, Target, Txn},
    rpc::proto::etcdserverpb::{
        self as pb,
        compare::{CompareResult, CompareTarget, TargetUnion},
        request_op::Request,
    },
};

/// The most conditions, and the most operations in each branch, of one transaction; etcd's default.
const OPERATIONS_MAX: usize = 128;

/// A read as the gateway takes it, and what is left to do with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The read.
    pub query: Query,
    /// Answer from this node's own state, however old.
    pub stale: bool,
    /// Sorting and filtering.
    pub shape: Shape,
}

/// A write as the gateway takes it, and what is left to do with its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The write.
    pub txn: Txn,
    /// For each operation of the success branch, the shape of its result.
    pub success: Vec<Shape>,
    /// For each operation of the failure branch, the shape of its result.
    pub failure: Vec<Shape>,
}

/// Understands a read.
pub fn range(request: pb::RangeRequest) -> Result<Read, Unfit> {
    let shape = Shape::of(&request)?;
    let stale = request.serializable;
    let query = Query {
        limit: if shape.needs_all() { 0 } else { shape.limit },
        // A value that is sorted by must be read, even if it is not answered.
        keys_only: request.keys_only && !shape.needs_values(),
        count_only: request.count_only,
        revision: or_zero(request.revision),
        keys: key_range(request.key, request.range_end)?,
    };
    Ok(Read {
        query,
        stale,
        shape,
    })
}

/// Understands a write of one key.
pub fn put(request: pb::PutRequest) -> Result<Transaction, Unfit> {
    single(put_op(request)?)
}

/// Understands a removal.
pub fn delete_range(request: pb::DeleteRangeRequest) -> Result<Transaction, Unfit> {
    single(delete_op(request)?)
}

/// Understands a transaction.
pub fn txn(request: pb::TxnRequest) -> Result<Transaction, Unfit> {
    let lengths = [
        request.compare.len(),
        request.success.len(),
        request.failure.len(),
    ];
    if lengths.iter().any(|length| *length > OPERATIONS_MAX) {
        return Err(Unfit::TooManyOperations);
    }
    let (success, success_shapes) = branch(request.success)?;
    let (failure, failure_shapes) = branch(request.failure)?;
    let compares = request.compare.into_iter().map(compare);
    Ok(Transaction {
        txn: Txn {
            compares: compares.collect::<Result<_, _>>()?,
            success,
            failure,
        },
        success: success_shapes,
        failure: failure_shapes,
    })
}

fn single(op: Op) -> Result<Transaction, Unfit> {
    Ok(Transaction {
        txn: Txn {
            success: vec![op],
            ..Txn::default()
        },
        success: vec![Shape::default()],
        failure: vec![],
    })
}

fn branch(requests: Vec<pb::RequestOp>) -> Result<(Vec<Op>, Vec<Shape>), Unfit> {
    let ops: Vec<(Op, Shape)> = requests
        .into_iter()
        .map(operation)
        .collect::<Result<_, _>>()?;
    Ok(ops.into_iter().unzip())
}

fn operation(request: pb::RequestOp) -> Result<(Op, Shape), Unfit> {
    match request.request {
        Some(Request::RequestRange(request)) => {
            range(request).map(|read| (Op::Range(read.query), read.shape))
        }
        Some(Request::RequestPut(request)) => Ok((put_op(request)?, Shape::default())),
        Some(Request::RequestDeleteRange(request)) => Ok((delete_op(request)?, Shape::default())),
        Some(Request::RequestTxn(_)) => Err(Unfit::Unserved("a transaction in a transaction")),
        None => Err(Unfit::Invalid("a transaction has an operation of no kind")),
    }
}

fn put_op(request: pb::PutRequest) -> Result<Op, Unfit> {
    if request.ignore_value {
        return Err(Unfit::Unserved("ignore_value"));
    }
    if request.ignore_lease {
        return Err(Unfit::Unserved("ignore_lease"));
    }
    if request.lease != 0 {
        return Err(Unfit::NoSuchLease);
    }
    Ok(Op::Put {
        key: nonempty(request.key)?,
        value: request.value,
        want_previous: request.prev_kv,
    })
}

fn delete_op(request: pb::DeleteRangeRequest) -> Result<Op, Unfit> {
    Ok(Op::Delete {
        keys: key_range(request.key, request.range_end)?,
        want_previous: request.prev_kv,
    })
}

fn compare(request: pb::Compare) -> Result<Compare, Unfit> {
    if !request.range_end.is_empty() {
        return Err(Unfit::Unserved("a condition on a range of keys"));
    }
    let relation = match CompareResult::try_from(request.result) {
        Ok(CompareResult::Equal) => Relation::Equal,
        Ok(CompareResult::Greater) => Relation::Greater,
        Ok(CompareResult::Less) => Relation::Less,
        Ok(CompareResult::NotEqual) => Relation::NotEqual,
        Err(_) => return Err(Unfit::Invalid("a condition has a relation of no kind")),
    };
    let kind = CompareTarget::try_from(request.target)
        .map_err(|_| Unfit::Invalid("a condition has a target of no kind"))?;
    Ok(Compare {
        key: nonempty(request.key)?,
        target: target(kind, request.target_union)?,
        relation,
    })
}

fn target(kind: CompareTarget, union: Option<TargetUnion>) -> Result<Target, Unfit> {
    // A side that is absent is the zero of its kind, as in every protobuf message.
    match (kind, union) {
        (CompareTarget::Version, None) => Ok(Target::Version(0)),
        (CompareTarget::Version, Some(TargetUnion::Version(number))) => {
            counter(number).map(Target::Version)
        }
        (CompareTarget::Create, None) => Ok(Target::CreateRevision(0)),
        (CompareTarget::Create, Some(TargetUnion::CreateRevision(number))) => {
            counter(number).map(Target::CreateRevision)
        }
        (CompareTarget::Mod, None) => Ok(Target::ModRevision(0)),
        (CompareTarget::Mod, Some(TargetUnion::ModRevision(number))) => {
            counter(number).map(Target::ModRevision)
        }
        (CompareTarget::Value, None) => Ok(Target::Value(Bytes::new())),
        (CompareTarget::Value, Some(TargetUnion::Value(value))) => Ok(Target::Value(value)),
        (CompareTarget::Lease, _) => Err(Unfit::Unserved("a condition on a lease")),
        (_, Some(_)) => Err(Unfit::Invalid(
            "a condition compares one thing and gives another",
        )),
    }
}

fn counter(number: i64) -> Result<u64, Unfit> {
    u64::try_from(number).map_err(|_| Unfit::Invalid("a condition compares with a negative number"))
}

/// A revision or limit, of which etcd says that less than 0 is as good as 0.
pub(super) fn or_zero(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn nonempty(key: Bytes) -> Result<Bytes, Unfit> {
    if key.is_empty() {
        return Err(Unfit::EmptyKey);
    }
    Ok(key)
}

fn key_range(start: Bytes, end: Bytes) -> Result<KeyRange, Unfit> {
    let end = match &end[..] {
        [] => RangeEnd::Single,
        [0] => RangeEnd::Unbounded,
        _ => RangeEnd::Before(end),
    };
    Ok(KeyRange {
        start: nonempty(start)?,
        end,
    })
}
