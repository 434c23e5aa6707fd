//! The roles, and the one place where a replica changes its role.

use super::candidate::{Candidate, PreCandidate};
use super::follower::Follower;
use super::leader::Leader;
use super::shared::Shared;
use super::{Body, Raft, RoleName};
use crate::types::{NodeId, Term};

/// What a replica is in its term, with what lives only as long as that.
#[derive(Debug)]
pub(super) enum Role {
    Follower(Follower),
    PreCandidate(PreCandidate),
    Candidate(Candidate),
    Leader(Leader),
}

/// What a handler asks for when its role should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Turn {
    /// Nothing changes.
    Stay,
    /// Follow in `term`, whose leader may be known.
    Follow { term: Term, leader: Option<NodeId> },
    /// Ask whether an election would be won.
    AskAround,
    /// Begin a term and stand for election in it; `called` to by the leader, or after asking around.
    Stand { called: bool },
    /// Lead the term that was stood for.
    Lead,
}

impl Role {
    /// Its name.
    pub fn name(&self) -> RoleName {
        match self {
            Role::Follower(_) => RoleName::Follower,
            Role::PreCandidate(_) => RoleName::PreCandidate,
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// The reads of this replica that end unanswered with the role.
    fn into_lost_reads(self, own: NodeId) -> Vec<u64> {
        match self {
            Role::Follower(follower) => follower.into_lost_reads(),
            Role::Leader(leader) => leader.into_lost_reads(own),
            Role::PreCandidate(_) | Role::Candidate(_) => Vec::new(),
        }
    }
}

impl Raft {
    /// Performs a turn.
    pub(super) fn turn(&mut self, turn: Turn) {
        let from = self.role.name();
        match turn {
            Turn::Stay => {}
            Turn::Follow { term, leader } => {
                let dethroned = from == RoleName::Leader && leader.is_none();
                let found = matches!(from, RoleName::PreCandidate | RoleName::Candidate);
                assert!(term > self.shared.term || dethroned || found);
                self.shared.enter_term(term);
                let follower = Follower::new(leader, self.shared.commit);
                self.become_role(Role::Follower(follower));
            }
            Turn::AskAround => {
                assert_ne!(from, RoleName::Leader, "leaders do not stand");
                let asking = PreCandidate::new(&mut self.shared);
                let next = asking.outcome(&self.shared);
                self.become_role(Role::PreCandidate(asking));
                self.turn(next);
            }
            Turn::Stand { called } => {
                let asked = from == RoleName::PreCandidate;
                assert!(called || asked, "nobody stands unasked");
                self.shared.enter_term(self.shared.term + 1);
                self.shared.vote = Some(self.shared.id());
                self.become_role(Role::Candidate(Candidate::new(called)));
            }
            Turn::Lead => {
                assert_eq!(from, RoleName::Candidate, "nobody leads unelected");
                assert!(self.shared.may_promise(), "its own vote is durable");
                let leader = Leader::new(&mut self.shared);
                self.become_role(Role::Leader(leader));
            }
        }
    }

    fn become_role(&mut self, role: Role) {
        let old = std::mem::replace(&mut self.role, role);
        let lost = old.into_lost_reads(self.shared.id());
        self.shared.out.reads_lost.extend(lost);
        self.shared.restart_timer();
    }

    /// Hands the present role a message of the present term.
    pub(super) fn dispatch(&mut self, from: NodeId, body: Body) -> Turn {
        let shared: &mut Shared = &mut self.shared;
        match &mut self.role {
            Role::Follower(role) => {
                role.step(shared, from, body);
                Turn::Stay
            }
            Role::PreCandidate(role) => role.step(shared, from, &body),
            Role::Candidate(role) => role.step(shared, from, &body),
            Role::Leader(role) => role.step(shared, from, body),
        }
    }

    /// The leader hands over to this replica, which stands without asking around: unless it knows
    /// by now that it has no part in elections.
    pub(super) fn stand_at_once(&mut self) {
        if matches!(self.role, Role::Follower(_)) && self.shared.may_stand() {
            self.turn(Turn::Stand { called: true });
        }
    }
}
