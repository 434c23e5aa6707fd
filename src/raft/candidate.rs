//! The two ways to the throne: asking around, and standing.

use std::collections::BTreeSet;

use super::Body;
use super::role::Turn;
use super::shared::Shared;
use crate::types::NodeId;

/// Asks whether an election would be won, in a term that it does not enter yet (thesis §9.6).
#[derive(Debug)]
pub(super) struct PreCandidate {
    /// Those who would vote for this replica, itself included.
    supporters: BTreeSet<NodeId>,
}

impl PreCandidate {
    /// Asks all others.
    pub fn new(shared: &mut Shared) -> Self {
        let last = shared.log.last();
        shared.broadcast_in(shared.term + 1, &Body::PreVote { last });
        PreCandidate {
            supporters: BTreeSet::from([shared.id()]),
        }
    }

    /// Takes an answer; a refusal says nothing that waiting does not.
    pub fn step(&mut self, shared: &Shared, from: NodeId, body: &Body) -> Turn {
        if let Body::PreVoteReply { granted: true } = body {
            self.supporters.insert(from);
        }
        self.outcome(shared)
    }

    /// Stands once a quorum would vote for it.
    pub fn outcome(&self, shared: &Shared) -> Turn {
        if shared
            .membership()
            .agree(|id| self.supporters.contains(&id))
        {
            Turn::Stand { called: false }
        } else {
            Turn::Stay
        }
    }
}

/// Stands for election in its term (§5.2).
#[derive(Debug)]
pub(super) struct Candidate {
    /// Those who voted for this replica; itself once that vote is durable. Nobody is asked before:
    /// a request says that this replica has voted, and nobody else may get that vote after a crash.
    voters: BTreeSet<NodeId>,
    /// Whether the leader told it to stand.
    called: bool,
}

impl Candidate {
    /// One that has nobody's vote yet.
    pub fn new(called: bool) -> Self {
        let voters = BTreeSet::new();
        Candidate { voters, called }
    }

    /// Whether the others have been asked, which is when its own vote became durable.
    pub fn has_asked(&self) -> bool {
        !self.voters.is_empty()
    }

    /// Something became durable.
    pub fn persisted(&mut self, shared: &mut Shared) -> Turn {
        if self.has_asked() || !shared.may_promise() {
            return Turn::Stay;
        }
        let last = shared.log.last();
        let called = self.called;
        shared.broadcast_in(shared.term, &Body::Vote { last, called });
        // The time that the disk took is not the voters' fault.
        shared.restart_timer();
        self.voters.insert(shared.id());
        self.outcome(shared)
    }

    /// Takes an answer.
    pub fn step(&mut self, shared: &Shared, from: NodeId, body: &Body) -> Turn {
        if let (true, Body::VoteReply { granted: true }) = (self.has_asked(), body) {
            self.voters.insert(from);
        }
        self.outcome(shared)
    }

    fn outcome(&self, shared: &Shared) -> Turn {
        if shared.membership().agree(|id| self.voters.contains(&id)) {
            Turn::Lead
        } else {
            Turn::Stay
        }
    }
}
