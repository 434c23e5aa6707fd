//! Changes of who takes part, as arithmetic of memberships.

use std::collections::BTreeSet;

use super::{Aim, Membership};
use crate::types::NodeId;

/// One wish; several that are proposed together take effect together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a learner, or gives one another aim.
    AddLearner(NodeId, Aim),
    /// Adds a voter, or makes one of a learner, whether it has caught up or not.
    AddVoter(NodeId),
    /// Makes a learner of a voter, to stay one.
    Demote(NodeId),
    /// Removes a voter or a learner.
    Remove(NodeId),
}

impl Membership {
    /// The membership that `changes` lead to: at once if the voters differ by one at most, since any
    /// two majorities then share a member (thesis §4.1); joint if by more (thesis §4.3). Answers why
    /// if they cannot be made. Panics on a joint membership, which has to be settled first.
    pub(super) fn changed(&self, changes: &[Change]) -> Result<Membership, &'static str> {
        assert!(!self.is_joint(), "one change at a time");
        let mut next = self.clone();
        for change in changes {
            next.change(*change)?;
        }
        next.correct_aims();
        if next == *self {
            return Err("nothing would change");
        }
        if next.voters.is_empty() {
            return Err("nobody would vote any more");
        }
        if self.voters.symmetric_difference(&next.voters).count() > 1 {
            next.outgoing = self.voters.clone();
        }
        next.check()?;
        Ok(next)
    }

    /// What a joint membership is on the way to.
    pub(super) fn settled(&self) -> Membership {
        Membership {
            outgoing: BTreeSet::new(),
            ..self.clone()
        }
    }

    /// The changes that fulfil the aim of a learner, if it has one.
    pub(super) fn fulfilment(&self, learner: NodeId) -> Vec<Change> {
        match self.learners.get(&learner) {
            None | Some(Aim::Stay) => Vec::new(),
            Some(Aim::Vote) => vec![Change::AddVoter(learner)],
            Some(Aim::Replace(old)) => vec![Change::AddVoter(learner), Change::Remove(*old)],
        }
    }

    fn change(&mut self, change: Change) -> Result<(), &'static str> {
        let done = match change {
            Change::AddLearner(id, _) if self.voters.contains(&id) => {
                return Err("a voter cannot be added as a learner");
            }
            Change::AddLearner(id, aim) => {
                self.learners.insert(id, aim);
                match aim {
                    Aim::Replace(old) => self.voters.contains(&old),
                    Aim::Stay | Aim::Vote => true,
                }
            }
            Change::AddVoter(id) => {
                self.learners.remove(&id);
                self.voters.insert(id)
            }
            Change::Demote(id) => {
                self.learners.insert(id, Aim::Stay);
                self.voters.remove(&id)
            }
            Change::Remove(id) => self.voters.remove(&id) || self.learners.remove(&id).is_some(),
        };
        let refusal = match change {
            Change::AddLearner(..) => "only a voter can be replaced",
            Change::AddVoter(_) => "it is a voter already",
            Change::Demote(_) => "it is no voter",
            Change::Remove(_) => "it is no member",
        };
        done.then_some(()).ok_or(refusal)
    }

    /// Whoever was to replace a voter that is gone by now simply votes.
    fn correct_aims(&mut self) {
        let voters = &self.voters;
        for aim in self.learners.values_mut() {
            if matches!(aim, Aim::Replace(old) if !voters.contains(old)) {
                *aim = Aim::Vote;
            }
        }
    }
}
