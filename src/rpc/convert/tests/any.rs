//! Any message that is sound.

use proptest::collection::vec;

use super::*;
use crate::raft::Aim;

fn position() -> impl Strategy<Value = LogPosition> {
    prop_oneof![
        Just(LogPosition::default()),
        (1..1_000_u64, 1..NUMBER_MAX).prop_map(|(term, index)| LogPosition { term, index }),
    ]
}

fn data() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn filled() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 1..20).prop_map(Bytes::from)
}

fn payload() -> impl Strategy<Value = Payload> {
    let ids = || prop::collection::btree_set((1..9_u64).prop_map(NodeId), 1..4);
    let membership =
        (ids(), ids(), data()).prop_filter_map("unsound", |(voters, outgoing, data)| {
            let mut membership = Membership::of_voters(voters);
            membership.outgoing = outgoing;
            let aims = [Aim::Stay, Aim::Vote, Aim::Replace(NodeId(3))];
            membership.learners = (300..).map(NodeId).zip(aims).collect();
            let sound = membership.check().is_ok();
            sound.then(|| Payload::of_membership(membership, data))
        });
    prop_oneof![4 => data().prop_map(Payload::of_command), 1 => membership]
}

fn append() -> impl Strategy<Value = Body> {
    let steps = vec((0..3_u64, payload()), 0..5);
    (position(), steps, 0..NUMBER_MAX).prop_map(|(prev, steps, commit)| {
        let mut at = prev;
        let entries = steps.into_iter().map(|(step, payload)| {
            at.term = (at.term + step).max(1);
            at.index += 1;
            Entry { at, payload }
        });
        Body::Append {
            prev,
            entries: entries.collect(),
            commit,
        }
    })
}

fn raft_body() -> impl Strategy<Value = Body> {
    let index = || 0..=NUMBER_MAX;
    prop_oneof![
        position().prop_map(|last| Body::PreVote { last }),
        any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        (position(), any::<bool>()).prop_map(|(last, called)| Body::Vote { last, called }),
        any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        append(),
        index().prop_map(|matched| Body::AppendAccepted { matched }),
        (index(), position()).prop_map(|(prev, hint)| Body::AppendRejected { prev, hint }),
        (position(), any::<u64>()).prop_map(|(commit, round)| Body::Heartbeat { commit, round }),
        (any::<u64>(), index(), 0..=PRIORITY_MAX, any::<u64>()).prop_map(
            |(round, last, priority, promise_us)| Body::HeartbeatReply {
                round,
                last,
                priority,
                promise_us,
            }
        ),
        Just(Body::TimeoutNow),
        (any::<u64>(), index()).prop_map(|(id, last)| Body::Recover { id, last }),
        (any::<u64>(), index()).prop_map(|(id, last)| Body::RecoverReply { id, last }),
        any::<u64>().prop_map(|id| Body::ReadIndex { id }),
        (any::<u64>(), 1..=NUMBER_MAX).prop_map(|(id, index)| Body::ReadIndexReply { id, index }),
    ]
}

/// Anything that a node may say to another.
pub(super) fn peer_body() -> impl Strategy<Value = PeerBody> {
    let term = 2_000..NUMBER_MAX;
    let number = any::<u64>;
    prop_oneof![
        4 => (term.clone(), raft_body()).prop_map(|(term, body)| PeerBody::Raft(Message {
            from: NodeId(1),
            to: NodeId(2),
            term,
            body
        })),
        1 => (number(), number(), term.clone(), filled()).prop_map(
            |(number, origin, term, command)| PeerBody::Forward(Forward {
                number,
                origin,
                term,
                asked: match number % 2 {
                    0 => Asked::Command(command),
                    _ => Asked::Order(command),
                },
            })
        ),
        1 => (number(), number(), filled()).prop_map(|(number, origin, fate)| {
            PeerBody::ForwardReply(ForwardReply {
                number,
                origin,
                fate,
            })
        }),
        1 => (number(), term.clone()).prop_map(|(transfer, term)| {
            let at = LogPosition { term, index: 7 };
            PeerBody::SnapshotOffer(SnapshotOffer { transfer, term, at })
        }),
        1 => (number(), term, any::<u32>(), any::<[bool; 2]>(), filled()).prop_map(
            |(transfer, term, sequence, [resumed, last], bytes)| {
                PeerBody::SnapshotChunk(SnapshotChunk {
                    transfer,
                    term,
                    at: LogPosition { term, index: 7 },
                    sequence,
                    resumed,
                    last,
                    bytes,
                })
            }
        ),
        1 => (1..=NUMBER_MAX, any::<u64>()).prop_map(|(index, hash)| {
            PeerBody::StateHash(StateHash { index, hash })
        }),
        1 => (1..=NUMBER_MAX).prop_map(PeerBody::Removed),
        1 => (number(), word()).prop_map(|(transfer, word)| {
            PeerBody::SnapshotAck(SnapshotAck { transfer, word })
        }),
    ]
}

fn word() -> impl Strategy<Value = SnapshotWord> {
    let standing = any::<bool>().prop_map(|is_there| is_there.then(standing));
    prop_oneof![
        standing.prop_map(|standing| SnapshotWord::Welcome { standing }),
        any::<(u32, bool)>()
            .prop_map(|(sequence, missing)| SnapshotWord::Next { sequence, missing }),
        Just(SnapshotWord::Refused),
        Just(SnapshotWord::Installed),
    ]
}
