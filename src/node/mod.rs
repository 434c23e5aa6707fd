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
//! * replicas that applied the same came to the same, or the one that did not stops (`divergence`), and
//!   begins anew with the state of the others (`fence`);
//! * after the log could not be written, nothing is acknowledged again: the node fails for good.
//!
//! # Followers that lag
//!
//! The log is cut behind what the machine has on disk, less some entries and bytes (`retention`): a
//! follower that lags by no more is served from the log, any other by a snapshot. It travels in
//! chunks, several under way, at a rate of its own and in a lane of its own, so that neither
//! heartbeats nor writes wait for it (`outgoing`). While it does, and until the follower has
//! caught up, the log behind it is kept, within a bound, or one snapshot would only lead to the next.
//! What has arrived when a transfer breaks is not lost: the next one, of the same leader or of
//! another, goes on there (`incoming`, `transfers`), as long as the log follows it.
//!
//! # Orders
//!
//! Orders about members and leadership come in like writes and are forwarded like them, at most once.
//! The leader turns one into a plan, by rules that are a pure function (`order`), and only while the
//! list of members that it has applied is the last one in the log: a plan carries the whole list
//! (`obey`). What comes of it is applied like any entry, and shown to all as the [`Roster`]. A node
//! that finds itself removed serves no longer; one that missed it is told by its peers, when it connects or
//! asks for votes (`farewell`).
//!
//! # What is left out
//!
//! Several shards (every piece carries a shard id, one shard is started); resuming a snapshot after
//! the *receiver* restarted, whose half-written tables are in no manifest: it begins again.

mod applier;
mod divergence;
mod error;
mod failure;
mod farewell;
mod fate;
mod fence;
mod forwards;
mod host;
mod identity;
mod inbox;
mod incoming;
mod link;
mod log_store;
mod obey;
mod observe;
mod order;
mod outgoing;
mod pending;
mod reads;
mod recover;
mod replica;
mod requests;
mod resign;
mod retention;
mod roster;
mod start;
mod status;
#[cfg(test)]
mod transfer_tests;
mod transfers;
mod writer;

pub use error::{RequestError, StartError};
pub use failure::Failure;
pub use fate::Fate;
pub use host::{Host, Settings, World, look};
pub use identity::{Identity, IdentityError};
pub use log_store::{LogStore, LogStoreError};
pub use observe::{Event, Observer};
pub use order::{Order, Refused, Why};
pub use recover::{Recovery, recover};
pub use roster::{Announced, Roster};
pub use status::{Behind, RaftStatus, ShardStatus, Status};
