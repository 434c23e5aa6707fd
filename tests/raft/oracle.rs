//! What must hold after every step, whatever happened.

use std::collections::BTreeMap;

use sisyphus::raft::{Body, Entry, Message, Payload, Raft, RoleName, Status};
use sisyphus::types::{Index, LogPosition, NodeId, Term};

use crate::cluster::Replica;

/// The memory of everything that was seen.
pub struct Oracle {
    quorum: usize,
    leaders: BTreeMap<Term, NodeId>,
    /// Every entry that any log held, with the term of the one before it if that was seen.
    entries: BTreeMap<LogPosition, (Option<Term>, Payload)>,
    /// The committed entries, index 1 first, and the term in which each was committed.
    committed: Vec<(LogPosition, Term)>,
    /// Each replica since its start, as it was last seen.
    seen: BTreeMap<NodeId, Status>,
    /// Reads under way: where, and what was committed when they began.
    reads: BTreeMap<u64, (NodeId, Index)>,
    /// What happened so far.
    pub tally: Tally,
}

/// How often what happened: a test in which nothing does proves nothing.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Entries committed.
    pub committed: u64,
    /// Elections won.
    pub elected: u64,
    /// Reads answered.
    pub reads: u64,
    /// Snapshots installed.
    pub installed: u64,
    /// Batches that overwrote entries on a disk.
    pub overwritten: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.committed += other.committed;
        self.elected += other.elected;
        self.reads += other.reads;
        self.installed += other.installed;
        self.overwritten += other.overwritten;
    }
}

impl Oracle {
    pub fn new(count: u64) -> Self {
        Oracle {
            quorum: count as usize / 2 + 1,
            leaders: BTreeMap::new(),
            entries: BTreeMap::new(),
            committed: Vec::new(),
            seen: BTreeMap::new(),
            reads: BTreeMap::new(),
            tally: Tally::default(),
        }
    }

    /// How far anything is known to be committed.
    pub fn committed(&self) -> Index {
        self.committed.len() as Index
    }

    pub fn started(&mut self, id: NodeId) {
        self.seen.remove(&id);
    }

    pub fn crashed(&mut self, id: NodeId) {
        self.reads.retain(|_, (node, _)| *node != id);
    }

    pub fn read_began(&mut self, id: NodeId, read: u64) {
        self.reads.insert(read, (id, self.committed()));
    }

    /// Linearizability: whatever was committed when a read began, it sees.
    pub fn reads_ended(&mut self, answered: &[(u64, Index)], lost: &[u64]) {
        for (read, index) in answered {
            let (id, floor) = self.reads.remove(read).expect("a read is answered once");
            assert!(
                *index >= floor,
                "read {read} at {id} sees {index}, but {floor} was committed when it began"
            );
            self.tally.reads += 1;
        }
        for read in lost {
            self.reads
                .remove(read)
                .expect("an answered read is not lost");
        }
    }

    /// State machine safety: what is applied is what was committed, everywhere (§5.4.3).
    pub fn applied(&mut self, id: NodeId, entries: &[Entry]) {
        for entry in entries {
            let committed = self.committed.get(entry.at.index as usize - 1);
            let committed = committed.map(|(position, _)| position);
            assert_eq!(
                committed,
                Some(&entry.at),
                "{id} applies what is not committed"
            );
            assert_eq!(
                self.entries[&entry.at].1, entry.payload,
                "{id} applies other data"
            );
        }
    }

    /// A promise that leaves a replica is backed by its disk at that moment.
    pub fn sent(&self, message: &Message, replicas: &BTreeMap<NodeId, Replica>) {
        let Message {
            from,
            to,
            term,
            body,
        } = message;
        let sender = &replicas[from];
        let on_disk = sender.image.hard_state;
        let vote = match body {
            Body::Vote { .. } => Some(*from),
            Body::VoteReply { granted: true } => Some(*to),
            Body::AppendAccepted { matched } => {
                assert!(
                    on_disk.term >= *term,
                    "{message:?} before the term is durable"
                );
                let raft = sender.raft.as_ref().expect("the sender is up");
                if let Some(position) = position_at(raft, *matched) {
                    assert!(
                        sender.has_durably(position),
                        "{message:?} before the entry is durable"
                    );
                }
                return;
            }
            _ => return,
        };
        if let Some(vote) = vote {
            let backed = on_disk.term == *term && on_disk.vote == Some(vote);
            assert!(
                backed,
                "{message:?} before the vote is durable: {on_disk:?}"
            );
        }
    }

