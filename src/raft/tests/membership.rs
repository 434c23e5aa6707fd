//! Memberships as values: their bytes, and the arithmetic of changes against a dumb twin.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::{Aim, Change, MEMBERS_MAX, Membership};
use crate::codec::{DecodeError, Decoder};
use crate::types::NodeId;

fn id() -> impl Strategy<Value = NodeId> {
    (1..8_u64).prop_map(NodeId)
}

fn aim() -> impl Strategy<Value = Aim> {
    prop_oneof![
        Just(Aim::Stay),
        Just(Aim::Vote),
        id().prop_map(Aim::Replace)
    ]
}

/// Any sound membership of few, joint or not.
fn membership() -> impl Strategy<Value = Membership> {
    let half = |least| prop::collection::btree_set(id(), least..5);
    let learners = prop::collection::btree_map(id(), aim(), 0..3);
    let parts = (half(1), half(0), learners);
    parts.prop_filter_map("unsound", |(voters, outgoing, learners)| {
        let membership = Membership {
            voters,
            outgoing,
            learners,
        };
        membership.check().is_ok().then_some(membership)
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (id(), aim()).prop_map(|(id, aim)| Change::AddLearner(id, aim)),
        id().prop_map(Change::AddVoter),
        id().prop_map(Change::Demote),
        id().prop_map(Change::Remove),
    ]
}

fn encoded(membership: &Membership) -> Vec<u8> {
    let mut out = Vec::new();
    membership.encode(&mut out);
    out
}

fn decoded(bytes: &[u8]) -> Result<Membership, DecodeError> {
    let mut input = Decoder::new(Bytes::copy_from_slice(bytes));
    let membership = Membership::decode(&mut input)?;
    input.finish()?;
    Ok(membership)
}

/// What becomes of each member, one wish after the other; none for a wish that makes no sense.
/// A learner that does not vote is a false.
fn twin(membership: &Membership, changes: &[Change]) -> Option<BTreeMap<NodeId, bool>> {
    let voters = membership.voters.iter().map(|id| (*id, true));
    let learners = membership.learners.keys().map(|id| (*id, false));
    let mut members: BTreeMap<NodeId, bool> = voters.chain(learners).collect();
    for change in changes {
        let votes = |id: &NodeId| members.get(id) == Some(&true);
        let sense = match change {
            Change::AddLearner(id, Aim::Replace(old)) => !votes(id) && votes(old),
            Change::AddLearner(id, _) | Change::AddVoter(id) => !votes(id),
            Change::Demote(id) => votes(id),
            Change::Remove(id) => members.contains_key(id),
        };
        sense.then_some(())?;
        match change {
            Change::AddLearner(id, _) | Change::Demote(id) => members.insert(*id, false),
            Change::AddVoter(id) => members.insert(*id, true),
            Change::Remove(id) => members.remove(id),
        };
    }
    members.values().any(|votes| *votes).then_some(members)
}

proptest! {
    #[test]
    fn what_is_written_is_read(membership in membership()) {
        prop_assert_eq!(decoded(&encoded(&membership)), Ok(membership));
    }

    #[test]
    fn what_can_be_read_has_one_spelling(bytes in prop::collection::vec(0..6_u8, 0..12)) {
        if let Ok(membership) = decoded(&bytes) {
            prop_assert!(membership.check().is_ok());
            prop_assert_eq!(encoded(&membership), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = decoded(&bytes);
    }

    #[test]
    fn changes_are_those_of_a_twin(
        membership in membership(),
        changes in prop::collection::vec(change(), 0..5),
    ) {
        let before = membership.settled();
        prop_assume!(before.check().is_ok());
        let expected = twin(&before, &changes);
        let changed = before.changed(&changes);
        let Ok(after) = changed else {
            prop_assert!(expected.is_none() || changed == Err("nothing would change"));
            return Ok(());
        };
        prop_assert!(after.check().is_ok());
        let votes = |id: &NodeId| (*id, after.voters.contains(id));
        let members = after.settled().members();
        prop_assert_eq!(Some(members.iter().map(votes).collect()), expected);
        // Joint exactly if two majorities could miss each other.
        let differ = before.voters.symmetric_difference(&after.voters).count();
        prop_assert_eq!(after.is_joint(), differ > 1);
        prop_assert!(!after.is_joint() || after.outgoing == before.voters);
        // Nobody waits to replace who is not there.
        let waits = |aim: &Aim| matches!(aim, Aim::Replace(old) if !after.voters.contains(old));
        prop_assert!(!after.learners.values().any(waits));
    }
}

#[test]
fn too_many_are_refused() {
    let many = |count: usize| Membership::of_voters((1..=count as u64).map(NodeId));
    assert!(many(MEMBERS_MAX).check().is_ok());
    assert!(many(MEMBERS_MAX + 1).check().is_err());
    assert!(decoded(&encoded(&many(MEMBERS_MAX + 1))).is_err());
}

#[test]
fn the_bytes_are_frozen() {
    let mut membership = Membership::of_voters([NodeId(1), NodeId(300)]);
    membership.outgoing = [NodeId(1), NodeId(2)].into();
    membership.learners = BTreeMap::from([
        (NodeId(2), Aim::Stay),
        (NodeId(5), Aim::Vote),
        (NodeId(6), Aim::Replace(NodeId(1))),
    ]);
    let frozen = [2, 1, 0xac, 2, 2, 1, 2, 3, 2, 0, 5, 1, 6, 2, 1];
    assert_eq!(encoded(&membership), frozen);
    let eye = "n1 n300, leaving n1 n2, learning n2 n5→vote n6→n1";
    assert_eq!(membership.to_string(), eye);
}
