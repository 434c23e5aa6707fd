//! What a leader does with an order: plans it, and puts the plan into the log.

use super::{
    Fate,
    order::{Order, Plan, Refused, Scene, Why, plan},
    replica::Replica,
};
use crate::{
    raft::{MembershipError, PeerState, ProposeError, Status, TransferError},
    rpc::Asked,
    types::{LogPosition, NodeId},
};

/// What became of something that was asked.
pub(super) enum Taken {
    /// It is in the log, and whoever waits for it waits for this position.
    Proposed(LogPosition),
    /// That is all that there is to say.
    Settled(Fate),
    /// Another node leads, or nobody.
    NotLeader(Option<NodeId>),
    /// Not now, for this reason.
    Busy(&'static str),
}

/// Why no order is planned: what is known is not what is in the log.
const UNDER_WAY: &str = "another change of members is under way";

impl Replica {
    /// Takes what is asked of a leader, if this node is one.
    pub(super) fn take(&mut self, asked: Asked) -> Taken {
        match asked {
            Asked::Command(command) => proposed(self.raft.propose(command)),
            Asked::Order(order) => match Order::decode(order) {
                Ok(Order::Lead(to)) => self.hand_over(to),
                Ok(order) => self.obey(order),
                Err(error) => refused(Why::Impossible, error.to_string()),
            },
        }
    }

    fn hand_over(&mut self, to: Option<NodeId>) -> Taken {
        let own = self.link.node;
        if to == Some(own) && self.raft.leader() == to {
            return Taken::Settled(Fate::Begun(own));
        }
        match self.raft.transfer_leadership(to) {
            Ok(to) => Taken::Settled(Fate::Begun(to)),
            Err(TransferError::NotLeader { leader }) => Taken::NotLeader(leader),
            Err(TransferError::Busy(_)) => Taken::Busy("leadership is being handed over"),
            Err(error @ TransferError::NoVoter(_)) => refused(
                Why::BadTransferee,
                format!("bad leader transferee: {error}"),
            ),
            Err(error @ TransferError::NoSuccessor) => {
                refused(Why::Unhealthy, format!("unhealthy cluster: {error}"))
            }
        }
    }

    fn obey(&mut self, order: Order) -> Taken {
        let status = self.raft.status();
        if status.leader != Some(self.link.node) {
            return Taken::NotLeader(status.leader);
        }
        if !self.roster_is_latest(&status) {
            return Taken::Busy(UNDER_WAY);
        }
        let planned = plan(order, &scene(&status, &self.roster.borrow()));
        let taken = match planned {
            Ok(plan) => self.propose_plan(plan),
            Err(refused) => Taken::Settled(Fate::Refused(refused)),
        };
        if let Taken::Proposed(at) = taken {
            self.listed = at;
        }
        taken
    }

    fn propose_plan(&mut self, plan: Plan) -> Taken {
        let Plan { changes, members } = plan;
        if changes.is_empty() {
            return proposed(self.raft.propose(members.command()));
        }
        let at = self.raft.propose_membership(&changes, members.encode());
        match at {
            Ok(at) => Taken::Proposed(at),
            Err(MembershipError::NotLeader { leader }) => Taken::NotLeader(leader),
            Err(MembershipError::Busy) => Taken::Busy(UNDER_WAY),
            Err(MembershipError::Unsound(why)) => refused(Why::Impossible, why),
        }
    }

    /// Whether the list of members that is applied is the last one in the log: a plan carries the
    /// whole list, and would undo what it does not know. What earlier leaders put into the log is
    /// applied once something of this term is.
    fn roster_is_latest(&self, status: &Status) -> bool {
        let applied = self.raft.base_at(status.applied);
        let of_this_term = applied.is_some_and(|applied| applied.at.term == status.term);
        let listed = self.listed.term < status.term || self.listed.index <= status.applied;
        of_this_term && listed && self.roster.borrow().membership == *self.raft.membership()
    }
}

fn proposed(at: Result<LogPosition, ProposeError>) -> Taken {
    match at {
        Ok(at) => Taken::Proposed(at),
        Err(ProposeError::Busy) => Taken::Busy("too many requests"),
        Err(ProposeError::NotLeader { leader }) => Taken::NotLeader(leader),
    }
}

fn refused(why: Why, text: impl Into<String>) -> Taken {
    Taken::Settled(Fate::Refused(Refused::new(why, text)))
}

fn scene<'a>(status: &Status, roster: &'a super::Roster) -> Scene<'a> {
    let peers = status.progress.iter();
    let active = peers.clone().filter(|(_, peer)| peer.active);
    let following = peers.filter(|(_, peer)| peer.state == PeerState::Replicate);
    Scene {
        roster,
        present: active.map(|(id, _)| *id).chain([status.id]).collect(),
        lag: following
            .map(|(id, peer)| (*id, status.last.index.saturating_sub(peer.matched)))
            .collect(),
    }
}
