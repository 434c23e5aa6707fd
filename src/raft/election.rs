//! Who gets a vote.

use super::role::{Role, Turn};
use super::{Body, Raft};
use crate::types::{LogPosition, NodeId, Term};

impl Raft {
    /// Whether this replica leads or heard its leader within the shortest election timeout, or has
    /// promised to wait. It then helps nobody to replace that leader (thesis §4.2.3): a replica that
    /// cannot hear the leader is no reason for a cluster that can to lose it.
    pub(super) fn is_content(&self) -> bool {
        if self.shared.is_bound() {
            return true;
        }
        match &self.role {
            Role::Leader(_) => true,
            Role::Follower(role) => {
                role.leader().is_some() && self.shared.elapsed < self.shared.config.election_ticks
            }
            Role::PreCandidate(_) | Role::Candidate(_) => false,
        }
    }

    /// Answers a pre-vote. Changes nothing: neither the term nor the patience with the leader.
    pub(super) fn answer_pre_vote(&mut self, from: NodeId, asked: Term, last: LogPosition) {
        let shared = &self.shared;
        let granted = asked > shared.term && last >= shared.log.last() && !self.is_content();
        let granted = granted && shared.recovering.is_none();
        // A refusal tells the asking replica the term, in case it is behind.
        let term = if granted { asked } else { shared.term };
        self.shared
            .send_in(term, from, Body::PreVoteReply { granted });
    }

    /// Answers a request for a vote in the present term: the first who asks gets it, if its log is
    /// at least as up to date (§5.4.1). The promise leaves when it is durable. Who has lost entries
    /// cannot compare, and votes for nobody.
    pub(super) fn answer_vote(&mut self, from: NodeId, last: LogPosition) {
        let shared = &self.shared;
        let free = shared.vote.is_none() || shared.vote == Some(from);
        let free = free && shared.recovering.is_none();
        if !free || last < shared.log.last() || self.leader().is_some() {
            self.shared.send(from, Body::VoteReply { granted: false });
            return;
        }
        if let Role::PreCandidate(_) = self.role {
            let term = self.shared.term;
            self.turn(Turn::Follow { term, leader: None });
        }
        let Role::Follower(follower) = &mut self.role else {
            unreachable!("candidates and leaders gave their vote to themselves");
        };
        follower.promise_vote(&mut self.shared, from);
    }
}
