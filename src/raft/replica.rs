//! The outside of a replica: what its node calls.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::follower::Follower;
use super::role::{Role, Turn};
use super::shared::Shared;
use super::{
    Base, Change, Config, Entry, Membership, MembershipError, NotLeader, Payload, ProposeError,
    Ready, Restored, Room, Status, TransferError,
};
use crate::rng::Rng;
use crate::types::{Index, LogPosition, NodeId, Term};

/// A replica of one shard's log.
#[derive(Debug)]
pub struct Raft {
    pub(super) shared: Shared,
    pub(super) role: Role,
}

impl Raft {
    /// A replica as its disk left it; it follows nobody yet. `rng` must differ from one start of a
    /// node to the next: the numbers of its questions are drawn from it. `now_us` is its clock, in
    /// microseconds since any moment, and with it all later times. Panics if `config` or `restored`
    /// contradict themselves.
    pub fn new(config: Config, restored: Restored, rng: Rng, now_us: u64) -> Raft {
        let shared = Shared::new(config, restored, rng, now_us);
        let role = Role::Follower(Follower::new(None, shared.commit));
        Raft { shared, role }
    }

    /// A step of time, after which this replica's clock shows `now_us`.
    pub fn tick(&mut self, now_us: u64) {
        let shared = &mut self.shared;
        shared.tell_time(now_us);
        let turn = match &mut self.role {
            Role::Leader(leader) => leader.tick(shared),
            // While its own vote is on the way to the disk nobody has had a chance to answer.
            Role::Candidate(candidate) if !candidate.has_asked() => Turn::Stay,
            _ => {
                shared.elapsed += 1;
                let is_free = shared.may_stand() && !shared.is_bound();
                if shared.elapsed >= shared.timeout && is_free {
                    Turn::AskAround
                } else {
                    Turn::Stay
                }
            }
        };
        self.turn(turn);
    }

    /// Asks now, without waiting for a timeout, whether an election would be won, and stands if so.
    /// Nothing happens on a leader, nor on a replica that has no part in elections or has promised to
    /// leave its leader alone.
    pub fn campaign(&mut self, now_us: u64) {
        self.shared.tell_time(now_us);
        let is_free = self.shared.may_stand() && !self.shared.is_bound();
        if !matches!(self.role, Role::Leader(_)) && is_free {
            self.turn(Turn::AskAround);
        }
    }

    /// Puts a command, which is not empty, into the log. It is done once `Ready::apply` brings it
    /// back at this very position; if another term's entry comes at its index it never will be.
    pub fn propose(&mut self, data: Bytes) -> Result<LogPosition, ProposeError> {
        let leader = self.leader();
        match &mut self.role {
            Role::Leader(role) => role.propose(&mut self.shared, Payload::Command(data)),
            _ => Err(ProposeError::NotLeader { leader }),
        }
    }

    /// Begins a change of who takes part (thesis §4); all of `changes` happen or none. The
    /// membership is in force as soon as this returns; it is decided once `Ready::apply` brings its
    /// entry back at this very position, with `context` for the state machine, and if voters changed
    /// by more than one, a second one follows by itself, without a context, which ends the change.
    pub fn propose_membership(
        &mut self,
        changes: &[Change],
        context: Bytes,
    ) -> Result<LogPosition, MembershipError> {
        let leader = self.leader();
        match &mut self.role {
            Role::Leader(role) => role.reconfigure(&mut self.shared, changes, context),
            _ => Err(MembershipError::NotLeader { leader }),
        }
    }

    /// Begins to hand leadership over (thesis §3.10) to this voter, or to the one that suits best,
    /// and says to whom. Meanwhile no commands are taken; if it has not come to an election within
    /// an election timeout, they are again.
    pub fn transfer_leadership(&mut self, to: Option<NodeId>) -> Result<NodeId, TransferError> {
        let leader = self.leader();
        match &mut self.role {
            Role::Leader(role) => role.hand_over(&self.shared, to),
            _ => Err(TransferError::NotLeader { leader }),
        }
    }

    /// Whether this replica leads and takes no commands because it is handing over.
    pub fn is_handing_over(&self) -> bool {
        matches!(&self.role, Role::Leader(leader) if leader.is_handing_over())
    }

    /// Asks at which applied index a linearizable read that begins now may be served. The answer is
    /// in `Ready::reads` or `Ready::reads_lost`; a follower's may never come when messages are
    /// lost. `id` is the caller's own; each read has its own.
    pub fn read(&mut self, id: u64) -> Result<(), NotLeader> {
        match &mut self.role {
            Role::Leader(leader) => {
                leader.read(&mut self.shared, id);
                Ok(())
            }
            Role::Follower(follower) => follower.read(&mut self.shared, id),
            Role::PreCandidate(_) | Role::Candidate(_) => Err(NotLeader),
        }
    }

