//! Whatever a wire says, a replica survives it.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::{Aim, Body, Change, Config, Entry, Membership, Message, Payload, Raft};
use super::{ROOM, config, founded};
use crate::rng::Rng;
use crate::types::{LogPosition, NodeId};

/// The term of most messages, which a replica that leads has won.
const TERM: u64 = 4;

/// What a tick is long, in microseconds.
const TICK_US: u64 = 10_000;

/// What happens to a replica.
#[derive(Clone, Debug)]
enum Event {
    Message(Message),
    Tick,
    Propose,
    Reconfigure(Vec<Change>),
    HandOver(Option<NodeId>),
    Read,
    Ready,
    Persisted,
    Compact,
}

/// Mostly small numbers, which collide and nearly fit, and now and then the largest.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0_u64..6, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1), 1 => any::<u64>()]
}

fn position() -> impl Strategy<Value = LogPosition> {
    (number(), number()).prop_map(|(term, index)| LogPosition { term, index })
}

/// Positions that follow `prev` as they should, more or less, or not at all.
fn after(prev: LogPosition) -> impl Strategy<Value = Vec<LogPosition>> {
    let wild = prop::collection::vec(position(), 0..4);
    let tame = (0_u64..3, 0_u64..4).prop_map(move |(terms, count)| {
        let term = prev.term.wrapping_add(terms);
        let index = (1..=count).map(|offset| prev.index.wrapping_add(offset));
        index.map(|index| LogPosition { term, index }).collect()
    });
    prop_oneof![1 => wild, 4 => tame]
}

fn append() -> impl Strategy<Value = Body> {
    // Often where a short log has an entry.
    let near = (0_u64..2, 0_u64..3).prop_map(|(term, index)| LogPosition { term, index });
    let prev = prop_oneof![1 => Just(LogPosition::default()), 2 => near, 1 => position()];
    let prev_and_after = prev.prop_flat_map(|prev| (Just(prev), after(prev)));
    (prev_and_after, payload(), number()).prop_map(|((prev, after), payload, commit)| {
        let entry = |at| Entry {
            at,
            payload: payload.clone(),
        };
        Body::Append {
            prev,
            entries: after.into_iter().map(entry).collect(),
            commit,
        }
    })
}

/// Mostly commands; of the memberships some are not sound.
fn payload() -> impl Strategy<Value = Payload> {
    let half = || prop::collection::btree_set((0..5_u64).prop_map(NodeId), 0..3);
    let membership = (half(), half()).prop_map(|(voters, outgoing)| {
        let membership = Membership {
            voters,
            outgoing,
            ..Membership::default()
        };
        Payload::of_membership(membership, Bytes::new())
    });
    let command = Payload::of_command(Bytes::from("x"));
    prop_oneof![2 => Just(command), 1 => membership]
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        1 => position().prop_map(|last| Body::PreVote { last }),
        1 => any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        1 => (position(), any::<bool>()).prop_map(|(last, called)| Body::Vote { last, called }),
        1 => any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        4 => append(),
        1 => number().prop_map(|matched| Body::AppendAccepted { matched }),
        1 => (number(), position()).prop_map(|(prev, hint)| Body::AppendRejected { prev, hint }),
        1 => (position(), number()).prop_map(|(commit, round)| Body::Heartbeat { commit, round }),
        1 => (number(), number(), any::<u8>(), any::<u64>())
            .prop_map(|(round, last, priority, promise_us)| {
                Body::HeartbeatReply { round, last, priority, promise_us }
            }),
        1 => Just(Body::TimeoutNow),
        1 => (number(), number()).prop_map(|(id, last)| Body::Recover { id, last }),
        1 => (number(), number()).prop_map(|(id, last)| Body::RecoverReply { id, last }),
        1 => number().prop_map(|id| Body::ReadIndex { id }),
        1 => (number(), number()).prop_map(|(id, index)| Body::ReadIndexReply { id, index }),
    ]
}

