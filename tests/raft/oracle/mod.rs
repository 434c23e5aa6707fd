//! What must hold after every step, whatever happened.
//!
//! * [`ledger`]: log matching.
//! * [`members`]: who is a quorum.
//! * [`promises`]: what is said is on the disk of who says it.
//! * [`tally`]: how often what happened.
//!
//! Elections, commitment, application and reads stand here. A step costs as much as it changes, not
//! as much as there is: a hundred thousand schedules should take seconds.

mod ledger;
mod members;
mod promises;
mod tally;

use std::collections::BTreeMap;

use sisyphus::raft::{Entry, HardState, Membership, Message, Raft, RoleName, Status};
use sisyphus::types::{Index, LogPosition, NodeId, Term};

use crate::cluster::Replica;
use ledger::Ledger;
use promises::Promises;
pub use tally::Tally;

/// The memory of everything that was seen.
pub struct Oracle {
    leaders: BTreeMap<Term, NodeId>,
    ledger: Ledger,
    promises: Promises,
    /// The committed entries, index 1 first, and the term in which each was committed.
    committed: Vec<(LogPosition, Term)>,
    /// Each replica since its start, as it was last seen.
    seen: BTreeMap<NodeId, Status>,
    /// Reads under way: where, and what was committed when they began.
    reads: BTreeMap<u64, (NodeId, Index)>,
    /// The clocks keep to no bound, so a read by a lease may see less than it should: that is
    /// counted, not refused.
    pub clocks_lie: bool,
    /// What happened so far.
    pub tally: Tally,
}

impl Oracle {
    pub fn new(founders: Membership) -> Self {
        Oracle {
            leaders: BTreeMap::new(),
            ledger: Ledger::new(founders),
            promises: Promises::default(),
            committed: Vec::new(),
            seen: BTreeMap::new(),
            reads: BTreeMap::new(),
            clocks_lie: false,
            tally: Tally::default(),
        }
    }

    /// How far anything is known to be committed.
    pub fn committed(&self) -> Index {
        self.committed.len() as Index
    }

