//! A node: the only glue between Raft and the disk.
//!
//! A shard on a node is a pipeline of stages, each its own task, each taking as its batch whatever
//! queued while it was busy:
//!
//! ```text
//!            requests      frames of peers
//!                 \            |
//!                  v           v
//!   clock tick -> [ replica loop: owns Raft ] --- messages ---> transport
//!                  |        ^         |   ^
//!          batches |        | durable |   | applied, installed
//!          of log  v        |         v   |
//!               [ log writer ]     [ applier: owns the state machine ] ---> answers
//!                one for all          |                 ^
//!                shards, one          v                 |
//!                sync a batch     snapshots to       snapshots from
//!                                 peers              peers, in chunks
//! ```
//!
//! The replica loop never waits for a disk or a peer. It asks the core for work in terms of the
//! room that the stages behind it have: one batch under way in each, so that a batch grows exactly
//! while the stage is busy, and no timer decides about batches.
//!
//! What holds at all times:
//! * a waiter is registered, by index *and* term, before its entry can be applied;
//! * "done" is said only by the applier, after the entry was applied; "not done" only where it is
//!   certain; everything else is "unknown";
//! * a request that was forwarded is proposed at most once, and only under the term that the
//!   sender named, though frames are duplicated and leaders restart (`forwards`);
//! * a snapshot replaces the state machine in one atomic step, and the log is cut after that; the
//!   opposite order would leave a log that begins behind the state;
//! * after the log could not be written, nothing is acknowledged again: the node fails for good.
//!
//! Left out so far: several shards (every piece carries a shard id, one shard is started);
//! membership changes; resuming a snapshot half-way after a change of leader; keeping part of the
//! log for a follower that is nearly caught up.

mod applier;
mod error;
mod failure;
mod fate;
mod forwards;
mod host;
mod identity;
mod incoming;
mod link;
mod log_store;
mod observe;
mod outgoing;
mod pending;
mod reads;
mod replica;
mod requests;
mod resign;
mod roster;
mod start;
mod status;
mod transfers;
mod writer;

pub use error::{RequestError, StartError};
pub use failure::Failure;
pub use fate::Fate;
pub use host::{Host, Settings, World};
pub use identity::{Identity, IdentityError};
pub use log_store::{LogStore, LogStoreError};
pub use observe::{Event, Observer};
pub use roster::Roster;
pub use status::{Behind, RaftStatus, ShardStatus, Status};
