//! Both formats, with all their shapes: round trips, frozen bytes, and input that is not theirs.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::types::RequestId;

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..9).prop_map(Bytes::from)
}

fn request() -> impl Strategy<Value = RequestId> {
    (any::<u64>(), any::<u64>()).prop_map(|(client, sequence)| RequestId { client, sequence })
}

fn keys() -> impl Strategy<Value = KeyRange> {
    let end = prop_oneof![
        Just(RangeEnd::Single),
        bytes().prop_map(RangeEnd::Before),
        Just(RangeEnd::Unbounded),
    ];
    (bytes(), end).prop_map(|(start, end)| KeyRange { start, end })
}

fn query() -> impl Strategy<Value = Query> {
    (keys(), any::<(u64, u64, bool, bool)>()).prop_map(|(keys, rest)| Query {
        keys,
        revision: rest.0,
        limit: rest.1,
        count_only: rest.2,
        keys_only: rest.3,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let put = (bytes(), bytes(), any::<bool>()).prop_map(|(key, value, want_previous)| Op::Put {
        key,
        value,
        want_previous,
    });
    let delete = (keys(), any::<bool>()).prop_map(|(keys, want_previous)| Op::Delete {
        keys,
        want_previous,
    });
    prop_oneof![put, delete, query().prop_map(Op::Range)]
}

fn compare() -> impl Strategy<Value = Compare> {
    let target = prop_oneof![
        any::<u64>().prop_map(Target::Version),
        any::<u64>().prop_map(Target::CreateRevision),
        any::<u64>().prop_map(Target::ModRevision),
        bytes().prop_map(Target::Value),
    ];
    let relation = prop_oneof![
        Just(Relation::Equal),
        Just(Relation::Greater),
        Just(Relation::Less),
        Just(Relation::NotEqual),
    ];
    (bytes(), target, relation).prop_map(|(key, target, relation)| Compare {
        key,
        target,
        relation,
    })
}

fn command() -> impl Strategy<Value = Command> {
    let txn = (vec(compare(), 0..4), vec(op(), 0..4), vec(op(), 0..4));
    (option::of(request()), any::<u64>(), txn).prop_map(|(request, proposed_ms, txn)| Command {
        request,
        proposed_ms,
        txn: Txn {
            compares: txn.0,
            success: txn.1,
            failure: txn.2,
        },
    })
}

fn kv() -> impl Strategy<Value = KeyValue> {
    (bytes(), any::<[u64; 3]>(), bytes()).prop_map(|(key, numbers, value)| KeyValue {
        key,
        create_revision: numbers[0],
        mod_revision: numbers[1],
        version: numbers[2],
        value,
    })
}

fn result() -> impl Strategy<Value = OpResult> {
    let delete = (any::<u64>(), vec(kv(), 0..3))
        .prop_map(|(deleted, previous)| OpResult::Delete { deleted, previous });
    let page = (vec(kv(), 0..3), any::<(bool, u64)>())
        .prop_map(|(kvs, (more, count))| OpResult::Range(Page { kvs, more, count }));
    prop_oneof![option::of(kv()).prop_map(OpResult::Put), delete, page]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let reply =
        (any::<(u64, bool)>(), vec(result(), 0..4)).prop_map(|((revision, succeeded), results)| {
            Ok(Reply {
                revision,
                succeeded,
                results,
            })
        });
    let refusal = prop_oneof![
        request().prop_map(Refusal::StaleRequest),
        request().prop_map(Refusal::SessionExpired),
        (request(), any::<u64>())
            .prop_map(|(request, revision)| Refusal::ReplyNotKept { request, revision }),
        any::<[u64; 3]>().prop_map(|[asked, floor, latest]| Refusal::BadRevision {
            asked,
            floor,
            latest
        }),
        bytes().prop_map(Refusal::DuplicateKey),
        any::<u64>().prop_map(|bytes_max| Refusal::ReplyTooLarge { bytes_max }),
        any::<u64>().prop_map(|keys_max| Refusal::TooManyChanges { keys_max }),
    ];
    prop_oneof![reply, refusal.prop_map(Err)]
}

proptest! {
    #[test]
    fn a_command_is_read_back(command in command()) {
        prop_assert_eq!(Command::decode(command.encode()), Ok(command));
    }

    #[test]
    fn an_outcome_is_read_back(outcome in outcome()) {
        prop_assert_eq!(decode_outcome(encode_outcome(&outcome).into()), Ok(outcome));
    }

    /// Any input is refused or is *the* encoding of what it decodes to.
    #[test]
    fn a_damaged_command_is_refused_or_is_another(
        command in command(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = command.encode().to_vec();
        damage.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
        if let Ok(other) = Command::decode(bytes.clone().into()) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }

    #[test]
    fn a_damaged_outcome_is_refused_or_is_another(
        outcome in outcome(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode_outcome(&outcome);
        damage.iter().for_each(|(at, byte)| *at.get_mut(&mut bytes) = *byte);
        if let Ok(other) = decode_outcome(bytes.clone().into()) {
            prop_assert_eq!(encode_outcome(&other), bytes);
        }
    }

    #[test]
    fn a_cut_or_prolonged_command_is_refused(command in command(), at: prop::sample::Index) {
        let bytes = command.encode();
        prop_assert!(Command::decode(bytes.slice(..at.index(bytes.len()))).is_err());
        let longer = [&bytes[..], &[0]].concat();
        prop_assert!(Command::decode(longer.into()).is_err());
    }

    #[test]
    fn noise_is_no_command(noise in vec(any::<u8>(), 0..64)) {
        let mut noise = noise;
        let _ = decode_outcome(noise.clone().into());
        let _ = Command::decode(noise.clone().into());
        // Past the format byte, so that more than that is tried.
        noise.insert(0, 1);
        let _ = decode_outcome(noise.clone().into());
        let _ = Command::decode(noise.into());
    }
}

fn key(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// A command with every kind of everything.
fn specimen() -> Command {
    let range = |start, end| KeyRange {
        start: key(start),
        end,
    };
    let compare = |target, relation| Compare {
        key: key("c"),
        target,
        relation,
    };
    Command {
        request: Some(RequestId {
            client: 0x0102_0304_0506_0708,
            sequence: 300,
        }),
        proposed_ms: 1_700_000_000_000,
        txn: Txn {
            compares: vec![
                compare(Target::Version(1), Relation::Equal),
                compare(Target::CreateRevision(2), Relation::Greater),
                compare(Target::ModRevision(3), Relation::Less),
                compare(Target::Value(key("v")), Relation::NotEqual),
            ],
            success: vec![
                Op::Put {
                    key: key("k"),
                    value: key("value"),
                    want_previous: true,
                },
                Op::Delete {
                    keys: range("a", RangeEnd::Before(key("b"))),
                    want_previous: false,
                },
            ],
            failure: vec![Op::Range(Query {
                keys: range("r", RangeEnd::Unbounded),
                revision: 7,
                limit: 10,
                count_only: true,
                keys_only: true,
            })],
        },
    }
}

#[test]
fn the_format_of_commands_is_frozen() {
    // Logs on disks hold these bytes: a change needs a new format number.
    let golden = [
        &[1, 1, 8, 7, 6, 5, 4, 3, 2, 1, 0xac, 2][..],
        &[0x80, 0xd0, 0x95, 0xff, 0xbc, 0x31],
        &[4, 1, 1, 1, b'c', 1, 2, 2, 1, b'c', 2],
        &[3, 3, 1, b'c', 3, 4, 4, 1, b'c', 1, b'v'],
        &[2, 1, 1, 1, b'k', 5, b'v', b'a', b'l', b'u', b'e'],
        &[2, 0, 2, 1, b'a', 1, b'b'],
        &[1, 3, 3, 3, 1, b'r', 7, 10],
    ]
    .concat();
    assert_eq!(specimen().encode(), golden);
    assert_eq!(Command::decode(golden.into()), Ok(specimen()));
}

#[test]
fn the_format_of_outcomes_is_frozen() {
    let kv = KeyValue {
        key: key("k"),
        create_revision: 2,
        mod_revision: 300,
        version: 3,
        value: key("v"),
    };
    let reply = Reply {
        revision: 4,
        succeeded: true,
        results: vec![
            OpResult::Put(Some(kv.clone())),
            OpResult::Put(None),
            OpResult::Delete {
                deleted: 5,
                previous: vec![],
            },
            OpResult::Range(Page {
                kvs: vec![kv],
                more: true,
                count: 9,
            }),
        ],
    };
    let golden = [
        &[1, 0, 1, 4, 4][..],
        &[1, 1, 1, b'k', 2, 0xac, 2, 3, 1, b'v', 1, 0],
        &[2, 5, 0, 3, 1, 9, 1, 1, b'k', 2, 0xac, 2, 3, 1, b'v'],
    ]
    .concat();
    assert_eq!(encode_outcome(&Ok(reply)), golden);
    let refusal = Refusal::ReplyNotKept {
        request: RequestId {
            client: 9,
            sequence: 2,
        },
        revision: 8,
    };
    let golden = [1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 2, 8];
    assert_eq!(encode_outcome(&Err(refusal)), golden);
}

#[test]
fn errors_say_what_and_where() {
    let unknown = Command::decode(Bytes::from_static(&[9])).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "a command of an unknown format at byte 1"
    );
    let counted = Command::decode(Bytes::from_static(&[1, 0, 0, 0xff, 0xff, 0x03])).unwrap_err();
    assert_eq!(counted.offset, 6);
}
