//! Who takes part, counted by hand: the twin of the core's own arithmetic.

use std::collections::BTreeSet;

use sisyphus::raft::Membership;
use sisyphus::types::NodeId;

/// Whether those who say yes are a majority of the voters, and of the outgoing ones if there are any.
pub fn are_quorum(membership: &Membership, yes: impl Fn(NodeId) -> bool) -> bool {
    let majority = |half: &BTreeSet<NodeId>| {
        let agreeing = half.iter().filter(|id| yes(**id)).count();
        2 * agreeing > half.len()
    };
    majority(&membership.voters)
        && (membership.outgoing.is_empty() || majority(&membership.outgoing))
}

/// Whether no quorum of the one can miss all quorums of the other: for whoever agrees in the one,
/// the rest is no quorum of the other.
pub fn overlap(one: &Membership, other: &Membership) -> bool {
    let halves = [&one.voters, &one.outgoing, &other.voters, &other.outgoing];
    let all: BTreeSet<NodeId> = halves.into_iter().flatten().copied().collect();
    let all: Vec<NodeId> = all.into_iter().collect();
    (0_u64..1 << all.len()).all(|subset| {
        let is_in = |id: NodeId| {
            let at = all.iter().position(|other| *other == id);
            at.is_some_and(|at| subset >> at & 1 == 1)
        };
        !(are_quorum(one, is_in) && are_quorum(other, |id| !is_in(id)))
    })
}
