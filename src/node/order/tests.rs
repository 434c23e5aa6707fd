//! Orders as bytes, and the plans they lead to.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    machine::{Member, Members},
    node::Roster,
    raft::{Aim, Change, Membership},
};

fn order() -> impl Strategy<Value = Order> {
    let id = || any::<u64>().prop_map(NodeId);
    prop_oneof![
        any::<(String, String, bool)>().prop_map(|(name, peer, learner)| Order::Add {
            name,
            peer,
            learner
        }),
        id().prop_map(Order::Remove),
        id().prop_map(Order::Promote),
        (id(), any::<String>()).prop_map(|(id, peer)| Order::Move { id, peer }),
        (id(), any::<(String, String, String, String, bool, u64)>()).prop_map(
            |(id, (name, peer, grpc, http, first, mark))| Order::Introduce {
                id,
                name,
                peer,
                grpc,
                http,
                first,
                mark
            }
        ),
        (id(), any::<(String, String)>()).prop_map(|(old, (name, peer))| Order::Replace {
            old,
            name,
            peer
        }),
        (1..9_u64).prop_map(|id| Order::Lead(Some(NodeId(id)))),
        Just(Order::Lead(None)),
    ]
}

proptest! {
    #[test]
    fn an_order_is_read_back(order in order()) {
        prop_assert_eq!(Order::decode(order.encode()), Ok(order));
    }

    #[test]
    fn any_bytes_decode_or_fail_cleanly(input: Vec<u8>) {
        let _ = Order::decode(input.clone().into());
        let _ = Refused::decode(&mut Decoder::new(input.into()));
    }
}

#[test]
fn a_refusal_is_read_back() {
    for why in Why::ALL {
        let refused = Refused::new(why, "because");
        let mut out = Vec::new();
        refused.encode(&mut out);
        assert_eq!(Refused::decode(&mut Decoder::new(out.into())), Ok(refused));
    }
}

/// Three voters a, b, c, all present and up to date, and a learner d that is not.
fn roster() -> Roster {
    let mut members = Members::default();
    for name in ["a", "b", "c", "d"] {
        members.add(name, &format!("{name}:1")).unwrap();
    }
    let mut membership = Membership::of_voters([1, 2, 3].map(NodeId));
    membership.learners.insert(NodeId(4), Aim::Stay);
    Roster {
        since: 9,
        membership,
        members,
    }
}

fn plan_at(
    order: Order,
    roster: &Roster,
    present: &[u64],
    lag: &[(u64, u64)],
) -> Result<Plan, Refused> {
    let present: BTreeSet<NodeId> = present.iter().copied().map(NodeId).collect();
    let lag: BTreeMap<_, _> = lag.iter().map(|(id, lag)| (NodeId(*id), *lag)).collect();
    let scene = Scene {
        roster,
        present,
        lag,
    };
    plan(order, &scene)
}

fn planned(order: Order) -> Result<Plan, Refused> {
    plan_at(order, &roster(), &[1, 2, 3, 4], &[(4, 0)])
}

fn refusal(planned: Result<Plan, Refused>) -> (Why, String) {
    let Refused { why, text } = planned.expect_err("refused");
    (why, text)
}

fn member(plan: &Plan, id: u64) -> Member {
    plan.members.get(NodeId(id)).expect("a member").clone()
}

#[test]
fn a_new_node_learns_under_an_id_that_nobody_had() {
    let add = |learner| Order::Add {
        name: "e".into(),
        peer: "e:1".into(),
        learner,
    };
    let plan = planned(add(false)).unwrap();
    assert_eq!(plan.changes, [Change::AddLearner(NodeId(5), Aim::Vote)]);
    assert!(!member(&plan, 5).started);
    let plan = planned(add(true)).unwrap();
    assert_eq!(plan.changes, [Change::AddLearner(NodeId(5), Aim::Stay)]);
    let taken = planned(Order::Add {
        name: "e".into(),
        peer: "a:1".into(),
        learner: false,
    });
    assert_eq!(
        refusal(taken),
        (Why::Exists, "Peer URLs already exists".into())
    );
}

#[test]
fn who_is_not_there_is_neither_removed_nor_promoted_nor_moved() {
    for order in [
        Order::Remove(NodeId(9)),
        Order::Promote(NodeId(9)),
        Order::Move {
            id: NodeId(9),
            peer: "x:1".into(),
        },
    ] {
        assert_eq!(
            refusal(planned(order)),
            (Why::NotFound, "member not found".into())
        );
    }
}

#[test]
fn a_removal_leaves_a_majority_that_is_there() {
    let remove = |id, present: &[u64]| plan_at(Order::Remove(NodeId(id)), &roster(), present, &[]);
    let plan = remove(3, &[1, 2]).unwrap();
    assert_eq!(plan.changes, [Change::Remove(NodeId(3))]);
    assert_eq!(
        plan.members.len(),
        4,
        "it is reached until it takes no part any more"
    );
    // Of two that would be left, one is silent.
    assert_eq!(refusal(remove(2, &[1, 2])).0, Why::Unhealthy);
    // A learner decides nothing.
    assert!(remove(4, &[1, 2]).is_ok());
}

#[test]
fn the_last_voter_stays() {
    let mut roster = roster();
    roster.membership = Membership::of_voters([NodeId(1)]);
    let (why, text) = refusal(plan_at(Order::Remove(NodeId(1)), &roster, &[1], &[]));
    assert_eq!(why, Why::Impossible);
    assert!(text.contains("last voter"), "{text}");
}