    /// Takes the work that has accumulated, as far as there is room for it. `now_us` is this replica's
    /// clock, read after everything that was handed in: reads may be answered as of that moment.
    pub fn ready(&mut self, room: Room, now_us: u64) -> Ready {
        self.shared.tell_time(now_us);
        match &mut self.role {
            Role::Leader(leader) => leader.replicate(&mut self.shared, room.tell),
            Role::Follower(follower) => follower.ask_for_reads(&mut self.shared),
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
        let shared = &mut self.shared;
        let mut ready = std::mem::take(&mut shared.out);
        if room.persist {
            ready.persist = shared.disk.next_batch(shared.hard_state(), &shared.log);
        }
        ready.apply = shared.next_applicable(room.apply_bytes);
        ready
    }

    /// The batch of this ticket is durable. Panics on any other ticket than the last one handed out.
    pub fn persisted(&mut self, ticket: u64) {
        self.shared.disk.complete(ticket);
        let turn = match &mut self.role {
            Role::Follower(follower) => {
                follower.keep_promises(&mut self.shared);
                Turn::Stay
            }
            Role::PreCandidate(_) => Turn::Stay,
            Role::Candidate(candidate) => candidate.persisted(&mut self.shared),
            Role::Leader(leader) => leader.advance_commit(&mut self.shared),
        };
        self.turn(turn);
    }

    /// The state machine has applied everything up to `index`. Panics if it was not given that yet.
    pub fn applied(&mut self, index: Index) {
        assert!(index <= self.shared.handed, "{index} was never handed out");
        self.shared.applied = self.shared.applied.max(index);
    }

    /// Forgets the entries up to `index`, which the state machine holds durably. Peers that need
    /// them get a snapshot from now on.
    pub fn compact(&mut self, index: Index) {
        assert!(index <= self.shared.applied, "{index} is not applied");
        if index > self.shared.log.base().index {
            self.shared.log.compact(index);
        }
    }

    /// The state machine has jumped to `base` by a snapshot from a peer, durably. Entries after it
    /// stay if the log has it; else the log begins anew there. Does nothing if `base` was applied.
    pub fn install(&mut self, base: Base) {
        if base.at.term > self.shared.term {
            // No log is ahead of its replica's term; and nothing more is owed to an older leader.
            let (term, leader) = (base.at.term, None);
            self.turn(Turn::Follow { term, leader });
        }
        if !self.shared.install(base) {
            return;
        }
        if let Role::Follower(follower) = &mut self.role {
            follower.installed(&mut self.shared);
        }
    }

    /// The transfer of a snapshot to `peer`, which `Ready::snapshots` named, ended: `ok` if the
    /// peer has installed it.
    pub fn snapshot_ended(&mut self, peer: NodeId, ok: bool) {
        if let Role::Leader(leader) = &mut self.role {
            leader.snapshot_ended(peer, ok);
        }
    }

    /// Who leads the term, as far as is known.
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader(),
            Role::Leader(_) => Some(self.shared.id()),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// The entries that the log in memory holds, from `Status::first` to `Status::last`.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.shared.log.iter()
    }

    /// The term, durable or not.
    pub fn term(&self) -> Term {
        self.shared.term
    }

    /// Everything up to here is committed.
    pub fn commit(&self) -> Index {
        self.shared.commit
    }

    /// Where the entry at `index` stands, if the log still reaches there.
    pub fn position(&self, index: Index) -> Option<LogPosition> {
        let term = self.shared.log.term_at(index)?;
        Some(LogPosition { term, index })
    }

    /// What the log would begin with after [`compact`](Raft::compact) to `index`, if it still
    /// reaches there.
    pub fn base_at(&self, index: Index) -> Option<Base> {
        self.shared.log.base_at(index)
    }

    /// Who takes part, by the last entry that says so, whether it is committed or not.
    pub fn membership(&self) -> &Membership {
        self.shared.membership()
    }

    /// The smallest index of which the log holds what follows, behind which the entries up to `to`
    /// weigh at most `bytes_max`. For deciding what to [`compact`](Raft::compact).
    pub fn reach_back(&self, to: Index, bytes_max: u64) -> Index {
        self.shared.log.reach_back(to, bytes_max)
    }

    /// What the entries after `after` and up to `to` weigh together, in bytes, as far as they are here.
    pub fn bytes_between(&self, after: Index, to: Index) -> u64 {
        self.shared.log.bytes_between(after, to)
    }

    /// What this replica looks like at a glance: [`Raft::status`] without the peers' progress.
    pub fn brief(&self) -> Status {
        let shared = &self.shared;
        Status {
            id: shared.id(),
            term: shared.term,
            vote: shared.vote,
            role: self.role.name(),
            leader: self.leader(),
            commit: shared.commit,
            applied: shared.applied,
            durable: shared.disk.durable(),
            last: shared.log.last(),
            recovering: shared.recovering.is_some(),
            lease_reads: shared.lease_reads,
            first: shared.log.base().index + 1,
            progress: BTreeMap::new(),
        }
    }

    /// What this replica looks like.
    pub fn status(&self) -> Status {
        let progress = match &self.role {
            Role::Leader(leader) => leader.progress(),
            _ => BTreeMap::new(),
        };
        Status {
            progress,
            ..self.brief()
        }
    }
}
