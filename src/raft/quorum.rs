//! Quorum arithmetic: pure functions of who votes.
//!
//! Everything that Raft decides by counting is one of two questions to [`Voters`]: do enough agree,
//! and how far have enough come. Whatever a later configuration counts as "enough" changes here.

use std::collections::BTreeSet;

use crate::types::NodeId;

/// Those whose votes count; any two quorums of them share a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Voters(BTreeSet<NodeId>);

impl Voters {
    /// The voters of a shard. Panics if there are none.
    pub fn new(members: impl IntoIterator<Item = NodeId>) -> Self {
        let members: BTreeSet<NodeId> = members.into_iter().collect();
        assert!(!members.is_empty(), "nobody votes");
        Voters(members)
    }

    /// Whether `id` votes.
    pub fn contains(&self, id: NodeId) -> bool {
        self.0.contains(&id)
    }

    /// All but `id`, in ascending order.
    pub fn others(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().copied().filter(move |other| *other != id)
    }

    /// Whether those who say yes are a quorum.
    pub fn agree(&self, yes: impl Fn(NodeId) -> bool) -> bool {
        self.0.iter().filter(|id| yes(**id)).count() >= self.quorum()
    }

    /// The largest number that a quorum has reached or passed.
    pub fn reached(&self, number: impl Fn(NodeId) -> u64) -> u64 {
        // The answer is some voter's number. Trying each is quadratic in a handful of voters, and
        // unlike sorting needs no memory on a path that every acknowledgement takes.
        let tried = self.0.iter().map(|id| number(*id));
        tried
            .filter(|candidate| self.agree(|id| number(id) >= *candidate))
            .max()
            .expect("the smallest number is reached by all")
    }

    fn quorum(&self) -> usize {
        self.0.len() / 2 + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn voters(count: u64) -> Voters {
        Voters::new((1..=count).map(NodeId))
    }

    proptest! {
        #[test]
        fn reached_is_the_middle_of_the_sorted_numbers(numbers in prop::collection::vec(0_u64..9, 1..8)) {
            let reached = voters(numbers.len() as u64).reached(|id| numbers[id.0 as usize - 1]);
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            // With n voters, n / 2 may lag: the quorum is the rest.
            prop_assert_eq!(reached, sorted[(numbers.len() - 1) / 2]);
        }

        #[test]
        fn two_quorums_share_a_voter(one: [bool; 7], other: [bool; 7], count in 1_u64..8) {
            let voters = voters(count);
            let says = |votes: [bool; 7]| move |id: NodeId| votes[id.0 as usize - 1];
            let both = |id| says(one)(id) && says(other)(id);
            if voters.agree(says(one)) && voters.agree(says(other)) {
                prop_assert!((1..=count).map(NodeId).any(both));
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
}
