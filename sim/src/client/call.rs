//! Calls on one key, as the checker of histories knows them, in the machine's terms and back.

use bytes::Bytes;
use sisyphus::{
    history::{Call, Outcome, Seen},
    machine::{Compare, KeyRange, Op, OpResult, Query, RangeEnd, Relation, Target, Txn},
    types::Revision,
};

use crate::oracle::asked::{Answer, Asked, Freshness};

/// What a call asks.
pub(crate) fn asked(call: &Call) -> Asked {
    match call {
        Call::Get { key } => Asked::Read {
            query: read(single(key)),
            freshness: Freshness::Linearizable,
        },
        Call::Put { key, value } => Asked::Write(success(vec![put(key, value.clone())])),
        Call::Delete { key } => Asked::Write(success(vec![Op::Delete {
            keys: single(key),
            want_previous: false,
        }])),
        Call::CompareAndSet { key, expected, new } => {
            let target = match expected {
                Some(value) => Target::Value(value.clone()),
                None => Target::CreateRevision(0),
            };
            let mut txn = success(vec![put(key, new.clone())]);
            txn.compares.push(equal(key, target));
            Asked::Write(txn)
        }
    }
}

/// What an answer to a call says.
pub(crate) fn outcome(call: &Call, answer: &Answer) -> Outcome {
    let revision = Some(answer.revision());
    match (call, answer) {
        (Call::Get { .. }, Answer::Read { page, .. }) => Outcome::Get {
            seen: page.kvs.first().map(|kv| Seen {
                value: kv.value.clone(),
                mod_revision: Some(kv.mod_revision),
            }),
            revision,
        },
        (Call::Put { .. }, _) => Outcome::Put { revision },
        (Call::Delete { .. }, Answer::Write(reply)) => Outcome::Delete {
            deleted: matches!(reply.results[..], [OpResult::Delete { deleted, .. }] if deleted > 0),
            revision,
        },
        (Call::CompareAndSet { .. }, Answer::Write(reply)) => Outcome::CompareAndSet {
            succeeded: reply.succeeded,
            revision,
        },
        (call, answer) => unreachable!("{call} answered by {answer}"),
    }
}

/// A read of the latest of some keys.
pub(super) fn read(keys: KeyRange) -> Query {
    Query {
        keys,
        revision: 0,
        limit: 0,
        count_only: false,
        keys_only: false,
    }
}

/// One key.
pub(super) fn single(key: &Bytes) -> KeyRange {
    KeyRange {
        start: key.clone(),
        end: RangeEnd::Single,
    }
}

/// All keys that begin with this letter.
pub(super) fn family(letter: u8) -> KeyRange {
    KeyRange {
        start: vec![letter].into(),
        end: RangeEnd::Before(vec![letter + 1].into()),
    }
}

pub(super) fn put(key: &Bytes, value: Bytes) -> Op {
    Op::Put {
        key: key.clone(),
        value,
        want_previous: false,
    }
}

pub(super) fn equal(key: &Bytes, target: Target) -> Compare {
    Compare {
        key: key.clone(),
        target,
        relation: Relation::Equal,
    }
}

/// The condition that nobody has changed `key` since `revision`.
pub(super) fn unchanged(key: &Bytes, revision: Revision) -> Compare {
    equal(key, Target::ModRevision(revision))
}

fn success(ops: Vec<Op>) -> Txn {
    Txn {
        success: ops,
        ..Txn::default()
    }
}
