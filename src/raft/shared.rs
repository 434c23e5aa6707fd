//! What a replica has in every role.

use super::log::Log;
use super::persist::Disk;
use super::role::Turn;
use super::{
    Base, Body, Config, Entry, HardState, Membership, Message, PRIORITY_MAX, Ready, Restored,
};
use crate::rng::Rng;
use crate::types::{Index, NodeId, Term};

/// The state that outlives a role.
#[derive(Debug)]
pub(super) struct Shared {
    pub config: Config,
    pub rng: Rng,
    /// The latest term seen.
    pub term: Term,
    /// Whom this replica voted for in that term.
    pub vote: Option<NodeId>,
    pub log: Log,
    pub disk: Disk,
    /// Everything up to here is committed: it is in the log of every leader to come.
    pub commit: Index,
    /// The state machine has been given everything up to here,
    pub handed: Index,
    /// and has applied everything up to here.
    pub applied: Index,
    /// The log has lost what it may have vouched for; the number of this process's questions about
    /// it.
    pub recovering: Option<u64>,
    /// Ticks since the role began, or since a leader was heard or a vote was granted.
    pub elapsed: u32,
    /// This replica's clock, in microseconds, when it was last told.
    pub now_us: u64,
    /// Until then, on that clock, it helps nobody to replace a leader that it has heard.
    pub bound_until_us: u64,
    /// Reads that were served by a lease.
    pub lease_reads: u64,
    /// The number of ticks after which a replica without a leader stands for election.
    pub timeout: u32,
    /// What has accumulated for the next `ready`.
    pub out: Ready,
}

impl Shared {
    /// The state of a replica that has just started.
    pub fn new(config: Config, restored: Restored, mut rng: Rng, now_us: u64) -> Self {
        config.assert_sound();
        let Restored {
            hard_state,
            base,
            entries,
            applied,
            damaged,
        } = restored;
        let log = Log::new(base, entries);
        let applied = applied.max(log.base().index);
        assert!(
            applied <= log.last().index,
            "{applied} is applied but not in the log"
        );
        let mut shared = Shared {
            disk: Disk::new(hard_state, &log),
            term: hard_state.term,
            vote: hard_state.vote,
            commit: applied,
            handed: applied,
            applied,
            recovering: damaged.then(|| rng.next_u64()),
            elapsed: 0,
            now_us,
            bound_until_us: 0,
            lease_reads: 0,
            timeout: 0,
            out: Ready::default(),
            config,
            rng,
            log,
        };
        // A snapshot of a later term may have become durable before that term did.
        shared.enter_term(hard_state.term.max(shared.log.last().term));
        shared.restart_timer();
        if hard_state.term > 0 {
            // It may have promised something just before it was stopped.
            shared.bound_until_us = now_us.saturating_add(shared.config.promise_us);
        }
        shared
    }

    /// The clock was read. It never goes back: if it seems to, the later time counts.
    pub fn tell_time(&mut self, now_us: u64) {
        self.now_us = self.now_us.max(now_us);
    }

    /// Promises to help nobody to replace the leader for a while, and answers for how many
    /// microseconds. Not before the term is on disk: a replica that has never been in any term, as
    /// far as it knows, would not keep the promise after a crash.
    pub fn promise(&mut self) -> u64 {
        if !self.may_promise() {
            return 0;
        }
        let promise_us = self.config.promise_us;
        let until_us = self.now_us.saturating_add(promise_us);
        self.bound_until_us = self.bound_until_us.max(until_us);
        promise_us
    }

    /// Whether such a promise is still to be kept.
    pub fn is_bound(&self) -> bool {
        self.now_us < self.bound_until_us
    }

    /// This replica's id.
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Who takes part.
    pub fn membership(&self) -> &Membership {
        self.log.membership()
    }

    /// Whether this replica's vote counts, as far as it knows.
    pub fn votes(&self) -> bool {
        self.membership().is_voter(self.id())
    }

    /// Whether this replica may be needed as a candidate: it votes, or did before a change that it
    /// does not know to be committed (thesis §4.2.2). In that case it may have the only log that is
    /// up to date enough for those who vote now; its own vote does not count.
    pub fn may_stand(&self) -> bool {
        let mut memberships = self.log.memberships_since(self.commit);
        let needed = memberships.any(|membership| membership.is_voter(self.id()));
        needed && self.recovering.is_none()
    }

    /// The log has all that it ever vouched for: its votes are worth something again.
    pub fn recovered(&mut self) {
        self.recovering = None;
        self.disk.mark(false);
    }

