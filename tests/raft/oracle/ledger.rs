//! The memory of all logs: what stood at which position, and what came before it.
//!
//! Looking at a whole log after every step would make the length of a schedule count twice. A log
//! changes from some index on, so it is looked at from its end back to the first position that
//! it held already when it was looked at before. Whether what lies before that stayed as it was
//! is asked at the end of a phase.

use std::collections::BTreeMap;

use sisyphus::raft::{Entry, Payload, Raft};
use sisyphus::types::{Index, LogPosition, NodeId, Term};

/// Every entry that any log held, and the logs as they were last seen.
#[derive(Default)]
pub struct Ledger {
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
}

impl Ledger {
    /// A replica started anew: nothing of its log was seen yet.
    pub fn forget(&mut self, id: NodeId) {
        self.logs.remove(&id);
    }

    /// Log matching: logs that share a position share everything before it (§5.3). Looks at what
    /// changed in a replica's log.
    pub fn look(&mut self, id: NodeId, raft: &Raft) {
        let mut seen = self.logs.remove(&id).unwrap_or_default();
        let mut at = raft.brief().last.index as usize;
        seen.resize(at, 0);
        for entry in raft.entries().rev() {
            assert_eq!(entry.at.index, at as Index, "indexes are consecutive");
            if seen[at - 1] == entry.at.term {
                break;
            }
            seen[at - 1] = entry.at.term;
            self.check(raft, entry);
            at -= 1;
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
        if self.entries.len() < index as usize {
            self.entries.resize_with(index as usize, Vec::new);
        }
        let known = &mut self.entries[index as usize - 1];
        let Some(known) = known.iter().find(|known| known.term == term) else {
            let begin = self.begins.entry(term).or_insert(index);
            *begin = index.min(*begin);
            let (prev, payload) = (prev.term, entry.payload.clone());
            return known.push(Known {
                term,
                prev,
                payload,
            });
        };
        assert_eq!(known.payload, entry.payload, "two entries at {}", entry.at);
        assert_eq!(known.prev, prev.term, "two logs lead to {}", entry.at);
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

    fn known(&self, at: LogPosition) -> &Known {
        let known = &self.entries[at.index as usize - 1];
        let known = known.iter().find(|known| known.term == at.term);
        known.expect("an entry of some log")
    }
}
