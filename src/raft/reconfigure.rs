//! What a leader does about who takes part (thesis §4).
//!
//! One change at a time: the next is refused until the last one is committed and, if it was joint,
//! settled. And none before the leader has committed an entry of its own term: it might not know of
//! a change that a predecessor made with another leader's help, and two changes of one voter each
//! that do not know of each other can have majorities that share nobody.
//!
//! A joint membership is left by the leader itself, whoever leads when it is committed. A learner
//! with an aim is taken through rounds (thesis §4.2.1): a round is over when the learner has what the
//! log held at its beginning. One that takes less than an election timeout says that what is left
//! is no more than that, so the group will hardly wait for its new voter. There is no last round: a
//! learner that is slow stays a learner, which costs nobody anything.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::leader::Leader;
use super::progress::Progress;
use super::role::Turn;
use super::shared::Shared;
use super::{Change, Membership, MembershipError, Payload};
use crate::types::{Index, LogPosition, NodeId};

/// A stretch of log that a learner is to take in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// Up to here.
    end: Index,
    ticks: u32,
}

impl Leader {
    /// Begins a change of who takes part.
    pub fn reconfigure(
        &mut self,
        shared: &mut Shared,
        changes: &[Change],
        context: Bytes,
    ) -> Result<LogPosition, MembershipError> {
        if !self.may_reconfigure(shared) || self.is_handing_over() {
            return Err(MembershipError::Busy);
        }
        let next = shared.membership().changed(changes);
        let next = next.map_err(MembershipError::Unsound)?;
        Ok(self.append_membership(shared, next, context))
    }

    /// Whether the last change is over, and this leader knows it.
    fn may_reconfigure(&self, shared: &Shared) -> bool {
        self.knows_commit(shared) && shared.is_settled() && !shared.membership().is_joint()
    }

    fn append_membership(
        &mut self,
        shared: &mut Shared,
        next: Membership,
        context: Bytes,
    ) -> LogPosition {
        let before = shared.membership().members();
        let at = self.append(shared, Payload::of_membership(next, context));
        self.meet_peers(shared, &before);
        at
    }

    /// Takes up who is new. Who is leaving stays a peer for a while, to hear that it is removed.
    fn meet_peers(&mut self, shared: &Shared, before: &BTreeSet<NodeId>) {
        let members = shared.membership().members();
        self.peers
            .retain(|id, _| members.contains(id) || before.contains(id));
        let next = shared.log.last().index + 1;
        for id in members.into_iter().filter(|id| *id != shared.id()) {
            self.peers.entry(id).or_insert_with(|| Progress::new(next));
        }
        self.farewell_ticks = 0;
    }

    /// Once the membership in force is committed: leaves a joint one, and gives up a leadership that
    /// does not vote, to a successor of its own choice if there is one.
    pub fn settle_membership(&mut self, shared: &mut Shared) -> Turn {
        if !self.knows_commit(shared) || !shared.is_settled() {
            return Turn::Stay;
        }
        if shared.membership().is_joint() {
            let next = shared.membership().settled();
            self.append_membership(shared, next, Bytes::new());
            return Turn::Stay;
        }
        if shared.votes() || self.is_handing_over() || self.hand_over(shared, None).is_ok() {
            return Turn::Stay;
        }
        shared.resignation()
    }

    /// A step of time for those who come and those who go.
    pub fn tick_members(&mut self, shared: &mut Shared) {
        if shared.is_settled() {
            self.farewell_ticks = self.farewell_ticks.saturating_add(1);
        }
        if self.farewell_ticks == shared.config.election_ticks {
            let members = shared.membership();
            self.peers.retain(|id, _| members.contains(*id));
        }
        if let Some(id) = self.caught_up(shared) {
            let changes = shared.membership().fulfilment(id);
            // Refused while another change is under way; another round then shows it again.
            let _ = self.reconfigure(shared, &changes, Bytes::new());
        }
    }

    /// A learner with an aim that has caught up.
    fn caught_up(&mut self, shared: &Shared) -> Option<NodeId> {
        let membership = shared.membership();
        let hopeful = |id: &NodeId| !membership.fulfilment(*id).is_empty();
        self.rounds.retain(|id, _| hopeful(id));
        let last = shared.log.last().index;
        let mut found = None;
        for id in membership.learners.keys().filter(|id| hopeful(id)) {
            let begin = Round {
                end: last,
                ticks: 0,
            };
            let round = self.rounds.entry(*id).or_insert(begin);
            round.ticks += 1;
            let peer = self.peers.get(id);
            if peer.is_some_and(|peer| peer.is_active() && peer.matched() >= round.end) {
                if round.ticks <= shared.config.election_ticks {
                    found = found.or(Some(*id));
                }
                *round = begin;
            }
        }
        found
    }
}
