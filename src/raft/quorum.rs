//! Quorum arithmetic: pure functions of who votes.
//!
//! Everything that Raft decides by counting is one of two questions to a [`Membership`]: do enough
//! agree, and how far have enough come. Enough is a majority of the voters and, in a joint
//! membership, a majority of the outgoing ones as well (thesis §4.3): so that no two quorums miss
//! each other, whichever of the two memberships a replica has heard of. In an empty membership
//! nobody is enough.

use std::collections::BTreeSet;

use super::Membership;
use crate::types::NodeId;

impl Membership {
    /// Whether those who say yes are a quorum.
    pub(super) fn agree(&self, yes: impl Fn(NodeId) -> bool) -> bool {
        majority_agrees(&self.voters, &yes)
            && (!self.is_joint() || majority_agrees(&self.outgoing, &yes))
    }

    /// The largest number that a quorum has reached or passed.
    pub(super) fn reached(&self, number: impl Fn(NodeId) -> u64) -> u64 {
        let reached = majority_reached(&self.voters, &number);
        match self.is_joint() {
            true => reached.min(majority_reached(&self.outgoing, &number)),
            false => reached,
        }
    }
}

fn majority_agrees(voters: &BTreeSet<NodeId>, yes: impl Fn(NodeId) -> bool) -> bool {
    voters.iter().filter(|id| yes(**id)).count() > voters.len() / 2
}

fn majority_reached(voters: &BTreeSet<NodeId>, number: impl Fn(NodeId) -> u64) -> u64 {
    // The answer is some voter's number. Trying each is quadratic in a handful of voters, and
    // unlike sorting needs no memory on a path that every acknowledgement takes.
    let tried = voters.iter().map(|id| number(*id));
    let reached = tried.filter(|tried| majority_agrees(voters, |id| number(id) >= *tried));
    reached.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn voters(count: u64) -> Membership {
        Membership::of_voters((1..=count).map(NodeId))
    }

    /// Any membership of the first seven nodes, joint or not.
    fn membership() -> impl Strategy<Value = Membership> {
        let half = |least| prop::collection::btree_set((1..8_u64).prop_map(NodeId), least..=7);
        (half(1), half(0)).prop_map(|(voters, outgoing)| Membership {
            voters,
            outgoing,
            ..Membership::default()
        })
    }

    /// The twin: sorts, and takes the middle.
    fn middle(half: &BTreeSet<NodeId>, numbers: [u64; 7]) -> u64 {
        let mut sorted: Vec<u64> = half.iter().map(|id| numbers[id.0 as usize - 1]).collect();
        sorted.sort_unstable();
        // With n voters, n / 2 may lag: the quorum is the rest.
        sorted[(sorted.len() - 1) / 2]
    }

    proptest! {
        #[test]
        fn reached_is_the_middle_of_both_halves(membership in membership(), numbers: [u8; 7]) {
            let numbers = numbers.map(|number| u64::from(number % 9));
            let mut expected = middle(&membership.voters, numbers);
            if membership.is_joint() {
                expected = expected.min(middle(&membership.outgoing, numbers));
            }
            let reached = membership.reached(|id| numbers[id.0 as usize - 1]);
            prop_assert_eq!(reached, expected);
        }

        #[test]
        fn what_is_reached_is_agreed_and_what_is_beyond_is_not(
            membership in membership(),
            numbers: [u8; 7],
        ) {
            let number = |id: NodeId| u64::from(numbers[id.0 as usize - 1] % 9);
            let reached = membership.reached(number);
            prop_assert!(membership.agree(|id| number(id) >= reached));
            prop_assert!(!membership.agree(|id| number(id) > reached));
        }

        #[test]
        fn two_quorums_share_a_voter(one: [bool; 7], other: [bool; 7], membership in membership()) {
            // Of the joint membership, and of each of the two that it leads from and to.
            let quorum = |half: &BTreeSet<NodeId>, votes: [bool; 7]| {
                Membership::of_voters(half.iter().copied()).agree(|id| votes[id.0 as usize - 1])
            };
            let shared = |half: &BTreeSet<NodeId>| {
                half.iter().any(|id| one[id.0 as usize - 1] && other[id.0 as usize - 1])
            };
            if membership.agree(|id| one[id.0 as usize - 1]) {
                for half in [&membership.voters, &membership.outgoing] {
                    prop_assert!(!quorum(half, other) || shared(half));
                }
            }
        }
    }

    #[test]
    fn a_majority_is_more_than_half() {
        for (count, enough) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4)] {
            assert!(voters(count).agree(|id| id.0 <= enough), "{count}");
            assert!(!voters(count).agree(|id| id.0 < enough), "{count}");
        }
    }

    #[test]
    fn nobody_is_no_quorum() {
        assert!(!Membership::default().agree(|_| true));
        assert_eq!(Membership::default().reached(|_| 9), 0);
    }
}
