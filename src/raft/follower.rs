//! A follower: takes a leader's entries and vouches for them once they are durable.

use std::collections::VecDeque;

use super::shared::Shared;
use super::{Body, Entry, NotLeader};
use crate::types::{Index, LogPosition, NodeId};

/// The most reads that wait to be asked about; further ones count as lost.
const READS_MAX: usize = 16_384;
/// The most questions that wait for the leader's answer; beyond, the oldest counts as lost.
const QUESTIONS_MAX: usize = 4096;

/// A follower of its term's leader, or of nobody yet.
#[derive(Debug)]
pub(super) struct Follower {
    leader: Option<NodeId>,
    /// Up to here the log in memory is known to agree with the leader's.
    verified: Index,
    /// Up to here the leader is known to have committed, though this log may not reach so far yet.
    known: Index,
    /// Up to here the leader was told that it agrees, durably, or gains nothing by being told.
    vouched: Index,
    /// An append up to here waits for its answer until it is durable.
    owed: Option<Index>,
    /// How far its leader's log reached when it was asked after a loss of entries.
    whole_at: Option<Index>,
    /// The vote of this term waits for its durability.
    owes_vote: bool,
    /// Reads that the leader is to be asked about.
    reads: Vec<u64>,
    /// Those that it was asked about, oldest first.
    asked: VecDeque<Question>,
}

/// A question to the leader on behalf of all reads that waited.
#[derive(Debug)]
struct Question {
    /// Its number on the wire.
    nonce: u64,
    reads: Vec<u64>,
}

impl Follower {
    /// A follower whose log is committed up to `commit`: so far every leader's log agrees (§5.4.3).
    pub fn new(leader: Option<NodeId>, commit: Index) -> Self {
        Follower {
            leader,
            verified: commit,
            known: commit,
            vouched: commit,
            owed: None,
            whole_at: None,
            owes_vote: false,
            reads: Vec::new(),
            asked: VecDeque::new(),
        }
    }

    /// Whom it follows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// A leader of this term spoke. False if another one did before: then one of them lies.
    pub fn heed(&mut self, leader: NodeId) -> bool {
        *self.leader.get_or_insert(leader) == leader
    }

    /// The reads that nobody will answer.
    pub fn into_lost_reads(self) -> Vec<u64> {
        let asked = self.asked.into_iter().flat_map(|question| question.reads);
        asked.chain(self.reads).collect()
    }

    /// Gives the vote of this term to `candidate`, and is patient with it.
    pub fn promise_vote(&mut self, shared: &mut Shared, candidate: NodeId) {
        shared.vote = Some(candidate);
        shared.restart_timer();
        self.owes_vote = true;
        self.keep_promises(shared);
    }

    /// Lets a read wait for the next question to the leader.
    pub fn read(&mut self, shared: &mut Shared, id: u64) -> Result<(), NotLeader> {
        if self.leader.is_none() {
            return Err(NotLeader);
        }
        if self.reads.len() < READS_MAX {
            self.reads.push(id);
        } else {
            shared.out.reads_lost.push(id);
        }
        Ok(())
    }

    /// Asks the leader for a read index on behalf of all reads that wait.
    pub fn ask_for_reads(&mut self, shared: &mut Shared) {
        let Some(leader) = self.leader.filter(|_| !self.reads.is_empty()) else {
            return;
        };
        // Drawn, not counted: the answer to a question from before a restart must not pass for the
        // answer to one asked after it.
        let nonce = shared.rng.next_u64();
        shared.send(leader, Body::ReadIndex { id: nonce });
        let reads = std::mem::take(&mut self.reads);
        self.asked.push_back(Question { nonce, reads });
        if self.asked.len() > QUESTIONS_MAX {
            let lost = self.asked.pop_front().map(|question| question.reads);
            shared.out.reads_lost.extend(lost.unwrap_or_default());
        }
    }

    /// Takes a message of its term.
    pub fn step(&mut self, shared: &mut Shared, from: NodeId, body: Body) {
        match body {
            Body::Append {
                prev,
                entries,
                commit,
            } => self.append(shared, from, prev, entries, commit),
            Body::Heartbeat { commit, round } => self.heartbeat(shared, from, commit, round),
            Body::ReadIndexReply { id, index } if self.leader == Some(from) => {
                self.reads_confirmed(shared, id, index);
            }
            Body::RecoverReply { id, last } if shared.recovering == Some(id) => {
                self.whole_at = self.whole_at.or(Some(last));
                self.recover(shared);
            }
            _ => {}
        }
    }

