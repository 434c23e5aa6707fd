//! The memory of all logs: what stood at which position, and what came before it.
//!
//! Looking at a whole log after every step would make the length of a schedule count twice. A log
//! changes from some index on, so it is looked at from its end back to the first position that
//! it held already when it was looked at before. Whether what lies before that stayed as it was
//! is asked at the end of a phase.

use std::collections::BTreeMap;
use std::sync::Arc;

use sisyphus::raft::{Entry, Membership, NewMembership, Payload, Raft};
use sisyphus::types::{Index, LogPosition, NodeId, Term};

use super::members;

/// Every entry that any log held, and the logs as they were last seen.
pub struct Ledger {
    /// Who takes part as long as no entry says otherwise.
    founders: Membership,
    /// By index, 1 first: the entries of different terms that were seen there.
    entries: Vec<Vec<Known>>,
    /// By replica: the term of each index of its log, 1 first, 0 where it was not seen.
    logs: BTreeMap<NodeId, Vec<Term>>,
    /// The index at which each term began.
    begins: BTreeMap<Term, Index>,
}

/// An entry of some index.
struct Known {
    term: Term,
    /// The term of the entry before it.
    prev: Term,
    payload: Payload,
    /// The last membership in a log that ends here; none if that is the founders'.
    membership: Option<Said>,
}

/// A membership, and the index of the entry that says it.
type Said = (Index, Arc<NewMembership>);

impl Ledger {
    pub fn new(founders: Membership) -> Self {
        Ledger {
            founders,
            entries: Vec::new(),
            logs: BTreeMap::new(),
            begins: BTreeMap::new(),
        }
    }

    /// A replica started anew: nothing of its log was seen yet.
    pub fn forget(&mut self, id: NodeId) {
        self.logs.remove(&id);
    }

    /// Log matching: logs that share a position share everything before it (§5.3). Looks at what
    /// changed in a replica's log.
    pub fn look(&mut self, id: NodeId, raft: &Raft) {
        let mut seen = self.logs.remove(&id).unwrap_or_default();
        let last = raft.brief().last.index;
        seen.resize(last as usize, 0);
        let is_new = |entry: &&Entry| seen[entry.at.index as usize - 1] != entry.at.term;
        let changed: Vec<&Entry> = raft.entries().rev().take_while(is_new).collect();
        let mut index = last - changed.len() as Index;
        for entry in changed.into_iter().rev() {
            index += 1;
            assert_eq!(entry.at.index, index, "indexes are consecutive");
            seen[index as usize - 1] = entry.at.term;
            self.check(raft, entry);
        }
        self.logs.insert(id, seen);
    }

    /// Log matching again, for the whole log.
    pub fn look_at_all(&mut self, id: NodeId, raft: &Raft) {
        self.forget(id);
        self.look(id, raft);
    }

    fn check(&mut self, raft: &Raft, entry: &Entry) {
        let LogPosition { term, index } = entry.at;
        let prev = raft.position(index - 1).expect("what an entry follows");
        match self.find(entry.at) {
            None => self.enter(entry, prev),
            Some(known) => {
                assert_eq!(known.payload, entry.payload, "two entries at {}", entry.at);
                assert_eq!(known.prev, prev.term, "two logs lead to {}", entry.at);
            }
        }
        let begin = self.begins.entry(term).or_insert(index);
        *begin = index.min(*begin);
    }

    /// An entry that no log held before.
    fn enter(&mut self, entry: &Entry, prev: LogPosition) {
        let before = self.find(prev).and_then(|known| known.membership.clone());
        let membership = match &entry.payload {
            Payload::Membership(new) => {
                let before = before.as_ref();
                let before = before.map_or(&self.founders, |(_, said)| &said.membership);
                let overlap = members::overlap(before, &new.membership);
                assert!(overlap, "quorums of {before:?} miss some of {new:?}");
                Some((entry.at.index, new.clone()))
            }
            Payload::Noop | Payload::Command(_) => before,
        };
        let index = entry.at.index as usize;
        if self.entries.len() < index {
            self.entries.resize_with(index, Vec::new);
        }
        self.entries[index - 1].push(Known {
            term: entry.at.term,
            prev: prev.term,
            payload: entry.payload.clone(),
            membership,
        });
    }

    /// What the leader of `term` has at `index`, or would have: its log only grows, by entries of
    /// its term. None before there was such a leader.
    pub fn of_leader(&self, term: Term, index: Index) -> Option<LogPosition> {
        let begin = *self.begins.get(&term)?;
        let mut at = LogPosition { term, index: begin };
        while at.index > index {
            let term = self.known(at).prev;
            at = LogPosition {
                term,
                index: at.index - 1,
            };
        }
        Some(LogPosition { index, ..at })
    }

    /// What stands in the entry at `at`, which some log held.
    pub fn payload(&self, at: LogPosition) -> &Payload {
        &self.known(at).payload
    }

    /// Who takes part for a log that ends at `last`, by an entry that says so.
    pub fn said_membership(&self, last: LogPosition) -> Option<&Membership> {
        let (_, said) = self.find(last)?.membership.as_ref()?;
        Some(&said.membership)
    }

    /// The index of that entry, 0 if there is none.
    pub fn membership_index(&self, last: LogPosition) -> Index {
        let said = self.find(last).and_then(|known| known.membership.as_ref());
        said.map_or(0, |(index, _)| *index)
    }

    /// The index at which the leader of `term` began.
    pub fn begin(&self, term: Term) -> Index {
        self.begins[&term]
    }

    /// Who takes part for a founder whose log ends at `last`.
    pub fn membership(&self, last: LogPosition) -> &Membership {
        self.said_membership(last).unwrap_or(&self.founders)
    }

    fn find(&self, at: LogPosition) -> Option<&Known> {
        let known = self.entries.get((at.index as usize).checked_sub(1)?)?;
        known.iter().find(|known| known.term == at.term)
    }

    fn known(&self, at: LogPosition) -> &Known {
        self.find(at).expect("an entry of some log")
    }
}