    /// Looks at a replica that has taken a step.
    pub fn observe(&mut self, id: NodeId, replicas: &BTreeMap<NodeId, Replica>) {
        let replica = &replicas[&id];
        let Some(raft) = &replica.raft else { return };
        let status = raft.status();
        let before = self.seen.insert(id, status.clone());
        if before.as_ref() == Some(&status) {
            return;
        }
        if let Some(before) = &before {
            only_forward(before, &status);
        }
        if before.as_ref().is_none_or(|b| b.last != status.last) {
            self.logs_match(raft, status.first);
        }
        self.committed_for_ever(raft, &status, replicas);
        let led = |b: &Status| b.role == RoleName::Leader && b.term == status.term;
        if status.role == RoleName::Leader && !before.as_ref().is_some_and(led) {
            self.elected(raft, &status);
        }
    }

    /// Election safety: one leader a term (§5.2). Leader completeness: it has all that was committed
    /// in earlier terms (§5.4); a late winner of an old term may lack what came after it.
    fn elected(&mut self, raft: &Raft, status: &Status) {
        let earlier = self.leaders.insert(status.term, status.id);
        self.tally.elected += 1;
        assert_eq!(earlier, None, "two leaders in term {}", status.term);
        let due = self
            .committed
            .partition_point(|(_, term)| *term < status.term);
        assert!(
            status.last.index >= due as Index,
            "{} lacks entries",
            status.id
        );
        let due = self.committed[..due].iter().skip(status.first as usize - 1);
        for ((committed, _), held) in due.zip(raft.entries()) {
            assert_eq!(held.at, *committed, "{} leads without it", status.id);
        }
    }

    /// Log matching: logs that share a position share everything before it (§5.3).
    fn logs_match(&mut self, raft: &Raft, first: Index) {
        let mut before = (first == 1).then_some(0);
        for (index, entry) in (first..).zip(raft.entries()) {
            assert_eq!(entry.at.index, index, "indexes are consecutive");
            let new = || (before, entry.payload.clone());
            let (prev, payload) = self.entries.entry(entry.at).or_insert_with(new);
            assert_eq!(*payload, entry.payload, "two entries at {}", entry.at);
            let same = prev.is_none() || before.is_none() || *prev == before;
            assert!(same, "two logs lead to {}", entry.at);
            *prev = prev.or(before);
            before = Some(entry.at.term);
        }
    }

    /// What is committed never changes, and a quorum holds it durably from the first moment on.
    fn committed_for_ever(
        &mut self,
        raft: &Raft,
        status: &Status,
        replicas: &BTreeMap<NodeId, Replica>,
    ) {
        let committed = raft.entries().map(|entry| entry.at);
        for position in committed.take_while(|at| at.index <= status.commit) {
            match self.committed.get(position.index as usize - 1) {
                Some((known, _)) => assert_eq!(*known, position, "at {}", status.id),
                None => {
                    assert_eq!(position.index, self.committed() + 1, "a gap");
                    let holds = |r: &&Replica| r.has_durably(position);
                    let holders = replicas.values().filter(holds).count();
                    assert!(holders >= self.quorum, "{position} is on {holders} disks");
                    self.committed.push((position, status.term));
                    self.tally.committed += 1;
                }
            }
        }
    }
}

/// Within the life of a process nothing goes back, and a vote is not changed.
fn only_forward(before: &Status, now: &Status) {
    assert!(now.term >= before.term, "the term goes back");
    assert!(now.commit >= before.commit, "the commit index goes back");
    assert!(now.applied >= before.applied, "the applied index goes back");
    let changed = now.term == before.term && before.vote.is_some() && now.vote != before.vote;
    assert!(!changed, "{} votes twice in term {}", now.id, now.term);
}

/// The position of the entry at `index` in a replica's memory, if it is there.
fn position_at(raft: &Raft, index: Index) -> Option<LogPosition> {
    let offset = index.checked_sub(raft.status().first)?;
    raft.entries().nth(offset as usize).map(|entry| entry.at)
}