fn node() -> impl Strategy<Value = NodeId> {
    (0..5_u64).prop_map(NodeId)
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (node(), node()).prop_map(|(id, old)| Change::AddLearner(id, Aim::Replace(old))),
        node().prop_map(|id| Change::AddLearner(id, Aim::Vote)),
        node().prop_map(Change::AddVoter),
        node().prop_map(Change::Demote),
        node().prop_map(Change::Remove),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    // One leader's term above all: lies hurt most when they contradict each other.
    let from = prop_oneof![3 => Just(2), 1 => 0_u64..5];
    let term = prop_oneof![2 => Just(TERM), 1 => number()];
    let message = (from, 0_u64..9, term, body()).prop_map(|(from, to, term, body)| {
        let (from, to) = (NodeId(from), NodeId(to.min(1)));
        Event::Message(Message {
            from,
            to,
            term,
            body,
        })
    });
    prop_oneof![
        12 => message,
        3 => Just(Event::Tick),
        1 => Just(Event::Propose),
        1 => prop::collection::vec(change(), 1..3).prop_map(Event::Reconfigure),
        1 => prop::option::of(node()).prop_map(Event::HandOver),
        1 => Just(Event::Read),
        4 => Just(Event::Ready),
        3 => Just(Event::Persisted),
        1 => Just(Event::Compact),
    ]
}

/// A replica and the batch that its disk is writing.
struct Victim {
    raft: Raft,
    writing: Option<u64>,
    reads: u64,
    now_us: u64,
}

impl Victim {
    fn happen(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.raft.step(message, self.now_us),
            Event::Tick => {
                self.now_us += TICK_US;
                self.raft.tick(self.now_us);
            }
            Event::Propose => drop(self.raft.propose(Bytes::from("x"))),
            Event::Reconfigure(changes) => {
                self.raft.propose_membership(&changes, Bytes::new()).ok();
            }
            Event::HandOver(to) => {
                self.raft.transfer_leadership(to).ok();
            }
            Event::Read => {
                self.reads += 1;
                self.raft.read(self.reads).ok();
            }
            Event::Ready => self.ready(),
            Event::Persisted => {
                if let Some(ticket) = self.writing.take() {
                    self.raft.persisted(ticket);
                }
            }
            Event::Compact => self.raft.compact(self.raft.status().applied),
        }
    }

    /// Wins an election, so that a leader is tried, too.
    fn win(&mut self) {
        // What it may have promised in an earlier life is over by now.
        self.raft.campaign(self.now_us);
        for vote in [
            Body::PreVoteReply { granted: true },
            Body::VoteReply { granted: true },
        ] {
            let message = Message {
                from: NodeId(2),
                to: NodeId(1),
                term: TERM,
                body: vote,
            };
            self.raft.step(message, self.now_us);
            self.happen(Event::Ready);
            self.happen(Event::Persisted);
        }
        assert_eq!(self.raft.leader(), Some(NodeId(1)));
    }

    fn ready(&mut self) {
        let mut room = ROOM;
        room.persist = self.writing.is_none();
        let ready = self.raft.ready(room, self.now_us);
        if let Some(batch) = ready.persist {
            self.writing = Some(batch.ticket);
        }
        if let Some(last) = ready.apply.last() {
            self.raft.applied(last.at.index);
        }
        for peer in ready.snapshots {
            self.raft.snapshot_ended(peer, peer == NodeId(2));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8000))]

    #[test]
    fn no_message_makes_a_replica_panic(
        leads: bool,
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut restored = founded(3);
        restored.hard_state.term = TERM - 1;
        let trusting = Config { lease_drift_ppm: Some(1), promise_us: 2 * TICK_US, ..config() };
        let raft = Raft::new(trusting, restored, Rng::new(1), 0);
        let now_us = 2 * TICK_US;
        let mut victim = Victim { raft, writing: None, reads: 0, now_us };
        if leads {
            victim.win();
        }
        let mut before = victim.raft.status();
        let mut committed: BTreeMap<u64, LogPosition> = BTreeMap::new();
        for event in events {
            victim.happen(event);
            let now = victim.raft.status();
            for Entry { at, .. } in victim.raft.entries() {
                if at.index <= now.commit {
                    prop_assert_eq!(committed.entry(at.index).or_insert(*at), at);
                }
            }
            prop_assert!(now.term >= before.term && now.commit >= before.commit);
            prop_assert!(now.applied <= now.commit && now.commit <= now.last.index);
            before = now;
        }
    }
}
