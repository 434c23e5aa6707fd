//! Who takes part, how that changes, and how leadership passes on.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::super::{
    Aim, Body, Change, Membership, MembershipError, PRIORITY_MAX, PeerState, ProposeError,
    RoleName, TransferError,
};
use super::config;
use super::group::Group;
use crate::types::NodeId;

/// More ticks than any election takes here.
const LONG: u32 = 30;

fn voters(ids: &[u64]) -> Membership {
    Membership::of_voters(ids.iter().copied().map(NodeId))
}

#[test]
fn a_learner_receives_everything_and_counts_for_nothing() {
    let mut group = Group::new(2, 1);
    group.elect(1);
    group.change(1, &[Change::AddLearner(NodeId(3), Aim::Stay)]);
    group.propose(1);
    assert_eq!(group.status(3).commit, 3);
    assert_eq!(group.membership(3), group.membership(1));
    // With the other voter gone the learner is no majority, and stands for nothing.
    group.cut.insert(NodeId(2));
    group.propose(1);
    assert_eq!(group.status(3).last.index, 4);
    assert_eq!(group.status(1).commit, 3);
    group.cut.insert(NodeId(1));
    group.tick(LONG);
    assert_eq!(group.status(3).role, RoleName::Follower);
    assert_eq!(group.membership(1).learners[&NodeId(3)], Aim::Stay);
}

#[test]
fn a_learner_that_has_caught_up_votes_if_that_is_its_aim() {
    let mut group = Group::new(1, 1);
    group.elect(1);
    group.cut.insert(NodeId(2));
    group.change(1, &[Change::AddLearner(NodeId(2), Aim::Vote)]);
    group.tick(LONG);
    assert_eq!(group.membership(1).voters, BTreeSet::from([NodeId(1)]));
    group.cut.clear();
    group.tick(4);
    assert_eq!(group.membership(1), voters(&[1, 2]));
    assert_eq!(group.membership(2), voters(&[1, 2]));
}

#[test]
fn a_learner_that_fell_silent_is_not_made_a_voter() {
    let mut group = Group::new(3, 1);
    group.elect(1);
    // The voters are slow to take what the learner has taken.
    group.lose = |m| matches!(m.body, Body::AppendAccepted { .. }) && m.from < NodeId(4);
    group.change(1, &[Change::AddLearner(NodeId(4), Aim::Vote)]);
    group.cut.insert(NodeId(4));
    group.tick(LONG);
    group.lose = |_| false;
    group.tick(LONG);
    assert_eq!(group.status(1).commit, group.status(4).last.index);
    assert_eq!(group.membership(1).voters, voters(&[1, 2, 3]).voters);
    group.cut.clear();
    group.tick(4);
    assert_eq!(group.membership(4), voters(&[1, 2, 3, 4]));
}

#[test]
fn a_voter_is_replaced_in_one_step() {
    let mut group = Group::new(3, 1);
    group.elect(1);
    group.cut.insert(NodeId(3));
    let aim = Aim::Replace(NodeId(3));
    group.change(1, &[Change::AddLearner(NodeId(4), aim)]);
    group.tick(6);
    assert_eq!(group.membership(1), voters(&[1, 2, 4]));
    let joint = |m: &Membership| m.is_joint();
    let entries = group.raft(4).entries();
    let memberships: Vec<&Membership> = entries.filter_map(|e| e.payload.membership()).collect();
    assert!(
        joint(memberships[1]) && !joint(memberships[2]),
        "{memberships:?}"
    );
    assert_eq!(memberships.len(), 3);
}

#[test]
fn a_joint_membership_needs_both_majorities() {
    let replace = [4, 5].map(|id| Change::AddVoter(NodeId(id)));
    let replace = [replace, [2, 3].map(|id| Change::Remove(NodeId(id)))].concat();
    for cut in [[4, 5], [2, 3]] {
        let mut group = Group::new(3, 2);
        group.elect(1);
        group.cut = BTreeSet::from(cut.map(NodeId));
        group.change(1, &replace);
        assert_eq!(group.membership(1).outgoing, voters(&[1, 2, 3]).voters);
        group.tick(2);
        assert_eq!(group.status(1).commit, 1, "a majority of one half");
        group.tick(LONG);
        assert_eq!(group.leader(), None, "nor does one follow or elect");
        group.cut.clear();
        group.tick(LONG);
        assert_eq!(group.membership(1), voters(&[1, 4, 5]));
        assert_eq!(group.membership(4), voters(&[1, 4, 5]));
    }
}

#[test]
fn one_change_at_a_time() {
    let mut group = Group::new(3, 2);
    group.elect(1);
    group.cut = BTreeSet::from([NodeId(2), NodeId(3)]);
    group.change(1, &[Change::AddVoter(NodeId(4))]);
    let next = |group: &mut Group| {
        let change = [Change::AddVoter(NodeId(5))];
        group.raft(1).propose_membership(&change, Bytes::new())
    };
    assert_eq!(next(&mut group), Err(MembershipError::Busy));
    group.cut.clear();
    group.tick(4);
    assert!(next(&mut group).is_ok());
}