    pub fn started(&mut self, id: NodeId) {
        self.seen.remove(&id);
        self.ledger.forget(id);
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
                *index >= floor || self.clocks_lie,
                "read {read} at {id} sees {index}, but {floor} was committed when it began"
            );
            self.tally.stale += u64::from(*index < floor);
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
        for Entry { at, payload } in entries {
            let committed = self.committed.get(at.index as usize - 1);
            let committed = committed.map(|(position, _)| position);
            assert_eq!(committed, Some(at), "{id} applies what is not committed");
            assert_eq!(self.ledger.payload(*at), payload, "{id} applies other data");
        }
    }

    /// Looks at a message that leaves.
    pub fn sent(&mut self, message: &Message, replicas: &BTreeMap<NodeId, Replica>) {
        self.promises.sent(message, replicas, &self.ledger);
    }

    /// Looks at a replica that has taken a step.
    pub fn observe(&mut self, id: NodeId, replicas: &BTreeMap<NodeId, Replica>) {
        let Some(raft) = &replicas[&id].raft else {
            return;
        };
        let status = raft.brief();
        let before = self.seen.get(&id);
        if before == Some(&status) {
            return;
        }
        let before = self.seen.insert(id, status.clone());
        if let Some(before) = &before {
            only_forward(before, &status);
        }
        let last = before.as_ref().map(|b| b.last);
        if last != Some(status.last) {
            self.ledger.look(id, raft);
            self.knows_members(raft, &status);
        }
        let commit = before.as_ref().map_or(0, |b| b.commit);
        if status.commit > commit {
            // Committing may end a joint membership in the same step: it counted before that.
            let counted = last.unwrap_or(status.last);
            self.committed_for_ever(raft, commit, &status, counted, replicas);
        }
        let led = |b: &Status| b.role == RoleName::Leader && b.term == status.term;
        if status.role == RoleName::Leader && !before.as_ref().is_some_and(&led) {
            self.elected(raft, &status, &replicas[&id]);
        }
        if let Some(before) = before.filter(led) {
            self.one_change_at_a_time(&before, &status);
        }
    }

    /// Looks at everything, even what should not have changed.
    pub fn observe_all(&mut self, replicas: &BTreeMap<NodeId, Replica>) {
        for (id, replica) in replicas {
            if let Some(raft) = &replica.raft {
                self.ledger.look_at_all(*id, raft);
                let status = raft.brief();
                self.knows_members(raft, &status);
                self.committed_for_ever(raft, 0, &status, status.last, replicas);
            }
        }
    }

    /// The last membership of a log is in force, committed or not (thesis §4.1).
    fn knows_members(&self, raft: &Raft, status: &Status) {
        if let Some(said) = self.ledger.said_membership(status.last) {
            assert_eq!(raft.membership(), said, "at {}", status.id);
        }
    }

    /// A change of members begins when the one before is over, and the leader knows of all that
    /// there were (thesis §4.1, and its correction of 2015).
    fn one_change_at_a_time(&self, before: &Status, status: &Status) {
        let earlier = self.ledger.membership_index(before.last);
        if self.ledger.membership_index(status.last) > earlier {
            let (id, due) = (status.id, earlier.max(self.ledger.begin(status.term)));
            assert!(
                status.commit >= due,
                "{id} changes members before {due} is committed"
            );
        }
    }

    /// Election safety: one leader a term (§5.2). Leader completeness: it has all that was committed
    /// in earlier terms (§5.4); a late winner of an old term may lack what came after it.
    fn elected(&mut self, raft: &Raft, status: &Status, replica: &Replica) {
        let earlier = self.leaders.insert(status.term, status.id);
        self.tally.elected += 1;
        let Status { id, term, .. } = *status;
        assert_eq!(earlier, None, "two leaders in term {term}");
        let before = raft
            .position(status.last.index - 1)
            .expect("a no-op was added");
        let membership = self.ledger.membership(before);
        let own = HardState {
            term,
            vote: Some(id),
        };
        assert_eq!(replica.image.hard_state, own, "{id} leads before its vote");
        let voted = |voter| voter == id || self.promises.has_voted(term, voter, id);
        assert!(
            members::are_quorum(membership, voted),
            "{id} leads {term} unelected"
        );
        let due = self
            .committed
            .partition_point(|(_, term)| *term < status.term);
        assert!(status.last.index >= due as Index, "{id} lacks entries");
        for (committed, _) in self.committed[..due].iter().skip(status.first as usize - 1) {
            let held = raft.position(committed.index);
            assert_eq!(held, Some(*committed), "{id} leads without it");
        }
    }

    /// What is committed never changes, and a quorum holds it durably from the first moment on.
    /// Looks at what a replica knows to be committed beyond `after`; if it is the one who counted,
    /// its log ended at `counted` when it did.
    fn committed_for_ever(
        &mut self,
        raft: &Raft,
        after: Index,
        status: &Status,
        counted: LogPosition,
        replicas: &BTreeMap<NodeId, Replica>,
    ) {
        let base = status.first - 1;
        for index in base.max(after + 1).max(1)..=status.commit {
            let position = raft.position(index).expect("what is committed is there");
            match self.committed.get(index as usize - 1) {
                Some((known, _)) => assert_eq!(*known, position, "at {}", status.id),
                None => {
                    assert_eq!(index, self.committed() + 1, "a gap");
                    let membership = self.ledger.membership(counted);
                    // What a damaged disk has lost may have been counted before.
                    let holds = |id| {
                        let replica: &Replica = &replicas[&id];
                        replica.has_durably(position) || replica.image.damaged
                    };
                    let safe = members::are_quorum(membership, holds);
                    assert!(safe, "{position} is not on a quorum of {membership:?}");
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
