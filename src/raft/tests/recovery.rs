//! Disks that have lost entries, and know it.

use super::super::{Body, Message, RoleName};
use super::group::Group;
use crate::types::NodeId;

/// More ticks than any election takes here.
const LONG: u32 = 30;

/// The first leads three, and what it committed by the help of the second alone is lost by that one.
fn loss(damaged: bool) -> Group {
    let mut group = Group::new(3, 0);
    group.elect(1);
    group.cut.insert(NodeId(3));
    group.propose(1);
    assert_eq!(group.status(1).commit, 2);
    group.restart(2, 1, damaged);
    group
}

#[test]
fn who_has_lost_entries_elects_nobody_who_lacks_them() {
    let mut group = loss(true);
    group.cut = [NodeId(1)].into();
    group.tick(LONG);
    assert_eq!(
        group.status(2).role,
        RoleName::Follower,
        "nor does it stand"
    );
    assert_eq!(group.status(3).commit, 1, "nobody leads it");
    // The disk that does not know brings the loss of what was committed.
    let mut group = loss(false);
    group.cut = [NodeId(1)].into();
    group.tick(LONG);
    assert!(group.status(3).commit > 1);
}

#[test]
fn who_has_lost_entries_gets_them_from_its_leader_and_votes_again() {
    let mut group = loss(true);
    assert!(group.status(2).recovering);
    group.tick(4);
    let status = group.status(2);
    assert_eq!((status.recovering, status.durable), (false, 2));
    group.cut = [NodeId(1)].into();
    group.tick(LONG);
    assert_eq!(group.leader(), Some(2), "only it has what was committed");
    assert!(group.status(3).commit > 2);
}

#[test]
fn a_recovery_ends_durably_and_begins_anew_if_it_did_not() {
    let mut group = loss(true);
    group.lose = |m| matches!(m.body, Body::RecoverReply { .. });
    group.tick(4);
    assert_eq!(group.status(2).durable, 2, "all is there");
    assert!(group.status(2).recovering, "but it does not know");
    group.restart(2, 0, true);
    group.lose = |_| false;
    group.marks.clear();
    group.tick(4);
    assert!(!group.status(2).recovering);
    assert_eq!(group.marks, [(NodeId(2), false)], "once");
}

#[test]
fn an_answer_to_an_earlier_process_counts_for_nothing() {
    let mut group = loss(true);
    group.sent.clear();
    group.tick(1);
    let reply = |m: &&Message| matches!(m.body, Body::RecoverReply { .. });
    let old = group.sent.iter().find(reply).expect("an answer").clone();
    group.tick(4);
    group.propose(1);
    group.restart(2, 1, true);
    group.lose = |m| matches!(m.body, Body::RecoverReply { .. });
    group.tick(1);
    group.raft(2).step(old, 0);
    group.tick(2);
    assert!(group.status(2).recovering);
}

#[test]
fn who_has_lost_entries_votes_for_nobody_even_unasked_before() {
    for damaged in [true, false] {
        let mut group = loss(damaged);
        let candidate = group.status(3);
        let (from, to) = (NodeId(3), NodeId(2));
        let message = Message {
            from,
            to,
            term: candidate.term + 1,
            body: Body::Vote {
                last: candidate.last,
                called: false,
            },
        };
        group.raft(2).step(message, 0);
        group.settle();
        let granted = Body::VoteReply { granted: true };
        let voted = group.sent.iter().any(|m| m.to == from && m.body == granted);
        let before = group.status(2).vote == Some(from);
        assert_eq!((voted, before), (!damaged, !damaged));
    }
}

#[test]
fn who_has_lost_entries_unknowingly_learns_it_from_its_leader() {
    let mut group = loss(false);
    assert!(!group.status(2).recovering, "its disk does not know");
    group.lose = |m| matches!(m.body, Body::Append { .. });
    group.tick(2);
    assert!(group.status(2).recovering, "its leader remembers");
    group.restart(2, 0, true);
    group.lose = |_| false;
    group.tick(4);
    let status = group.status(2);
    assert_eq!((status.recovering, status.durable), (false, 2));
    assert_eq!(group.marks, [(NodeId(2), true), (NodeId(2), false)]);
}

#[test]
fn an_entry_that_came_back_in_the_place_of_a_committed_one_is_not_believed() {
    let mut group = Group::new(3, 0);
    group.elect(2);
    group.cut = [NodeId(1), NodeId(3)].into();
    group.propose(2);
    let stale = group.entries(2);
    group.cut = [NodeId(2)].into();
    group.tick(LONG);
    group.cut.clear();
    group.tick(4);
    let replaced = group.entries(2);
    assert_ne!(stale[1], replaced[1]);
    assert_eq!(group.status(2).commit, replaced.len() as u64);
    group.restart_with(2, stale, false);
    group.lose = |m| matches!(m.body, Body::Append { .. });
    group.tick(2);
    let status = group.status(2);
    assert!(status.recovering && status.commit < 2, "{status:?}");
    group.lose = |_| false;
    group.tick(4);
    assert_eq!(group.entries(2), replaced);
    let status = group.status(2);
    assert_eq!(
        (status.recovering, status.commit),
        (false, replaced.len() as u64)
    );
}