/// The mistake that the first publication of changes of one server had: two leaders that do not know
/// of each other's change.
#[test]
fn a_leader_changes_nothing_before_its_first_commit() {
    let mut group = Group::new(3, 1);
    group.lose = |m| matches!(m.body, Body::Append { .. });
    group.elect(1);
    let change = [Change::AddVoter(NodeId(4))];
    let early = group.raft(1).propose_membership(&change, Bytes::new());
    assert_eq!(early, Err(MembershipError::Busy));
    group.lose = |_| false;
    group.tick(3);
    group.change(1, &change);
    assert_eq!(group.membership(4), voters(&[1, 2, 3, 4]));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut group = Group::new(2, 0);
    group.elect(1);
    let n = NodeId;
    let refused: [&[Change]; 9] = [
        &[],
        &[Change::Remove(n(1)), Change::Remove(n(2))],
        &[Change::Remove(n(1)), Change::Demote(n(2))],
        &[Change::AddVoter(n(2))],
        &[Change::AddVoter(n(0))],
        &[Change::AddLearner(n(1), Aim::Stay)],
        &[Change::AddLearner(n(3), Aim::Replace(n(4)))],
        &[Change::Demote(n(3))],
        &[Change::Remove(n(3))],
    ];
    for changes in refused {
        let refusal = group.raft(1).propose_membership(changes, Bytes::new());
        let unsound = matches!(refusal, Err(MembershipError::Unsound(_)));
        assert!(unsound, "{changes:?}: {refusal:?}");
    }
    let change = [Change::Remove(n(2))];
    let refusal = group.raft(2).propose_membership(&change, Bytes::new());
    let leader = Some(n(1));
    assert_eq!(refusal, Err(MembershipError::NotLeader { leader }));
}

#[test]
fn a_leader_that_is_removed_hands_over_and_follows() {
    let mut group = Group::new(3, 0);
    group.elect(1);
    group.change(1, &[Change::Remove(NodeId(1))]);
    assert!(matches!(group.leader(), Some(2 | 3)), "at once");
    group.tick(LONG);
    assert_eq!(group.status(1).role, RoleName::Follower);
    assert!(!group.membership(1).contains(NodeId(1)), "it knows");
    let leader = group.leader().expect("a successor");
    group.propose(leader);
    assert_eq!(group.status(2).commit, group.status(3).commit);
}

#[test]
fn a_leader_that_is_removed_goes_even_if_nobody_takes_over() {
    let mut group = Group::new(2, 0);
    group.elect(1);
    let change = [Change::Remove(NodeId(1))];
    let proposed = group.raft(1).propose_membership(&change, Bytes::new());
    assert!(proposed.is_ok());
    // The other hears all but the call.
    group.lose = |m| matches!(m.body, Body::TimeoutNow);
    group.settle();
    assert!(group.raft(1).is_handing_over());
    group.tick(config().election_ticks);
    assert_eq!(group.status(1).role, RoleName::Follower);
}

#[test]
fn who_is_removed_is_told_so_and_who_was_not_told_disturbs_nobody() {
    let mut group = Group::new(4, 0);
    group.elect(1);
    group.change(1, &[Change::Remove(NodeId(4))]);
    assert_eq!(group.membership(4), voters(&[1, 2, 3]));
    group.cut.insert(NodeId(3));
    group.change(1, &[Change::Remove(NodeId(3))]);
    group.tick(LONG);
    let term = group.status(1).term;
    assert_eq!(group.membership(3), voters(&[1, 2, 3]), "it was not told");
    // It comes back, hears no leader, and asks around again and again.
    group.cut.clear();
    group.sent.clear();
    group.tick(LONG);
    let asked = |body: &Body| matches!(body, Body::PreVote { .. });
    let asks = group.sent.iter().filter(|m| asked(&m.body)).count();
    assert!(asks > 2, "{asks}");
    assert_eq!((group.leader(), group.status(1).term), (Some(1), term));
    assert_eq!(group.status(3).term, term, "it never stood");
}

#[test]
fn leadership_is_handed_to_whom_one_wants() {
    let mut group = Group::new(3, 0);
    group.elect(1);
    let term = group.status(1).term;
    group.sent.clear();
    assert_eq!(
        group.raft(1).transfer_leadership(Some(NodeId(3))),
        Ok(NodeId(3))
    );
    let refused = Err(ProposeError::NotLeader { leader: None });
    assert_eq!(group.raft(1).propose(Bytes::from("x")), refused);
    let busy = Err(TransferError::Busy(NodeId(3)));
    assert_eq!(group.raft(1).transfer_leadership(Some(NodeId(2))), busy);
    group.settle();
    assert_eq!((group.leader(), group.status(3).term), (Some(3), term + 1));
    let asked = |body: &Body| matches!(body, Body::PreVote { .. });
    assert!(
        !group.sent.iter().any(|m| asked(&m.body)),
        "it asked around"
    );
}

