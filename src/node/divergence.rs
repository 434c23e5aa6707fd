//! Whether replicas that applied the same came to the same.
//!
//! Every replica keeps a rolling hash of the entries that it applied and of what they came to. At
//! every [`EVERY`]th index it tells all members its hash, and compares theirs. Who differs from a
//! quorum of voters that agree with each other is wrong, whatever the cause: bad memory, a disk that
//! lies, an operator's slip, a bug. It fences itself, and does not start again on this state.
//!
//! Everybody judges only itself, so nobody can be fenced by a peer that is wrong, and a leader is
//! judged like any other. Where no quorum agrees (two voters that differ) nobody can say who is
//! wrong: that is reported, and both go on.

use std::collections::BTreeMap;

use super::{applier::ApplierJob, replica::Replica};
use crate::{
    raft::Membership,
    rpc::{PeerBody, StateHash},
    types::{Index, NodeId},
};

/// Hashes are compared at the indexes that this divides: often enough that little is done on a wrong
/// state, and seldom enough to cost nothing.
pub(super) const EVERY: Index = 64;

/// So many hashes of each replica are kept, to be compared with those of slower ones.
const KEPT: usize = 8;

/// More replicas than a cluster has are not listened to.
const REPLICAS_MAX: usize = 64;

/// The hashes that replicas have told.
#[derive(Debug, Default)]
pub(super) struct Divergence {
    told: BTreeMap<NodeId, BTreeMap<Index, u64>>,
}

/// A state that others do not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A quorum came to another state than this replica.
    Wrong {
        /// Theirs.
        theirs: u64,
        /// This replica's.
        own: u64,
    },
    /// Replicas differ, and no quorum agrees that could still say who is wrong.
    Undecided,
}

impl Divergence {
    /// Takes note of a hash. One that does not fit is forgotten: the next one will.
    pub(super) fn note(&mut self, replica: NodeId, state: StateHash) {
        if self.told.len() >= REPLICAS_MAX && !self.told.contains_key(&replica) {
            return;
        }
        let told = self.told.entry(replica).or_default();
        // What is applied stays applied: the first word counts.
        told.entry(state.index).or_insert(state.hash);
        if told.len() > KEPT {
            told.pop_first();
        }
    }

    /// Compares what is known of the states at an index, seen by `own`.
    pub(super) fn judge(
        &self,
        own: NodeId,
        index: Index,
        membership: &Membership,
    ) -> Option<Verdict> {
        let at = |replica: &NodeId| self.told.get(replica)?.get(&index).copied();
        let mine = at(&own)?;
        // While the voters change, whose word counts is not settled.
        if membership.is_joint() {
            return None;
        }
        let voters = &membership.voters;
        let mut votes: BTreeMap<u64, usize> = BTreeMap::new();
        for hash in voters.iter().filter_map(at) {
            *votes.entry(hash).or_default() += 1;
        }
        let quorum = voters.len() / 2 + 1;
        let agreed = votes.iter().find(|(_, count)| **count >= quorum);
        match agreed {
            Some((theirs, _)) if *theirs != mine => Some(Verdict::Wrong {
                theirs: *theirs,
                own: mine,
            }),
            Some(_) => None,
            None => {
                let missing = voters.iter().filter(|voter| at(voter).is_none()).count();
                let most = votes.values().max().copied().unwrap_or_default();
                (most + missing < quorum).then_some(Verdict::Undecided)
            }
        }
    }
}

impl Replica {
    /// This replica came to a state.
    pub(super) fn tell_state(&mut self, state: StateHash) {
        let own = self.link.node;
        self.divergence.note(own, state);
        for member in self.raft.membership().members() {
            if member != own {
                self.link.send(member, PeerBody::StateHash(state));
            }
        }
        self.compare(state.index);
    }

    /// Another one came to a state.
    pub(super) fn hear_state(&mut self, from: NodeId, state: StateHash) {
        if self.raft.membership().contains(from) {
            self.divergence.note(from, state);
            self.compare(state.index);
        }
    }

    fn compare(&mut self, index: Index) {
        let (own, shard) = (self.link.node, self.link.shard);
        let verdict = self.divergence.judge(own, index, self.raft.membership());
        match verdict {
            None => {}
            Some(Verdict::Undecided) => {
                tracing::error!("{shard}: replicas differ after entry {index}, none in a majority");
            }
            Some(Verdict::Wrong { theirs, own }) => {
                let what = format!(
                    "{shard}: after entry {index} this replica's state has hash {own:016x}, that of a majority {theirs:016x}"
                );
                if !self.applier_job(ApplierJob::Fence(what.clone())) {
                    self.failure.report(what);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(hashes: &[(u64, u64)]) -> Divergence {
        let mut divergence = Divergence::default();
        for (replica, hash) in hashes {
            let state = StateHash {
                index: EVERY,
                hash: *hash,
            };
            divergence.note(NodeId(*replica), state);
        }
        divergence
    }

    fn judge(own: u64, voters: u64, hashes: &[(u64, u64)]) -> Option<Verdict> {
        let membership = Membership::of_voters((1..=voters).map(NodeId));
        told(hashes).judge(NodeId(own), EVERY, &membership)
    }

    #[test]
    fn only_who_differs_from_a_quorum_is_wrong() {
        let wrong = |theirs, own| Some(Verdict::Wrong { theirs, own });
        let hashes = [(1, 7), (2, 7), (3, 9)];
        assert_eq!(judge(3, 3, &hashes), wrong(7, 9));
        assert_eq!(judge(1, 3, &hashes), None);
        assert_eq!(judge(2, 3, &hashes), None);
        // A learner is judged by the voters, and does not count among them.
        let learner = [(1, 7), (2, 7), (4, 9)];
        assert_eq!(judge(4, 3, &learner), wrong(7, 9));
        assert_eq!(judge(1, 3, &[(1, 7), (4, 9), (5, 9), (6, 9)]), None);
    }

    #[test]
    fn without_a_quorum_nobody_is_wrong() {
        assert_eq!(judge(1, 3, &[(1, 7), (2, 9)]), None, "the third may tell");
        assert_eq!(judge(1, 2, &[(1, 7), (2, 9)]), Some(Verdict::Undecided));
        let all_differ = [(1, 7), (2, 8), (3, 9)];
        assert_eq!(judge(1, 3, &all_differ), Some(Verdict::Undecided));
        assert_eq!(judge(1, 3, &[(2, 9), (3, 9)]), None, "not there yet");
        let five = [(1, 7), (2, 9), (3, 9), (4, 8)];
        assert_eq!(judge(1, 5, &five), None, "the fifth decides");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut divergence = Divergence::default();
        for replica in 1..=1_000 {
            for index in 1..=100 {
                let state = StateHash { index, hash: index };
                divergence.note(NodeId(replica), state);
            }
        }
        assert_eq!(divergence.told.len(), REPLICAS_MAX);
        assert!(divergence.told.values().all(|told| told.len() == KEPT));
        let first = divergence.told[&NodeId(1)].first_key_value();
        assert_eq!(first, Some((&93, &93)), "the newest stay");
    }
}
