//! What clients ask and hear, in the machine's own terms.

use std::fmt;

use sisyphus::{
    machine::{Op, OpResult, Page, Query, RangeEnd, Reply, Txn},
    types::{Index, NodeId, RequestId, Revision},
};

use crate::trace::{of_keys, of_page, of_reply, of_txn};

/// A question of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Read some keys.
    Read {
        /// Which.
        query: Query,
        /// How fresh the answer has to be.
        freshness: Freshness,
    },
    /// Do a transaction.
    Write(Txn),
}

/// How fresh the answer to a read has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It shows everything that anybody was told of before it was asked.
    Linearizable,
    /// It shows this revision, or a later one.
    AtLeast(Revision),
    /// It shows what the node has.
    Stale,
}

/// What a client hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Of a read.
    Read {
        /// The keys.
        page: Page,
        /// The store's revision when they were read.
        revision: Revision,
        /// How old it may be, if it was allowed to be old.
        age: Option<Age>,
    },
    /// Of a transaction.
    Write(Reply),
}

/// How old a node says that its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Committed entries that the node knew of, and that may not be in the answer.
    pub entries: u64,
    /// Milliseconds since the node heard its leader; none if it knew of none.
    pub leader_heard_ms: Option<u64>,
}

/// How a node stood when it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stood {
    /// Counts its starts.
    pub starts: u64,
    /// The last entry that it had applied.
    pub applied: Index,
    /// The last entry that it knew to be committed.
    pub commit: Index,
}

/// An answered question, with what was known when it was asked.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
    /// What was asked.
    pub asked: &'a Asked,
    /// Under which identity.
    pub request: Option<RequestId>,
    /// What was answered.
    pub answer: &'a Answer,
    /// Who answered.
    pub node: NodeId,
    /// How that node stood when it was asked.
    pub stood: Stood,
    /// The greatest revision in an answer that anybody had heard before the question was first asked.
    pub floor: Revision,
}

impl Asked {
    /// A key that it is about.
    pub fn key(&self) -> &[u8] {
        let op = match self {
            Asked::Read { query, .. } => return &query.keys.start,
            Asked::Write(txn) => txn.success.first(),
        };
        match op {
            Some(Op::Put { key, .. }) => key,
            Some(Op::Delete { keys, .. }) => &keys.start,
            Some(Op::Range(query)) => &query.keys.start,
            None => &[],
        }
    }

    /// Whether the answer may be older than what is known when it is asked.
    pub fn may_be_old(&self) -> bool {
        match self {
            Asked::Read { freshness, .. } => *freshness != Freshness::Linearizable,
            Asked::Write(_) => false,
        }
    }

    /// Whether it changes nothing, and can be asked again without a thought.
    pub fn is_read(&self) -> bool {
        matches!(self, Asked::Read { .. })
    }
}

impl Answer {
    /// The store's revision in it.
    pub fn revision(&self) -> Revision {
        match self {
            Answer::Read { revision, .. } => *revision,
            Answer::Write(reply) => reply.revision,
        }
    }

    /// Whether it tells of a change, which made the revision in it.
    pub fn made_revision(&self) -> bool {
        let changes = |result: &OpResult| match result {
            OpResult::Put(_) => true,
            OpResult::Delete { deleted, .. } => *deleted > 0,
            OpResult::Range(_) => false,
        };
        matches!(self, Answer::Write(reply) if reply.results.iter().any(changes))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (query, freshness) = match self {
            Asked::Read { query, freshness } => (query, freshness),
            Asked::Write(txn) => return write!(f, "{}", of_txn(txn)),
        };
        let verb = match (query.count_only, &query.keys.end) {
            (true, _) => "count",
            (false, RangeEnd::Single) => "read",
            (false, _) => "scan",
        };
        write!(f, "{verb} {}", of_keys(&query.keys))?;
        match query.limit {
            0 => {}
            limit => write!(f, ", the first {limit}")?,
        }
        if query.keys_only {
            write!(f, ", keys only")?;
        }
        match query.revision {
            0 => {}
            revision => write!(f, " at revision {revision}")?,
        }
        match freshness {
            Freshness::Linearizable => Ok(()),
            Freshness::AtLeast(least) => write!(f, " (may be old, not before {least})"),
            Freshness::Stale => write!(f, " (may be old)"),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Read { page, revision, .. } => {
                write!(f, "{} at revision {revision}", of_page(page))
            }
            Answer::Write(reply) => write!(f, "{}", of_reply(reply)),
        }
    }
}