#[test]
fn a_learner_that_lags_is_not_promoted_and_hears_by_how_much() {
    let promote = |id, lag| {
        plan_at(
            Order::Promote(NodeId(id)),
            &roster(),
            &[1, 2, 3, 4],
            &[(4, lag)],
        )
    };
    assert_eq!(
        promote(4, 1).unwrap().changes,
        [Change::AddVoter(NodeId(4))]
    );
    let (why, text) = refusal(promote(4, 1_234_567));
    assert_eq!(why, Why::NotReady);
    assert!(text.ends_with("n4 lacks 1234567 entries"), "{text}");
    assert_eq!(refusal(promote(3, 0)).0, Why::NotLearner);
    let silent = plan_at(Order::Promote(NodeId(4)), &roster(), &[1, 2, 3], &[(4, 0)]);
    assert!(refusal(silent).1.contains("not heard"));
    let new = plan_at(Order::Promote(NodeId(4)), &roster(), &[1, 2, 3, 4], &[]);
    assert!(
        refusal(new).1.contains("not heard"),
        "it never said anything"
    );
}

#[test]
fn a_node_is_introduced_once_with_an_empty_disk() {
    let introduce = |first| Order::Introduce {
        id: NodeId(4),
        name: "d2".into(),
        peer: "d2:1".into(),
        grpc: "d2:2".into(),
        http: "d2:3".into(),
        first,
        mark: 0,
    };
    let plan = planned(introduce(true)).unwrap();
    assert!(plan.changes.is_empty() && member(&plan, 4).started);
    assert_eq!(member(&plan, 4).grpc, "d2:2");
    let mut roster = roster();
    roster.members = plan.members;
    let again = plan_at(introduce(true), &roster, &[], &[]);
    assert_eq!(refusal(again).0, Why::Exists);
    assert!(plan_at(introduce(false), &roster, &[], &[]).is_ok());
}

#[test]
fn a_member_whose_disk_was_lost_is_not_taken_for_the_one_it_was() {
    let introduce = |mark| Order::Introduce {
        id: NodeId(2),
        name: "b".into(),
        peer: "b:1".into(),
        grpc: "b:2".into(),
        http: "b:3".into(),
        first: false,
        mark,
    };
    let mut roster = roster();
    roster.members = planned(introduce(7)).unwrap().members;
    assert_eq!(roster.members.get(NodeId(2)).unwrap().mark, 7);
    let again = plan_at(introduce(7), &roster, &[], &[]).unwrap();
    assert_eq!(member(&again, 2).mark, 7);
    let unsaid = plan_at(introduce(0), &roster, &[], &[]).unwrap();
    assert_eq!(member(&unsaid, 2).mark, 7, "what was said stays");
    let other = plan_at(introduce(8), &roster, &[], &[]);
    assert!(refusal(other).1.contains("has lost its disk"));
}

#[test]
fn an_order_is_fulfilled_when_its_plan_is_the_roster_and_not_before() {
    for order in [
        Order::Add {
            name: "e".into(),
            peer: "e:1".into(),
            learner: false,
        },
        Order::Move {
            id: NodeId(2),
            peer: "x:1".into(),
        },
        Order::Replace {
            old: NodeId(3),
            name: "e".into(),
            peer: "e:1".into(),
        },
    ] {
        let mut roster = roster();
        assert!(!order.is_fulfilled(&roster), "{order:?}");
        roster.members = planned(order.clone()).unwrap().members;
        assert!(order.is_fulfilled(&roster), "{order:?}");
    }
    let (remove, promote) = (Order::Remove(NodeId(4)), Order::Promote(NodeId(4)));
    let mut roster = roster();
    assert!(!remove.is_fulfilled(&roster) && !promote.is_fulfilled(&roster));
    roster.membership.voters.insert(NodeId(4));
    assert!(promote.is_fulfilled(&roster));
    roster.members.remove(NodeId(4)).unwrap();
    assert!(remove.is_fulfilled(&roster));
}

#[test]
fn who_is_replaced_gives_name_and_address_and_keeps_its_vote_until_the_new_one_has_it() {
    let replace = |old| Order::Replace {
        old: NodeId(old),
        name: "c".into(),
        peer: "c:1".into(),
    };
    let (why, text) = refusal(planned(replace(3)));
    assert!(why == Why::Exists && text.contains("is alive"), "{text}");
    let plan = plan_at(replace(3), &roster(), &[1, 2], &[]).unwrap();
    let aim = Aim::Replace(NodeId(3));
    assert_eq!(plan.changes, [Change::AddLearner(NodeId(5), aim)]);
    assert_eq!(
        (member(&plan, 3).name, member(&plan, 5).name),
        (String::new(), "c".into())
    );
    assert_eq!(member(&plan, 3).peer, "");

    // The disk is lost again before the first replacement has caught up.
    let mut roster = roster();
    roster.membership.learners.insert(NodeId(5), aim);
    roster.members = plan.members;
    let again = plan_at(replace(5), &roster, &[], &[]).unwrap();
    assert_eq!(
        again.changes,
        [
            Change::Remove(NodeId(5)),
            Change::AddLearner(NodeId(6), aim)
        ]
    );
}
