//! The smallest stories; the long ones are in `tests/raft`.

mod group;
mod log;
mod members;
mod membership;
mod progress;
mod recovery;
mod wire;

use bytes::Bytes;

use super::{
    Base, Body, Config, Entry, HardState, Membership, Message, PRIORITY_MAX, Payload, Raft, Ready,
    Restored, RoleName, Room,
};
use crate::rng::Rng;
use crate::types::{LogPosition, NodeId, Term};

const ROOM: Room = Room {
    tell: true,
    persist: true,
    apply_bytes: 1 << 20,
};

/// The disk of one of so many voters that have just been founded.
fn founded(voters: u64) -> Restored {
    let mut restored = Restored::default();
    restored.base.membership = Membership::of_voters((1..=voters).map(NodeId));
    restored
}

/// The first replica, with tiny limits.
fn config() -> Config {
    Config {
        id: NodeId(1),
        heartbeat_ticks: 1,
        election_ticks: 3,
        append_bytes_max: 1 << 10,
        inflight_max: 4,
        inflight_bytes_max: 1 << 10,
        priority: PRIORITY_MAX,
        promise_us: 0,
        lease_drift_ppm: None,
        uncommitted_bytes_max: 100,
    }
}

/// Persists all there is to persist.
fn settle(raft: &mut Raft) -> Ready {
    let mut all = Ready::default();
    loop {
        let ready = raft.ready(ROOM, 0);
        all.apply.extend(ready.apply);
        all.reads.extend(ready.reads);
        match ready.persist {
            Some(batch) => raft.persisted(batch.ticket),
            None => return all,
        }
    }
}

#[test]
fn a_replica_alone_elects_itself_commits_and_reads() {
    let mut raft = Raft::new(config(), founded(1), Rng::new(1), 0);
    (0..6).for_each(|_| raft.tick(0));
    let batch = raft.ready(ROOM, 0).persist.expect("its vote");
    let vote = HardState {
        term: 1,
        vote: Some(NodeId(1)),
    };
    assert_eq!(batch.hard_state, Some(vote));
    assert_eq!(raft.status().role, RoleName::Candidate);
    raft.persisted(batch.ticket);
    assert_eq!(raft.status().role, RoleName::Leader);
    let at = raft.propose(Bytes::from("x")).expect("it leads");
    assert_eq!(at, LogPosition { term: 1, index: 2 });
    raft.read(7).expect("it leads");
    let ready = settle(&mut raft);
    assert_eq!(ready.apply.len(), 2);
    assert_eq!(ready.reads, [(7, 2)]);
}

#[test]
fn a_snapshot_may_be_durable_before_the_term_that_it_came_in() {
    let base = Base {
        at: LogPosition { term: 5, index: 9 },
        membership: Membership::of_voters((1..=3).map(NodeId)),
    };
    let hard_state = HardState {
        term: 3,
        vote: Some(NodeId(2)),
    };
    let restored = Restored {
        hard_state,
        base: base.clone(),
        ..Restored::default()
    };
    let mut raft = Raft::new(config(), restored, Rng::new(1), 0);
    assert_eq!(raft.status().term, 5);
    let batch = raft.ready(ROOM, 0).persist.expect("the later term");
    assert_eq!(
        batch.hard_state,
        Some(HardState {
            term: 5,
            vote: None
        })
    );
    assert_eq!(batch.reset, Some(base), "the log on disk may end before");
}

#[test]
fn a_snapshot_of_a_later_term_brings_its_term() {
    let mut raft = Raft::new(config(), founded(3), Rng::new(1), 0);
    let base = Base {
        at: LogPosition { term: 5, index: 9 },
        membership: Membership::of_voters((1..=4).map(NodeId)),
    };
    raft.install(base.clone());
    let status = raft.status();
    assert_eq!((status.term, status.last), (5, base.at));
    assert_eq!(raft.membership(), &base.membership);
    let batch = raft.ready(ROOM, 0).persist.expect("the later term");
    assert_eq!(batch.hard_state.map(|state| state.term), Some(5));
    assert_eq!(batch.reset, Some(base));
}

/// What the second replica says as a leader: one entry at the beginning of the log.
fn append(term: Term, payload: Payload) -> Message {
    Message {
        from: NodeId(2),
        to: NodeId(1),
        term,
        body: Body::Append {
            prev: LogPosition::default(),
            entries: vec![Entry {
                at: LogPosition { term, index: 1 },
                payload,
            }],
            commit: 0,
        },
    }
}

#[test]
fn a_snapshot_tells_who_takes_part_though_the_log_reaches_it() {
    let mut raft = Raft::new(config(), Restored::default(), Rng::new(1), 0);
    raft.step(append(1, Payload::Noop), 0);
    assert!(raft.membership().is_empty(), "nobody has said so");
    let base = Base {
        at: LogPosition { term: 1, index: 1 },
        membership: founded(3).base.membership,
    };
    raft.install(base.clone());
    assert_eq!(raft.base_at(1), Some(base));
}

#[test]
fn a_membership_is_in_force_at_once_and_forgotten_with_its_entry() {
    let mut raft = Raft::new(config(), founded(3), Rng::new(1), 0);
    let four = Membership::of_voters((1..=4).map(NodeId));
    let change = Payload::of_membership(four.clone(), Bytes::new());
    raft.step(append(1, change), 0);
    assert_eq!(raft.membership(), &four);
    raft.step(append(2, Payload::Noop), 0);
    assert_eq!(raft.membership(), &founded(3).base.membership);
    // One that no leader proposes is not taken from the wire.
    let nobody = Payload::of_membership(Membership::default(), Bytes::new());
    raft.step(append(3, nobody), 0);
    assert_eq!(raft.status().last.term, 2);
}
