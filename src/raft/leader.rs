//! A leader: brings every log to its own, commits what a quorum holds, confirms reads.

use std::collections::BTreeMap;

use super::lease::Lease;
use super::log::weight;
use super::progress::Progress;
use super::reads::{Read, Reads};
use super::reconfigure::Round;
use super::role::Turn;
use super::sending::{send_due, tell_commit};
use super::shared::Shared;
use super::status::PeerStatus;
use super::transfer::Transfer;
use super::{Body, Entry, Membership, Payload, ProposeError};
use crate::types::{Index, LogPosition, NodeId};

/// The leader of its term.
#[derive(Debug)]
pub(super) struct Leader {
    /// All other members, and for a while those that were.
    pub peers: BTreeMap<NodeId, Progress>,
    /// Where each learner stands that is to become a voter.
    pub rounds: BTreeMap<NodeId, Round>,
    /// Ticks since the membership in force was committed: how long those who left were told so.
    pub farewell_ticks: u32,
    /// The transfer of leadership under way.
    pub transfer: Option<Transfer>,
    /// The index of the no-op that began the term.
    term_start: Index,
    /// The last heartbeat round.
    round: u64,
    /// Ticks since the last periodic round.
    quiet: u32,
    reads: Reads,
    /// When heartbeats were sent, and whether answers to them bind anybody.
    pub lease: Lease,
}

impl Leader {
    /// Begins to lead: with a no-op, since an entry of this term is the only thing a leader may
    /// commit by counting (§5.4.2). Sent to all, it also is the new leader's first sign of life.
    pub fn new(shared: &mut Shared) -> Self {
        let next = shared.log.last().index + 1;
        let own = shared.id();
        // Also those whom a change removes that is not known to be committed: they are told of it.
        let memberships = shared.log.memberships_since(shared.commit);
        let members = memberships.flat_map(Membership::members);
        let others = members.filter(|id| *id != own);
        let mut leader = Leader {
            peers: others.map(|id| (id, Progress::new(next))).collect(),
            rounds: BTreeMap::new(),
            farewell_ticks: 0,
            transfer: None,
            term_start: next,
            round: 0,
            quiet: 0,
            reads: Reads::default(),
            lease: Lease::default(),
        };
        leader.append(shared, Payload::Noop);
        leader
    }

    /// Takes a command.
    pub fn propose(
        &mut self,
        shared: &mut Shared,
        payload: Payload,
    ) -> Result<LogPosition, ProposeError> {
        assert!(!payload.data().is_empty(), "only the no-op is empty");
        if self.is_handing_over() {
            return Err(ProposeError::NotLeader { leader: None });
        }
        let waiting = shared.log.bytes_between(shared.applied, Index::MAX);
        let limit = shared.config.uncommitted_bytes_max as u64;
        if waiting > 0 && waiting + weight(&payload) > limit {
            return Err(ProposeError::Busy);
        }
        Ok(self.append(shared, payload))
    }

    /// Puts an entry at the end of the log.
    pub fn append(&mut self, shared: &mut Shared, payload: Payload) -> LogPosition {
        let at = LogPosition {
            term: shared.term,
            index: shared.log.last().index + 1,
        };
        shared.log.append(Entry { at, payload });
        at
    }

    /// One step of time. Ends the leadership when a quorum has not been heard for an election
    /// timeout: this replica may have been replaced without knowing, and stops making clients wait
    /// for it.
    pub fn tick(&mut self, shared: &mut Shared) -> Turn {
        self.quiet += 1;
        if self.quiet >= shared.config.heartbeat_ticks {
            self.quiet = 0;
            self.peers.values_mut().for_each(Progress::note_unanswered);
            self.call_again();
            self.begin_round(shared);
        }
        self.tick_members(shared);
        shared.elapsed += 1;
        if shared.elapsed >= shared.config.election_ticks {
            shared.elapsed = 0;
            if !self.has_quorum(shared) {
                return shared.resignation();
            }
        }
        self.tick_transfer(shared)
    }

    fn has_quorum(&mut self, shared: &Shared) -> bool {
        let own = shared.id();
        let peers = &self.peers;
        let heard = |id| id == own || peers.get(&id).is_some_and(Progress::is_active);
        let has_quorum = shared.membership().agree(heard);
        self.peers.values_mut().for_each(Progress::begin_watch);
        has_quorum
    }

    /// Sends a heartbeat to all; reads that wait may be answered when a quorum has answered it.
    fn begin_round(&mut self, shared: &mut Shared) {
        self.round += 1;
        let round = self.round;
        self.lease.begin(round, shared.now_us);
        if self.knows_commit(shared) {
            self.reads.begin(round, shared.commit);
        }
        for (id, peer) in &mut self.peers {
            let index = peer.matched().min(shared.commit);
            peer.tell(index);
            // Whoever has less than this log begins with gets a snapshot, and hears of nothing before.
            let term = shared.log.term_at(index);
            let commit = term.map(|term| LogPosition { term, index });
            let commit = commit.unwrap_or_default();
            shared.send(*id, Body::Heartbeat { commit, round });
        }
        self.confirm_reads(shared);
    }

