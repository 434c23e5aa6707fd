//! Round trips, refusals, and noise.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    machine::Standing,
    raft::{Body, Entry, Membership, PRIORITY_MAX, Payload},
    rpc::{SnapshotAck, SnapshotChunk, SnapshotOffer, SnapshotWord},
};

mod any;

use any::peer_body;

/// The one that is frozen in `machine/standing`.
fn standing() -> Standing {
    let bytes = [
        &[1, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1, 4, 1, 2, 3, 4][..],
        &[1, b'k', 5],
    ];
    Standing::decode(bytes.concat().into()).unwrap()
}

fn envelope(body: PeerBody) -> Envelope {
    Envelope {
        cluster: 9,
        shard: ShardId(3),
        from: NodeId(1),
        to: NodeId(2),
        body,
    }
}

/// A frame with any protobuf message in it.
fn frame(message: &peer::Envelope) -> Bytes {
    let mut bytes = message.encode_to_vec();
    let checksum = crc32c::crc32c(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes.into()
}

/// Changes one thing in the message of a good frame, and says which field the receiver objects to.
fn objection(body: PeerBody, change: impl FnOnce(&mut peer::Envelope)) -> &'static str {
    let good = encode(&envelope(body));
    let mut message = peer::Envelope::decode(good.slice(..good.len() - 4)).unwrap();
    change(&mut message);
    match decode(frame(&message)) {
        Err(ConvertError::Field { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

fn raft(term: Term, body: Body) -> PeerBody {
    PeerBody::Raft(Message {
        from: NodeId(1),
        to: NodeId(2),
        term,
        body,
    })
}

fn at(term: Term, index: Index) -> LogPosition {
    LogPosition { term, index }
}

proptest! {
    #[test]
    fn what_is_sent_is_received(body in peer_body()) {
        let sent = envelope(body);
        prop_assert_eq!(decode(encode(&sent)), Ok(sent));
    }

    #[test]
    fn a_damaged_frame_is_noticed(body in peer_body(), place: prop::sample::Index, bit in 0..8_u8) {
        let mut frame = encode(&envelope(body)).to_vec();
        let place = place.index(frame.len());
        frame[place] ^= 1 << bit;
        prop_assert_eq!(decode(frame.into()), Err(ConvertError::Checksum));
    }

    #[test]
    fn noise_with_a_good_checksum_decodes_or_fails_cleanly(
        body in peer_body(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut: prop::sample::Index,
    ) {
        let frame = encode(&envelope(body));
        let mut bytes = frame[..frame.len() - 4].to_vec();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend(checksum.to_le_bytes());
        if let Ok(envelope) = decode(bytes.into()) {
            // What was let in can be sent on.
            prop_assert_eq!(decode(encode(&envelope)), Ok(envelope));
        }
    }

    #[test]
    fn any_bytes_fail_cleanly(bytes: Vec<u8>) {
        prop_assert!(decode(bytes.into()).is_err());
    }
}

#[test]
fn each_field_is_checked() {
    let ask = || raft(5, Body::ReadIndex { id: 1 });
    assert_eq!(objection(ask(), |m| m.from = 0), "from");
    assert_eq!(objection(ask(), |m| m.to = 0), "to");
    assert_eq!(objection(ask(), |m| m.to = m.from), "to");
    assert_eq!(objection(ask(), |m| m.body = None), "body");
    for term in [0, u64::MAX] {
        assert_eq!(
            objection(raft(term, Body::ReadIndex { id: 1 }), |_| ()),
            "raft.term"
        );
    }
    let vote = |last| Body::Vote {
        last,
        called: false,
    };
    let refused = [
        (
            Body::ReadIndexReply { id: 1, index: 0 },
            "read_index_reply.index",
        ),
        (
            Body::Heartbeat {
                commit: LogPosition {
                    term: 1,
                    index: u64::MAX,
                },
                round: 1,
            },
            "heartbeat.commit",
        ),
        (
            Body::HeartbeatReply {
                round: 1,
                last: u64::MAX,
                priority: 0,
                promise_us: 0,
            },
            "heartbeat_reply.last",
        ),
        (
            Body::HeartbeatReply {
                round: 1,
                last: 1,
                priority: PRIORITY_MAX + 1,
                promise_us: 0,
            },
            "heartbeat_reply.priority",
        ),
        (
            Body::AppendAccepted { matched: u64::MAX },
            "append_accepted.matched",
        ),
        (
            Body::Recover {
                id: 1,
                last: u64::MAX,
            },
            "recover.last",
        ),
        (
            Body::RecoverReply {
                id: 1,
                last: u64::MAX,
            },
            "recover_reply.last",
        ),
        (Body::PreVote { last: at(0, 1) }, "pre_vote.last"),
        (vote(at(1, 0)), "vote.last"),
        (vote(at(6, 1)), "vote.last"),
        (
            Body::AppendRejected {
                prev: 1,
                hint: at(6, 1),
            },
            "append_rejected.hint",
        ),
        (
            Body::AppendRejected {
                prev: u64::MAX,
                hint: at(0, 0),
            },
            "append_rejected.prev",
        ),
    ];
    for (body, field) in refused {
        assert_eq!(objection(raft(5, body), |_| ()), field);
    }
}

#[test]
fn entries_are_checked() {
    for terms in [vec![1], vec![6], vec![3, 2], vec![0]] {
        let entries = terms.iter().enumerate().map(|(rank, term)| Entry {
            at: at(*term, rank as Index + 8),
            payload: Payload::Noop,
        });
        let body = Body::Append {
            prev: at(2, 7),
            entries: entries.collect(),
            commit: 1,
        };
        assert_eq!(objection(raft(5, body), |_| ()), "append.entries.term");
    }
}

#[test]
fn memberships_are_checked() {
    let entry = Entry {
        at: at(2, 8),
        payload: Payload::of_membership(Membership::of_voters([NodeId(1)]), Bytes::new()),
    };
    let body = Body::Append {
        prev: at(2, 7),
        entries: vec![entry],
        commit: 1,
    };
    for members in [
        &[0, 0, 1, 1, 0][..],
        &[1, 0, 0, 0],
        &[1, 1, 0],
        &[1, 1, 0, 0, 0],
    ] {
        let object = objection(raft(5, body.clone()), |m| {
            let Some(envelope::Body::Raft(raft)) = &mut m.body else {
                panic!()
            };
            let Some(peer::raft::Body::Append(append)) = &mut raft.body else {
                panic!()
            };
            append.entries[0].membership = Bytes::copy_from_slice(members);
        });
        assert_eq!(object, "append.entries.membership");
    }
}

#[test]
fn transfers_are_checked() {
    let chunk = |at, term, bytes| {
        PeerBody::SnapshotChunk(SnapshotChunk {
            transfer: 1,
            term,
            at,
            sequence: 0,
            resumed: false,
            last: false,
            bytes,
        })
    };
    let offer = |at, term| {
        PeerBody::SnapshotOffer(SnapshotOffer {
            transfer: 1,
            term,
            at,
        })
    };
    let full = Bytes::from_static(b"x");
    let forward = |term, command| {
        PeerBody::Forward(Forward {
            number: 1,
            origin: 1,
            term,
            asked: Asked::Command(command),
        })
    };
    let reply = PeerBody::ForwardReply(ForwardReply {
        number: 1,
        origin: 1,
        fate: Bytes::new(),
    });
    let refused = [
        (chunk(at(1, 1), 1, Bytes::new()), "snapshot_chunk.bytes"),
        (offer(at(0, 0), 1), "snapshot_offer.at"),
        (offer(at(2, 1), 1), "snapshot_offer.at"),
        (offer(at(1, 1), 0), "snapshot_offer.term"),
        (chunk(at(0, 0), 1, full.clone()), "snapshot_chunk.at"),
        (chunk(at(2, 1), 1, full.clone()), "snapshot_chunk.at"),
        (chunk(at(1, 1), 0, full.clone()), "snapshot_chunk.term"),
        (forward(0, full.clone()), "forward.term"),
        (forward(1, Bytes::new()), "forward.command"),
        (reply, "forward_reply.fate"),
    ];
    for (body, field) in refused {
        assert_eq!(objection(body, |_| ()), field);
    }
}

#[test]
fn the_frame_is_frozen() {
    let body = Body::Append {
        prev: at(4, 7),
        entries: vec![Entry {
            at: at(5, 8),
            payload: Payload::Command(Bytes::from_static(b"hi")),
        }],
        commit: 6,
    };
    let frame = encode(&envelope(raft(5, body)));
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let frozen = "08091003180120022a14080532100a040804100712060805120268691806d3015f85";
    assert_eq!(hex, frozen);
}

#[test]
fn a_frame_has_a_length() {
    assert_eq!(
        decode(Bytes::from_static(b"abc")),
        Err(ConvertError::Length(3))
    );
    let long = FRAME_BYTES_MAX + 1;
    assert_eq!(
        decode(vec![0; long].into()),
        Err(ConvertError::Length(long))
    );
}