    fn heartbeat(&mut self, shared: &mut Shared, from: NodeId, commit: LogPosition, round: u64) {
        // The leader says so only of what this replica vouched for in this term, be it before it
        // crashed, and remembers better than the role does. Better than the disk even, if that one
        // has forgotten a write that it had called durable, and what it shows is what was there before.
        let is_news = commit.index > shared.commit;
        if is_news && shared.log.has(commit) {
            self.verified = self.verified.max(commit.index);
            shared.commit_to(commit.index);
        } else if is_news {
            shared.has_forgotten();
        }
        let last = shared.disk.durable();
        let priority = shared.config.priority;
        let promise_us = shared.promise();
        shared.send(
            from,
            Body::HeartbeatReply {
                round,
                last,
                priority,
                promise_us,
            },
        );
        if let Some(id) = shared.recovering {
            let last = self.verified.min(last);
            shared.send(from, Body::Recover { id, last });
        }
    }

    /// After a loss of entries: once this log holds durably what its leader's held when it was
    /// asked, it lacks nothing that it ever vouched for. To this leader it vouched for entries of
    /// that log; and to earlier ones for entries that either are in it or will never be committed,
    /// for the leader was elected without the help of this replica, which does not vote meanwhile.
    fn recover(&mut self, shared: &mut Shared) {
        let matched = self.verified.min(shared.disk.durable());
        let whole = self.whole_at.is_some_and(|end| matched >= end);
        if whole && shared.recovering.is_some() {
            shared.recovered();
        }
    }

    fn append(
        &mut self,
        shared: &mut Shared,
        from: NodeId,
        prev: LogPosition,
        entries: Vec<Entry>,
        commit: Index,
    ) {
        let backlog = shared.log.bytes_between(shared.applied, shared.commit);
        if backlog > shared.config.uncommitted_bytes_max as u64 {
            // The applier does not keep up: like a lost message, until it does.
            return;
        }
        if prev.index < shared.commit {
            // Old news. The committed part agrees with every leader, so it can be vouched for.
            return self.accept(shared, shared.commit);
        }
        if !shared.log.has(prev) {
            let hint = shared.log.newest_at_most(prev.index, prev.term);
            let prev = prev.index;
            return shared.send(from, Body::AppendRejected { prev, hint });
        }
        let end = prev.index + entries.len() as u64;
        if !shared.absorb(entries, self.verified) {
            return;
        }
        self.verified = self.verified.max(end);
        self.hear_of_commit(shared, commit);
        self.accept(shared, end);
    }

    /// The leader has committed everything up to `commit`. So has this replica, as far as its log is
    /// known to be the leader's, and the rest as soon as it is.
    fn hear_of_commit(&mut self, shared: &mut Shared, commit: Index) {
        self.known = self.known.max(commit);
        shared.commit_to(self.known.min(self.verified));
    }

    /// Owes the leader a word that the log agrees up to `index`.
    fn accept(&mut self, shared: &mut Shared, index: Index) {
        self.owed = self.owed.max(Some(index));
        self.keep_promises(shared);
    }

    /// The state machine jumped ahead by a snapshot, which was committed.
    pub fn installed(&mut self, shared: &mut Shared) {
        self.verified = self.verified.max(shared.commit);
        self.accept(shared, shared.commit);
    }

    /// Says what is owed as far as the disk backs it. Whatever is not said when the role ends is
    /// never said: it would have been about an older term.
    pub fn keep_promises(&mut self, shared: &mut Shared) {
        self.recover(shared);
        if !shared.may_promise() {
            return;
        }
        if std::mem::take(&mut self.owes_vote) {
            let candidate = shared.vote.expect("the vote that is owed");
            shared.send(candidate, Body::VoteReply { granted: true });
        }
        let (Some(owed), Some(leader)) = (self.owed, self.leader) else {
            return;
        };
        let matched = self.verified.min(shared.disk.durable());
        let paid = matched >= owed;
        if paid {
            self.owed = None;
        }
        if paid || matched > self.vouched {
            self.vouched = self.vouched.max(matched);
            shared.send(leader, Body::AppendAccepted { matched });
        }
    }

    fn reads_confirmed(&mut self, shared: &mut Shared, nonce: u64, index: Index) {
        let position = self
            .asked
            .iter()
            .position(|question| question.nonce == nonce);
        if let Some(question) = position.and_then(|at| self.asked.remove(at)) {
            let reads = question.reads.into_iter().map(|id| (id, index));
            shared.out.reads.extend(reads);
            // Else the reads would wait until the leader speaks of it again.
            self.hear_of_commit(shared, index);
        }
    }
}