    /// Takes a message of its term.
    pub fn step(&mut self, shared: &mut Shared, from: NodeId, body: Body) -> Turn {
        let Some(peer) = self.peers.get_mut(&from) else {
            return Turn::Stay;
        };
        match body {
            Body::AppendAccepted { matched } if matched <= shared.log.last().index => {
                peer.heard();
                peer.accepted(matched);
                return self.advance_commit(shared);
            }
            Body::AppendRejected { prev, hint } => {
                peer.heard();
                // Where our terms exceed the hint's, the peer's log cannot agree: skip them whole.
                let agreed = shared.log.newest_at_most(hint.index, hint.term);
                peer.rejected(prev, agreed.index.min(hint.index));
            }
            Body::HeartbeatReply {
                round,
                last,
                priority,
                promise_us,
            } if round <= self.round => {
                peer.answered(round, last);
                peer.wishes(priority);
                if let Some(drift_ppm) = shared.config.lease_drift_ppm {
                    let until_us = self.lease.bound_until(round, promise_us, drift_ppm);
                    peer.bind(until_us.unwrap_or_default());
                }
                self.confirm_reads(shared);
            }
            Body::Recover { id, last } => {
                peer.lost_beyond(last);
                let last = shared.log.last().index;
                shared.send(from, Body::RecoverReply { id, last });
            }
            Body::ReadIndex { id } => {
                // One too many is like a lost message: its node asks again.
                self.reads.add(Read { at: from, id });
            }
            _ => {}
        }
        Turn::Stay
    }

    /// Lets a read of this replica wait for its confirmation.
    pub fn read(&mut self, shared: &mut Shared, id: u64) {
        let at = shared.id();
        if !self.reads.add(Read { at, id }) {
            shared.out.reads_lost.push(id);
        }
    }

    /// Before its term's first commit a leader does not know how far its predecessors committed.
    pub fn knows_commit(&self, shared: &Shared) -> bool {
        shared.commit >= self.term_start
    }

    /// Whether a quorum surely votes for nobody else at this moment (thesis §6.4.1). This replica
    /// itself does not as long as it leads.
    fn holds_lease(&self, shared: &Shared) -> bool {
        if shared.config.lease_drift_ppm.is_none() || self.lease.is_released() {
            return false;
        }
        let (own, peers) = (shared.id(), &self.peers);
        let bound = |id| {
            id == own
                || peers
                    .get(&id)
                    .is_some_and(|p| p.bound_until_us() > shared.now_us)
        };
        shared.membership().agree(bound)
    }

    /// Answers all reads that wait by the lease, or begins a round for them.
    fn serve_reads(&mut self, shared: &mut Shared) {
        if self.reads.is_empty() || !self.knows_commit(shared) {
            return;
        }
        if self.holds_lease(shared) {
            let reads = self.reads.take_all();
            shared.lease_reads += reads.len() as u64;
            answer(shared, shared.commit, reads);
        } else if self.reads.want_round() {
            self.begin_round(shared);
        }
    }

    fn confirm_reads(&mut self, shared: &mut Shared) {
        let (own, round) = (shared.id(), self.round);
        let peers = &self.peers;
        let confirmed = |id| match id == own {
            true => round,
            false => peers.get(&id).map_or(0, Progress::round),
        };
        let reached = shared.membership().reached(confirmed);
        let (index, reads) = self.reads.confirm(reached);
        answer(shared, index, reads);
    }

    /// Commits what a quorum holds durably, itself counted like any other, if it is of this term:
    /// an older entry that a quorum holds can still be overwritten (§5.4.2, figure 8).
    pub fn advance_commit(&mut self, shared: &mut Shared) -> Turn {
        let (own, durable) = (shared.id(), shared.disk.durable());
        let peers = &self.peers;
        let matched = |id| match id == own {
            true => durable,
            false => peers.get(&id).map_or(0, Progress::matched),
        };
        let reached = shared.membership().reached(matched);
        if reached > shared.commit && shared.log.term_at(reached) == Some(shared.term) {
            shared.commit_to(reached);
            return self.settle_membership(shared);
        }
        Turn::Stay
    }

    /// Sends every peer what it may be sent. What was proposed since the last time travels together,
    /// and with it the news of what is committed; those who hear of no entries are told of it now and
    /// then.
    pub fn replicate(&mut self, shared: &mut Shared, tell: bool) {
        self.serve_reads(shared);
        for (id, peer) in &mut self.peers {
            send_due(shared, *id, peer);
            if tell {
                tell_commit(shared, *id, peer);
            }
        }
        self.call_successor(shared);
    }

    /// The transfer of a snapshot to `peer` ended.
    pub fn snapshot_ended(&mut self, peer: NodeId, ok: bool) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.snapshot_ended(ok);
        }
    }

    /// The reads of this replica that nobody will answer.
    pub fn into_lost_reads(self, own: NodeId) -> Vec<u64> {
        let reads = self.reads.into_all();
        reads.filter(|read| read.at == own).map(|r| r.id).collect()
    }

    /// How far each peer has come.
    pub fn progress(&self) -> BTreeMap<NodeId, PeerStatus> {
        self.peers.iter().map(|(id, p)| (*id, p.status())).collect()
    }
}

/// Lets reads be served once `index` is applied, wherever they began.
fn answer(shared: &mut Shared, index: Index, reads: Vec<Read>) {
    for Read { at, id } in reads {
        if at == shared.id() {
            shared.out.reads.push((id, index));
        } else {
            shared.send(at, Body::ReadIndexReply { id, index });
        }
    }
}
