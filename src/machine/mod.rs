//! The state machine: what the agreed log comes to.
//!
//! Raft agrees on a sequence of entries; a [`Machine`] applies them, one after the other, to the
//! data of one shard. Applying is a function of the state and the entry and of nothing else: no
//! clock (time comes only as the leader's stamp inside the entry), no chance, no order of a hash
//! map, no setting that may differ between nodes. So all replicas that have applied the same entries
//! are in the same state and gave the same answers, refusals included.
//!
//! # Data
//!
//! The data model is that of etcd's third version. The shard counts its changes: an empty store
//! stands at revision 1, and every transaction that changes something takes the next number, once,
//! however many keys it changes. A key knows the revision that created it, the one that last
//! changed it, and how many changes that were; deleting it ends this life, and the next put begins
//! another. Nothing is overwritten: the storage engine keeps every version under (key, revision),
//! so that reading at a revision of the past is no different from reading the latest (`mvcc`).
//!
//! A transaction compares, then does one of two lists of operations in order. They see what
//! those before them wrote: changes are collected in an overlay that lies over the store (`txn`,
//! `cursor`). Only when the whole answer is known are they written, as one batch at one revision,
//! and only when all of the batch is in the memtable is the revision shown to readers (`apply`).
//! A refused transaction therefore leaves no trace. Since a key can have one version at a revision,
//! two writes to a key in one transaction are refused; deleting a range twice is fine.
//!
//! # Members
//!
//! Who takes part in the shard is decided by Raft, in entries of their own kind; the machine keeps what
//! the last one that it applied said, because a snapshot has to carry it (thesis §4.1, §5), and beside
//! it the list of names and addresses that such an entry brings along (`members`). So they are of one
//! position with the data, whatever the log in front of it has come to. A machine that never applied
//! such an entry knows the founders, whom its node tells it.
//!
//! # Exactly once
//!
//! A client that does not hear back sends its request again, and then the log may hold it twice.
//! So a request carries a client and a sequence number, and the machine keeps for every client
//! the last number and what it came to (`session`): the same number again is answered with what it
//! came to the first time, a smaller one is refused. Refusals are remembered like replies, because
//! a request that was refused, and its client told so, must not succeed later.
//!
//! Memory for this is bounded, in number and in size, and both bounds are met in a way that all
//! replicas find alike. Of too many sessions the one that was used longest ago, by log position, is
//! forgotten; a later request of it is refused, since it might be a repetition. An answer that is too
//! large to be kept is not kept: its repetition is told that the request *was* applied, and at
//! which revision, and that the answer is gone. The alternative, to evict sessions by the bytes of their
//! answers, would let one client that asks for large ones take exactly-once from all others.
//!
//! # State on disk
//!
//! Beside the data there is the small state: position, revision, floor, hash, membership, list of
//! members, sessions (`state`).
//! It lives in memory and goes to disk as the note of the storage engine, which the engine makes
//! durable in one step with the data of the memtable that was frozen with it. The log is the
//! write-ahead log: after a crash the machine stands where its last durable flush left it, and the
//! log is applied again from there. An entry cannot be applied to data that has its effect already, because
//! data and position come from the same flush.
//!
//! A [`Snapshot`] is that state in chunks (`chunk`, `stream`): the note and every version. Nothing
//! is copied or frozen for it: since no version is ever overwritten, the state at an entry is the note
//! of that entry and all versions up to its revision, and stays readable while applying goes on. An
//! [`Install`] checks all of it while it arrives, builds tables beside the machine's own, and takes their place in
//! one step of the engine. When the chunks stop coming, what has arrived is a [`Standing`], from
//! which whoever has applied the entry can send the rest (`standing` says why).
//!
//! # Invariants
//!
//! * Entries are applied in the order of their index, each once, none left out.
//! * Position, revision, sessions and hash in a note are those of the data it is stored with.
//! * Of a snapshot that is resumed, no version is missing and none comes twice.
//! * All versions in the engine are at most at the machine's revision; a reader's revision is at
//!   most the machine's, and all versions up to it are there.
//! * A key's versions count 1, 2, 3, … from its creation, and its create revision is that of the
//!   first.
//! * Outcomes depend on the constants in `bounds`, never on `Limits`, which may differ per node.
//! * Whatever bytes come in, from the log, the disk or a peer: an error, never a panic, and after an
//!   error nothing has changed.
//!
//! # Left out
//!
//! * Compaction of old revisions: the floor is part of the state and of every check, and stays at 1
//!   until there is a command that raises it. Sessions that expire by time, and leases, likewise
//!   wait for commands of theirs.
//! * A client's very first request is not protected for ever: when its session was forgotten, a
//!   late repetition of number 1 begins a new one and is applied again. It takes thousands of other
//!   clients between the two; a command that opens a session, and does nothing else, would close it.
//! * An answer says how many keys a range holds, as etcd's does, so a read with a small limit walks
//!   the whole range. An index with counts would save that; whoever pages knows better bounds.
//! * Every put reads its key first, for its version and creation. etcd keeps all keys in memory for
//!   that; here a key that does not exist costs a look at filters, and one that does a block.

mod apply;
mod bounds;
mod chunk;
mod command;
mod cursor;
mod error;
mod install;
mod members;
mod mvcc;
mod note;
mod page;
mod reader;
mod session;
mod snapshot;
mod standing;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod txn;

pub use apply::Machine;
pub use command::{
    Command, Compare, KeyRange, KeyValue, Op, OpResult, Outcome, Page, Query, RangeEnd, Refusal,
    Relation, Reply, Target, Txn, decode_outcome, encode_outcome,
};
pub use error::{MachineError, QueryError};
pub use install::Install;
pub use members::{MEMBERS_MAX, Member, Members, MembersError};
pub use reader::Reader;
pub use snapshot::{SNAPSHOT_CHUNK_BYTES_MIN, Snapshot};
pub use standing::Standing;

use bounds::Bounds;
