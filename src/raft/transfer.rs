//! Handing leadership over (thesis §3.10).
//!
//! The leader takes no more commands, brings its successor up to date, and tells it to stand at once.
//! The successor asks nobody around, and its request says that the leader sent it, so that it gets
//! the votes of those who hear the leader well. Nothing is at risk: it is an election like any other.
//! If it has not happened within an election timeout the leader goes on as before.

use std::cmp::Reverse;

use super::leader::Leader;
use super::progress::Progress;
use super::role::Turn;
use super::shared::Shared;
use super::{Body, TransferError};
use crate::types::NodeId;

/// A leadership that is being handed over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    to: NodeId,
    /// How long ago it began.
    ticks: u32,
    /// The successor was told to stand since the last heartbeat.
    called: bool,
}

impl Leader {
    /// Whether no commands are taken because a successor is to lead.
    pub fn is_handing_over(&self) -> bool {
        self.transfer.is_some()
    }

    /// Begins to hand over to `to`, or to the best there is. Answers to whom; a transfer to the same
    /// replica that is under way goes on.
    pub fn hand_over(
        &mut self,
        shared: &Shared,
        to: Option<NodeId>,
    ) -> Result<NodeId, TransferError> {
        let underway = self.transfer.map(|transfer| transfer.to);
        let to = to.or(underway).or_else(|| self.best_successor(shared));
        let to = to.ok_or(TransferError::NoSuccessor)?;
        if to == shared.id() || !shared.membership().voters.contains(&to) {
            return Err(TransferError::NoVoter(to));
        }
        match underway {
            Some(other) if other != to => Err(TransferError::Busy(other)),
            Some(_) => Ok(to),
            None => {
                let (ticks, called) = (0, false);
                self.transfer = Some(Transfer { to, ticks, called });
                Ok(to)
            }
        }
    }

    /// Of the voters that are there: one that has all that is committed before one that lacks some,
    /// then the one that is most willing, then the one that has most.
    fn best_successor(&self, shared: &Shared) -> Option<NodeId> {
        let voters = &shared.membership().voters;
        let present = |(id, peer): &(&NodeId, &Progress)| voters.contains(id) && peer.is_active();
        let candidates = self.peers.iter().filter(present);
        let best = candidates.max_by_key(|(id, peer)| {
            let (matched, priority) = (peer.matched(), peer.priority());
            (matched >= shared.commit, priority, matched, Reverse(**id))
        });
        best.map(|(id, _)| *id)
    }

    /// Tells the successor to stand once it has all that there is.
    pub fn call_successor(&mut self, shared: &mut Shared) {
        let Some(transfer) = &mut self.transfer else {
            return;
        };
        let peer = self.peers.get(&transfer.to);
        let ready = peer.is_some_and(|peer| peer.matched() == shared.log.last().index);
        if ready && !transfer.called {
            transfer.called = true;
            self.lease.release();
            shared.send(transfer.to, Body::TimeoutNow);
        }
    }

    /// The call may have been lost: it is repeated with every heartbeat.
    pub fn call_again(&mut self) {
        if let Some(transfer) = &mut self.transfer {
            transfer.called = false;
        }
    }

    /// A step of time. Gives a transfer up that takes too long; a leader that has been removed goes
    /// all the same.
    pub fn tick_transfer(&mut self, shared: &Shared) -> Turn {
        let Some(transfer) = &mut self.transfer else {
            return Turn::Stay;
        };
        transfer.ticks += 1;
        if transfer.ticks < shared.config.election_ticks {
            return Turn::Stay;
        }
        self.transfer = None;
        match shared.votes() || !shared.is_settled() {
            true => Turn::Stay,
            false => shared.resignation(),
        }
    }
}
