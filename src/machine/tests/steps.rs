//! Random commands, and what happens to a machine between them.

use proptest::{collection::vec, option, prelude::*};

use super::*;

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A command arrives.
    Apply(Command),
    /// A command of before arrives once more, so many commands later.
    Repeat(usize),
    /// A leader begins its term.
    NoOp,
    /// The owner has time for the memtable.
    Settle,
    /// The log got long.
    Checkpoint,
    /// The power fails.
    Crash,
    /// The state moves to another machine, in chunks of so many bytes.
    Move(usize),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => command().prop_map(Step::Apply),
        4 => (0..6_usize).prop_map(Step::Repeat),
        1 => Just(Step::NoOp),
        4 => Just(Step::Settle),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Crash),
        1 => (SNAPSHOT_CHUNK_BYTES_MIN..300).prop_map(Step::Move),
    ]
}

/// Few keys, so that they meet; one of them empty, one the beginning of another.
pub(super) fn key() -> impl Strategy<Value = Bytes> {
    prop::sample::select(vec!["", "a", "ab", "b", "b\0", "c", "d", "\u{ff}"]).prop_map(bytes)
}

fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        4 => "[x-z]{0,2}".prop_map(Bytes::from),
        1 => "[x-z]{30,130}".prop_map(Bytes::from),
    ]
}

pub(super) fn query() -> impl Strategy<Value = Query> {
    let revision = prop_oneof![3 => Just(0), 1 => 0..20_u64];
    let flags = (prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    (keys(), revision, 0..6_u64, flags).prop_map(|(keys, revision, limit, flags)| Query {
        keys,
        revision,
        limit,
        count_only: flags.0,
        keys_only: flags.1,
    })
}

fn keys() -> impl Strategy<Value = KeyRange> {
    let end = prop_oneof![
        2 => Just(RangeEnd::Single),
        2 => key().prop_map(RangeEnd::Before),
        1 => Just(RangeEnd::Unbounded),
    ];
    (key(), end).prop_map(|(start, end)| KeyRange { start, end })
}

fn op() -> impl Strategy<Value = Op> {
    let put =
        (key(), value(), prop::bool::weighted(0.3)).prop_map(|(key, value, want_previous)| {
            Op::Put {
                key,
                value,
                want_previous,
            }
        });
    let delete = (keys(), prop::bool::weighted(0.3)).prop_map(|(keys, want_previous)| Op::Delete {
        keys,
        want_previous,
    });
    prop_oneof![5 => put, 2 => delete, 3 => query().prop_map(Op::Range)]
}

fn compare() -> impl Strategy<Value = Compare> {
    let target = prop_oneof![
        (0..4_u64).prop_map(Target::Version),
        (0..12_u64).prop_map(Target::CreateRevision),
        (0..12_u64).prop_map(Target::ModRevision),
        value().prop_map(Target::Value),
    ];
    let relation = prop::sample::select(vec![
        Relation::Equal,
        Relation::Greater,
        Relation::Less,
        Relation::NotEqual,
    ]);
    (key(), target, relation).prop_map(|(key, target, relation)| Compare {
        key,
        target,
        relation,
    })
}

fn command() -> impl Strategy<Value = Command> {
    let request = option::of((0..5_u64, 0..5_u64));
    let txn = (vec(compare(), 0..3), vec(op(), 0..5), vec(op(), 0..3));
    (request, txn).prop_map(|(request, (compares, success, failure))| {
        let txn = Txn {
            compares,
            success,
            failure,
        };
        super::command(request, txn)
    })
}
