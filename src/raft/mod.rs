//! Raft: how replicas agree on one log, as a pure value.
//!
//! A [`Raft`] is one replica of one shard. It awaits nothing and owns no clock, disk, socket or
//! random source: its node calls [`tick`](Raft::tick), [`step`](Raft::step),
//! [`propose`](Raft::propose) and [`read`](Raft::read), then takes a [`Ready`] and does what it
//! says. The same calls in the same order give the same answers, on any machine and any day.
//!
//! "§" is a section of Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*;
//! "thesis" is Ongaro's.
//!
//! # The way of a command
//!
//! **Terms** (§5.1). Time is cut into terms, each with one leader at most. Whoever hears of a later
//! term enters it and follows; who is told something of an older term answers with its own, so that
//! it cannot linger. `step.rs` does this before any role sees a message, and drops there what no
//! correct replica can have sent.
//!
//! **Elections** (§5.2, `election.rs`, `candidate.rs`). A follower that has not heard its leader for
//! a random time first asks around (thesis §9.6): would you vote for me? Asking changes nobody's
//! term, so a replica that was cut off cannot depose a leader by coming back. When a quorum would, it
//! enters the next term, votes for itself and asks in earnest. Nobody helps to replace a leader that
//! it has heard within the shortest timeout (thesis §4.2.3), and nobody votes for a log that is less
//! up to date than its own (§5.4.1). A leader that a quorum has not answered for as long steps down:
//! it may have been replaced, and clients should not wait for it.
//!
//! **Replication** (§5.3, `leader.rs`, `progress.rs`, `follower.rs`). The leader appends to its own
//! log and sends what each peer lacks: in `Ready`, so that what was proposed meanwhile travels
//! together, and several appends at once, so that the wire is never idle. A peer whose log differs
//! refuses with a hint that skips whole terms; then the leader probes, one append at a time, until
//! it is accepted.
//!
//! **Commitment** (§5.4, `quorum.rs`). What a quorum holds durably is committed if it is of the
//! leader's own term, and everything before it with it. Therefore a term begins with an empty entry.
//! The leader is one of the quorum only as far as its own disk has come; its appends may
//! leave before that, so the disks of all work at the same time. Committed entries go to the
//! state machine once they are durable here too.
//!
//! **Reads** (§8, thesis §6.4, `reads.rs`). A read needs no entry in the log, but two proofs: that
//! the leader still leads (a quorum answers a heartbeat that was sent after the read began), and that
//! it knows how far its predecessors committed (its own first entry is committed). A follower asks
//! its leader for the index and then serves the read itself.
//!
//! **Snapshots** (§7). The log is cut below what the state machine holds durably. A peer that needs
//! what was cut is named in [`Ready::snapshots`]; the node carries the state over by its own ways
//! and says [`install`](Raft::install) there and [`snapshot_ended`](Raft::snapshot_ended) here.
//!
//! # Promises and the disk
//!
//! A vote, a request for votes and the acceptance of an append are promises: the sender must still
//! know of them after a loss of power. The core itself keeps them back until
//! [`persisted`](Raft::persisted) says that the batch behind them is on disk. It could instead hand
//! out a second list, to be sent after persisting, and trust the node; but then every node, test and
//! simulation would have to get that right, and a promise that waited in such a list could leave
//! after its term was over. Here a promise is no message that waits: what may be said is computed
//! from the role and from what is durable at the moment when something became durable, and when the
//! role ends it was never said. The entries of a batch may be overwritten by a new leader while they
//! are being written; `persist.rs` tells what of the batch still counts.
//!
//! # What must hold
//!
//! `tests/raft` checks these after every step of thousands of random schedules:
//!
//! * Election safety: a term has one leader at most; a replica votes once in a term, over all crashes.
//! * Log matching: two logs that have the same position have the same entries up to there.
//! * Leader completeness: what was committed is in the log of every leader of a later term.
//! * State machine safety: what is committed at an index never changes, and is applied in order, once.
//! * A committed entry is on a quorum of disks from the first moment on.
//! * A promise that leaves is backed by the sender's disk at that moment.
//! * Term, commit and applied index of a process never go back.
//! * A read sees everything that was committed when it began.
//! * When the trouble ends, a command gets through and all logs become equal.
//!
//! Contradictions of our own are asserted and stop the process. What others say is believed only as
//! far as the protocol allows: nonsense is dropped and never panics.
//!
//! # Bounds
//!
//! The log in memory: a leader refuses commands beyond `uncommitted_bytes_max` that are not applied,
//! and a follower takes no entries while its state machine is as far behind; what is applied and not
//! yet cut is the node's to bound by [`compact`](Raft::compact). Appends under way per peer:
//! `inflight_max`, of `append_bytes_max`. Reads and questions: constants in `reads.rs` and
//! `follower.rs`. One batch on its way to the disk at a time: what queues up meanwhile is the next.
//!
//! # What is left out
//!
//! * **Changes of membership, learners, transfer of leadership.** Who votes is fixed. Everything that
//!   counts votes asks `quorum.rs`, and each peer has a `Progress` of its own: they come in there.
//! * **Leases.** They would save reads a round at the price of trusting clocks.
//! * **Repeating requests for votes.** A candidate whose requests were lost asks anew after its
//!   timeout, which is as short.
//! * **Giving up leadership when the own disk stalls.** Followers commit without the leader's disk,
//!   but its state machine, and so its clients, wait for it.

mod candidate;
mod change;
mod config;
mod election;
mod follower;
mod leader;
mod log;
mod membership;
mod message;
mod persist;
mod progress;
mod quorum;
mod reads;
mod ready;
mod reconfigure;
mod replica;
mod role;
mod shared;
mod status;
mod step;
mod transfer;

pub use change::Change;
pub use config::{Config, MembershipError, NotLeader, PRIORITY_MAX, ProposeError, TransferError};
pub use membership::{Aim, MEMBERS_MAX, Membership, NewMembership};
pub use message::{Body, Entry, Message, Payload};
pub use ready::{Base, HardState, Persist, Ready, Restored, Room};
pub use replica::Raft;
pub use status::{PeerState, PeerStatus, RoleName, Status};

#[cfg(test)]
mod tests;
