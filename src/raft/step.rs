//! The gate: what of a message is believed, and what its term means.
//!
//! Messages come from a wire and may be old, repeated, from nowhere, or nonsense. What no correct
//! replica can have sent is dropped here, so that the roles meet only what the protocol allows.

use std::cmp::Ordering;

use super::role::{Role, Turn};
use super::{Body, Entry, Membership, Message, Raft};
use crate::types::{LogPosition, NodeId, Term};

/// No cluster ever counts this far. A larger term is nonsense, and believed it would leave no room
/// for the next election.
const TERM_MAX: Term = 1 << 62;

impl Raft {
    /// Takes a message. `now_us` is this replica's clock, in microseconds, read after the message
    /// arrived.
    pub fn step(&mut self, message: Message, now_us: u64) {
        self.shared.tell_time(now_us);
        if !self.is_plausible(&message) {
            return;
        }
        let Message {
            from, term, body, ..
        } = message;
        if !self.meets_term(from, term, &body) {
            return;
        }
        match body {
            Body::PreVote { last } => self.answer_pre_vote(from, term, last),
            Body::Vote { last, .. } => self.answer_vote(from, last),
            Body::TimeoutNow => self.stand_at_once(),
            body => {
                let turn = self.dispatch(from, body);
                self.turn(turn);
            }
        }
    }

    /// Whether a correct replica can have sent this, to this one.
    fn is_plausible(&self, message: &Message) -> bool {
        let Message {
            from,
            to,
            term,
            body,
        } = message;
        let id = self.shared.id();
        // Whoever sends it: a replica learns last who takes part, and may need to hear of those it
        // does not know yet (thesis §4.1). Their votes and acknowledgements count for nothing.
        let addressed = *to == id && *from != id;
        let sound = match body {
            Body::Append { prev, entries, .. } => are_sound(*prev, entries, *term),
            _ => true,
        };
        addressed && *term <= TERM_MAX && sound
    }

    /// Brings this replica's term and the message's together. True if the message should be
    /// handled: it then is of the present term, or asks about a term without entering it.
    fn meets_term(&mut self, from: NodeId, term: Term, body: &Body) -> bool {
        match body {
            Body::PreVote { .. } => return true,
            Body::PreVoteReply { granted: true } => return term == self.shared.term + 1,
            Body::Vote { called: false, .. } if self.is_content() => return false,
            _ => {}
        }
        let leads = matches!(
            body,
            Body::Append { .. } | Body::Heartbeat { .. } | Body::TimeoutNow
        );
        match term.cmp(&self.shared.term) {
            Ordering::Less => {
                self.correct(from, body);
                false
            }
            Ordering::Equal => !leads || self.heeds(from),
            Ordering::Greater => {
                let leader = leads.then_some(from);
                self.turn(Turn::Follow { term, leader });
                true
            }
        }
    }

    /// The present term's leader spoke. False if it cannot be the leader.
    fn heeds(&mut self, leader: NodeId) -> bool {
        match &mut self.role {
            Role::Leader(_) => return false,
            Role::Follower(follower) => {
                if !follower.heed(leader) {
                    return false;
                }
                self.shared.elapsed = 0;
            }
            Role::PreCandidate(_) | Role::Candidate(_) => {
                let (term, leader) = (self.shared.term, Some(leader));
                self.turn(Turn::Follow { term, leader });
            }
        }
        true
    }

    /// Tells a sender that its term is over. Without it, a replica that has seen a later term would
    /// stay deaf to a leader that never hears of that term.
    fn correct(&mut self, from: NodeId, body: &Body) {
        let last = self.shared.disk.durable();
        let reply = match body {
            Body::Vote { .. } => Body::VoteReply { granted: false },
            Body::Heartbeat { round, .. } => Body::HeartbeatReply {
                round: *round,
                last,
                priority: self.shared.config.priority,
                promise_us: 0,
            },
            Body::Append { prev, .. } => Body::AppendRejected {
                prev: prev.index,
                hint: self.shared.log.last(),
            },
            _ => return,
        };
        self.shared.send(from, reply);
    }
}

/// Whether `entries` follow `prev` one by one, their terms never going down nor beyond `term`, and
/// say nothing that no leader says.
fn are_sound(prev: LogPosition, entries: &[Entry], term: Term) -> bool {
    let mut before = prev;
    for Entry { at, payload } in entries {
        let unsound = |new: &Membership| new.is_empty() || new.check().is_err();
        if payload.membership().is_some_and(unsound) {
            return false;
        }
        if before.index.checked_add(1) != Some(at.index) || at.term < before.term {
            return false;
        }
        before = *at;
    }
    before.term <= term
}