#[test]
fn leadership_is_handed_to_nobody_who_cannot_take_it() {
    let mut group = Group::new(2, 1);
    group.elect(1);
    group.change(1, &[Change::AddLearner(NodeId(3), Aim::Stay)]);
    for id in [1, 3, 9] {
        let refused = Err(TransferError::NoVoter(NodeId(id)));
        assert_eq!(group.raft(1).transfer_leadership(Some(NodeId(id))), refused);
    }
    let leader = Some(NodeId(1));
    let refused = Err(TransferError::NotLeader { leader });
    assert_eq!(group.raft(2).transfer_leadership(None), refused);
    let mut alone = Group::new(1, 0);
    alone.elect(1);
    let refused = Err(TransferError::NoSuccessor);
    assert_eq!(alone.raft(1).transfer_leadership(None), refused);
}

#[test]
fn the_successor_is_brought_up_to_date_first_and_given_up_after_a_while() {
    let mut group = Group::new(3, 0);
    group.elect(1);
    group.cut.insert(NodeId(3));
    group.propose(1);
    group
        .raft(1)
        .transfer_leadership(Some(NodeId(3)))
        .expect("a voter");
    group.tick(config().election_ticks - 1);
    assert!(group.raft(1).is_handing_over());
    assert_eq!(group.leader(), Some(1));
    group.tick(1);
    assert!(!group.raft(1).is_handing_over());
    group.propose(1);
    group
        .raft(1)
        .transfer_leadership(Some(NodeId(3)))
        .expect("a voter");
    group.cut.clear();
    group.tick(2);
    assert_eq!(group.leader(), Some(3));
    assert_eq!(group.status(3).first, 1, "by entries");
}

#[test]
fn the_most_willing_succeeds_and_the_least_willing_waits() {
    let mut group = Group::with(5, 0, |config| config.priority = (config.id.0 % 4) as u8);
    group.elect(5);
    group.tick(2);
    assert_eq!(
        group.raft(5).transfer_leadership(None),
        Ok(NodeId(3)),
        "priority 3"
    );
    group.settle();
    assert_eq!(group.leader(), Some(3));
    // It fell behind: whoever has everything comes first.
    group.tick(2);
    group
        .raft(3)
        .transfer_leadership(Some(NodeId(1)))
        .expect("a voter");
    group.settle();
    group.cut.insert(NodeId(3));
    group.propose(1);
    assert_eq!(group.raft(1).transfer_leadership(None), Ok(NodeId(2)));
    // Alone in the world, the least willing stands all the same, after a bounded time.
    let ticks = config().election_ticks;
    let longest = 2 * ticks - 1 + u32::from(PRIORITY_MAX) * ticks / 2;
    let mut alone = Group::with(1, 0, |config| config.priority = 0);
    alone.tick(ticks + u32::from(PRIORITY_MAX) * ticks / 2 - 1);
    assert_eq!(alone.leader(), None);
    alone.tick(longest);
    assert_eq!(alone.leader(), Some(1));
}

#[test]
fn a_peer_that_is_gone_costs_its_window_and_heartbeats() {
    let mut group = Group::new(3, 0);
    group.elect(1);
    group.propose(1);
    group.cut.insert(NodeId(3));
    group.sent.clear();
    for _ in 0..100 {
        group.propose(1);
    }
    let to_3 = || group.sent.iter().filter(|m| m.to == NodeId(3));
    assert_eq!(to_3().count(), config().inflight_max);
    group.sent.clear();
    group.tick(1);
    for _ in 0..100 {
        group.propose(1);
    }
    let heartbeat = |body: &Body| matches!(body, Body::Heartbeat { .. });
    let to_3 = || group.sent.iter().filter(|m| m.to == NodeId(3));
    assert!(to_3().all(|m| heartbeat(&m.body)), "nothing but heartbeats");
    // It comes back, and gets all of it.
    group.cut.clear();
    group.tick(LONG);
    assert_eq!(group.status(3).commit, group.status(1).commit);
}

#[test]
fn who_is_removed_gets_no_snapshot_any_more() {
    let mut group = Group::new(3, 0);
    group.elect(1);
    group.cut.insert(NodeId(3));
    group.propose(1);
    group.change(1, &[Change::Remove(NodeId(3))]);
    let applied = group.status(1).applied;
    group.raft(1).compact(applied);
    group.cut.clear();
    group.tick(2);
    assert_eq!(group.status(1).progress[&NodeId(3)].state, PeerState::Probe);
    group.tick(config().election_ticks);
    assert!(!group.status(1).progress.contains_key(&NodeId(3)));
}
