//! Commands to bytes. The drawing is in the folder's essay.

use bytes::Bytes;

use super::{
    COMMAND_FORMAT, Command, Compare, FLAG, FLAG_KEYS_ONLY, KeyRange, Op, Query, RangeEnd,
    Relation, Target, Txn,
};
use crate::codec::{put_bytes, put_varint};

impl Command {
    /// The command as the content of a log entry; never empty.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.txn.bytes_about());
        out.push(COMMAND_FORMAT);
        out.push(u8::from(self.request.is_some()));
        if let Some(request) = self.request {
            out.extend_from_slice(&request.client.to_le_bytes());
            put_varint(&mut out, request.sequence);
        }
        put_varint(&mut out, self.proposed_ms);
        put_txn(&mut out, &self.txn);
        out.into()
    }
}

impl Txn {
    /// About how many bytes the encoding takes: enough that the buffer seldom has to grow.
    fn bytes_about(&self) -> usize {
        let compares = self.compares.iter().map(|compare| match &compare.target {
            Target::Value(value) => compare.key.len() + value.len() + 16,
            _ => compare.key.len() + 16,
        });
        let ops = self.success.iter().chain(&self.failure).map(|op| match op {
            Op::Put { key, value, .. } => key.len() + value.len() + 16,
            Op::Delete { keys, .. } | Op::Range(Query { keys, .. }) => keys.bytes_about() + 32,
        });
        64 + compares.sum::<usize>() + ops.sum::<usize>()
    }
}

impl KeyRange {
    fn bytes_about(&self) -> usize {
        match &self.end {
            RangeEnd::Before(end) => self.start.len() + end.len(),
            RangeEnd::Single | RangeEnd::Unbounded => self.start.len(),
        }
    }
}

fn put_txn(out: &mut Vec<u8>, txn: &Txn) {
    put_varint(out, txn.compares.len() as u64);
    txn.compares
        .iter()
        .for_each(|compare| put_compare(out, compare));
    for ops in [&txn.success, &txn.failure] {
        put_varint(out, ops.len() as u64);
        ops.iter().for_each(|op| put_op(out, op));
    }
}

fn put_compare(out: &mut Vec<u8>, compare: &Compare) {
    out.push(match compare.relation {
        Relation::Equal => 1,
        Relation::Greater => 2,
        Relation::Less => 3,
        Relation::NotEqual => 4,
    });
    let (kind, number) = match &compare.target {
        Target::Version(version) => (1, *version),
        Target::CreateRevision(revision) => (2, *revision),
        Target::ModRevision(revision) => (3, *revision),
        Target::Value(value) => {
            out.push(4);
            put_bytes(out, &compare.key);
            return put_bytes(out, value);
        }
    };
    out.push(kind);
    put_bytes(out, &compare.key);
    put_varint(out, number);
}

fn put_op(out: &mut Vec<u8>, op: &Op) {
    match op {
        Op::Put {
            key,
            value,
            want_previous,
        } => {
            out.extend_from_slice(&[1, u8::from(*want_previous) * FLAG]);
            put_bytes(out, key);
            put_bytes(out, value);
        }
        Op::Delete {
            keys,
            want_previous,
        } => {
            out.extend_from_slice(&[2, u8::from(*want_previous) * FLAG]);
            put_keys(out, keys);
        }
        Op::Range(query) => {
            out.push(3);
            put_query(out, query);
        }
    }
}

fn put_keys(out: &mut Vec<u8>, keys: &KeyRange) {
    out.push(match keys.end {
        RangeEnd::Single => 1,
        RangeEnd::Before(_) => 2,
        RangeEnd::Unbounded => 3,
    });
    put_bytes(out, &keys.start);
    if let RangeEnd::Before(end) = &keys.end {
        put_bytes(out, end);
    }
}

fn put_query(out: &mut Vec<u8>, query: &Query) {
    out.push((u8::from(query.count_only) * FLAG) | (u8::from(query.keys_only) * FLAG_KEYS_ONLY));
    put_keys(out, &query.keys);
    put_varint(out, query.revision);
    put_varint(out, query.limit);
}
