//! What is asked of the state machine, and what it answers.

use bytes::Bytes;

use crate::types::{RequestId, Revision};

/// One entry's content: a transaction, with who asked and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Exactly-once identity; without one the command is applied each time it is in the log.
    pub request: Option<RequestId>,
    /// The leader's wall clock when it proposed the command: the only way time enters the state.
    pub proposed_ms: u64,
    /// What to do.
    pub txn: Txn,
}

/// If all comparisons hold, the `success` operations, else the `failure` ones: atomically, at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// All must hold. None at all hold.
    pub compares: Vec<Compare>,
    /// Done if they do.
    pub success: Vec<Op>,
    /// Done if they do not.
    pub failure: Vec<Op>,
}

/// A condition on one key. A key that does not exist has create, mod revision and version 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: Bytes,
    /// What of it stands on the left.
    pub target: Target,
    /// How the two are compared.
    pub relation: Relation,
}

/// The right-hand side of a comparison, and by its kind what is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The number of changes since the key was created.
    Version(u64),
    /// The revision that created the key.
    CreateRevision(Revision),
    /// The revision that last changed the key.
    ModRevision(Revision),
    /// The value; a key that does not exist fails every comparison of values.
    Value(Bytes),
}

/// The relation between what is stored and the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Equal,
    /// Stored is greater.
    Greater,
    /// Stored is less.
    Less,
    /// Different.
    NotEqual,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Stores a value.
    Put {
        /// The key.
        key: Bytes,
        /// The value; empty is a value.
        value: Bytes,
        /// Answer with what was there before.
        want_previous: bool,
    },
    /// Removes every key of a range.
    Delete {
        /// Which keys.
        keys: KeyRange,
        /// Answer with what was there before.
        want_previous: bool,
    },
    /// Reads within the transaction: sees the writes before it.
    Range(Query),
}

/// A set of keys: `start` alone, or all from `start` (included) to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key.
    pub start: Bytes,
    /// Where it ends.
    pub end: RangeEnd,
}

/// The end of a range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeEnd {
    /// Only the start key.
    Single,
    /// Up to this key, excluded.
    Before(Bytes),
    /// To the last key there is.
    Unbounded,
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which keys.
    pub keys: KeyRange,
    /// The revision to read at; 0 for the latest.
    pub revision: Revision,
    /// At most this many keys; 0 for the server's own bound.
    pub limit: u64,
    /// Only count them.
    pub count_only: bool,
    /// Leave the values out.
    pub keys_only: bool,
}

/// A key with its value and its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// The revision that created it.
    pub create_revision: Revision,
    /// The revision that last changed it.
    pub mod_revision: Revision,
    /// The number of changes since it was created, 1 at creation.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The shard's revision after the command.
    pub revision: Revision,
    /// Whether the comparisons held.
    pub succeeded: bool,
    /// One result per operation that was done.
    pub results: Vec<OpResult>,
}

/// The result of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpResult {
    /// Of a put: what was there before, if asked for.
    Put(Option<KeyValue>),
    /// Of a delete.
    Delete {
        /// How many keys were removed.
        deleted: u64,
        /// The removed keys, if asked for.
        previous: Vec<KeyValue>,
    },
    /// Of a range.
    Range(Page),
}

/// The result of a read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys, ascending.
    pub kvs: Vec<KeyValue>,
    /// Whether there are more than the limit let through.
    pub more: bool,
    /// How many keys the range holds, whatever the limit.
    pub count: u64,
}

/// What a committed command came to. Part of the replicated state: every replica finds the same.
pub type Outcome = Result<Reply, Refusal>;

/// Why a committed command changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A later request of the same session was applied before this one, which may or may not have
    /// been applied in its time: its outcome is no longer kept.
    #[error("request {0:?} is older than the last one applied in its session")]
    StaleRequest(RequestId),
    /// The session is unknown (expired or never begun), so a repetition could not be told from a first time.
    #[error(
        "the session of request {0:?} has expired; its outcome is unknown: read before writing again"
    )]
    SessionExpired(RequestId),
    /// The request repeats one that was applied, with an answer that was too large to be kept.
    #[error(
        "request {request:?} was applied at revision {revision}; its answer was too large to be kept"
    )]
    ReplyNotKept {
        /// The request.
        request: RequestId,
        /// The shard's revision after the request was applied.
        revision: Revision,
    },
    /// A read inside a transaction asked for a revision that is not readable.
    #[error("revision {asked} is not readable: the store holds {floor} to {latest}")]
    BadRevision {
        /// The revision that was asked for.
        asked: Revision,
        /// The oldest readable revision.
        floor: Revision,
        /// The latest revision.
        latest: Revision,
    },
    /// The same key is written twice in one transaction.
    #[error("key {0:?} is written twice in one transaction")]
    DuplicateKey(Bytes),
    /// The answer would hold more bytes than one answer may.
    #[error("the answer would be larger than {bytes_max} bytes: ask for less at a time")]
    ReplyTooLarge {
        /// The bound.
        bytes_max: u64,
    },
    /// The transaction would change more keys than one may.
    #[error("more than {keys_max} keys would change in one transaction: change fewer at a time")]
    TooManyChanges {
        /// The bound.
        keys_max: u64,
    },
}