    /// The log lacks what this replica vouched for, though its disk does not know: its votes are worth
    /// nothing until it has recovered.
    pub fn has_forgotten(&mut self) {
        if self.recovering.is_none() {
            self.recovering = Some(self.rng.next_u64());
            self.disk.mark(true);
        }
    }

    /// Whether the membership in force is committed.
    pub fn is_settled(&self) -> bool {
        self.commit >= self.log.membership_index()
    }

    /// The end of a leadership that was not taken away.
    pub fn resignation(&self) -> Turn {
        let (term, leader) = (self.term, None);
        Turn::Follow { term, leader }
    }

    /// The term and vote as they should be on disk.
    pub fn hard_state(&self) -> HardState {
        HardState {
            term: self.term,
            vote: self.vote,
        }
    }

    /// Whether term and vote are on disk: only then may this replica make a promise in the term.
    pub fn may_promise(&self) -> bool {
        self.disk.hard_state() == self.hard_state()
    }

    /// Enters `term`; in a new one no vote has been given. Panics if it is an earlier one.
    pub fn enter_term(&mut self, term: Term) {
        assert!(term >= self.term, "from term {} to {term}", self.term);
        if term > self.term {
            self.term = term;
            self.vote = None;
        }
    }

    /// Starts waiting anew, for a random time: replicas that wait equally long would stand against
    /// each other for ever (§5.2). Those of a lower priority wait longer, but not without end.
    pub fn restart_timer(&mut self) {
        let ticks = u64::from(self.config.election_ticks);
        let steps_down = u64::from(PRIORITY_MAX - self.config.priority);
        self.elapsed = 0;
        self.timeout = (self.rng.between(ticks, 2 * ticks - 1) + steps_down * ticks / 2) as u32;
    }

    /// Says something in the present term.
    pub fn send(&mut self, to: NodeId, body: Body) {
        self.send_in(self.term, to, body);
    }

    /// Says something about `term`.
    pub fn send_in(&mut self, term: Term, to: NodeId, body: Body) {
        let from = self.id();
        self.out.send.push(Message {
            from,
            to,
            term,
            body,
        });
    }

    /// Says the same to all other voters.
    pub fn broadcast_in(&mut self, term: Term, body: &Body) {
        let own = self.id();
        let others: Vec<NodeId> = self.membership().electors().collect();
        for to in others.into_iter().filter(|to| *to != own) {
            self.send_in(term, to, body.clone());
        }
    }

    /// Everything up to `index` is committed. Panics if the log does not have it.
    pub fn commit_to(&mut self, index: Index) {
        assert!(index <= self.log.last().index, "commit beyond the log");
        self.commit = self.commit.max(index);
    }

    /// Makes the log agree with a leader's: `entries` follow `prev`, which is in the log. What
    /// conflicts is dropped, what is there already stays (§5.3). Returns false, changing nothing,
    /// if an entry up to `certain` would have to change: no leader may ask for that.
    pub fn absorb(&mut self, entries: Vec<Entry>, certain: Index) -> bool {
        let Some(new) = entries.iter().position(|entry| !self.log.has(entry.at)) else {
            return true;
        };
        let from = entries[new].at.index;
        if from <= self.log.last().index {
            if from <= certain {
                return false;
            }
            self.log.truncate(from);
            self.disk.overwritten(from);
        }
        for entry in entries.into_iter().skip(new) {
            self.log.append(entry);
        }
        true
    }

    /// The next committed entries for the state machine. Only what is durable here as well: else
    /// the state machine could become durable at a point that this replica's log has not reached.
    pub fn next_applicable(&mut self, bytes_max: usize) -> Vec<Entry> {
        let end = self.commit.min(self.disk.durable());
        if bytes_max == 0 || self.handed >= end {
            return Vec::new();
        }
        let entries = self.log.slice(self.handed + 1, end, bytes_max);
        self.handed += entries.len() as u64;
        entries
    }

    /// The state machine jumped to `base` by a snapshot. Returns false if it was there already.
    pub fn install(&mut self, base: Base) -> bool {
        let at = base.at;
        if at.index <= self.applied {
            return false;
        }
        let kept = self.log.has(at);
        if kept {
            self.log.rebase(base.clone());
        } else {
            assert!(at.index > self.commit, "{at} contradicts the log");
            self.log = Log::new(base.clone(), Vec::new());
        }
        self.disk.installed(base, kept);
        self.commit = self.commit.max(at.index);
        self.handed = self.handed.max(at.index);
        self.applied = at.index;
        true
    }
}
