//! Errors, sorted by what the caller must do.

use thiserror::Error;

use super::{IdentityError, LogStoreError, Refused};
use crate::{
    env::DiskError,
    machine::{MachineError, Refusal},
    types::{LogPosition, ShardId},
};

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The request itself is wrong: mend it.
    #[error("{0}")]
    Invalid(String),
    /// The command was committed and refused, by every replica alike.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An order that is not carried out, whoever is asked.
    #[error(transparent)]
    Order(#[from] Refused),
    /// Certainly not done: try again, here or elsewhere.
    #[error("{0}")]
    Unavailable(String),
    /// May or may not be done, now or later: read before writing again.
    #[error("the outcome is unknown: {0}")]
    Unknown(String),
    /// This node is broken and stays so until an operator looks after it.
    #[error("this node has failed: {0}")]
    Failed(String),
}

/// Why a node does not start.
#[derive(Clone, Debug, Error)]
pub enum StartError {
    /// The data directory is not this node's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The Raft log cannot be read.
    #[error(transparent)]
    Log(#[from] LogStoreError),
    /// The state machine cannot be read.
    #[error("{shard}: {error}")]
    Machine {
        /// Of which shard.
        shard: ShardId,
        /// What is wrong.
        error: MachineError,
    },
    /// The node was here before, but its log is gone.
    #[error(
        "the data directory has no files in `{0}`, where this node keeps what it promised: \
         restore the directory or replace this node"
    )]
    LogIsGone(&'static str),
    /// The log was cut behind entries that the state machine does not hold.
    #[error(
        "{shard}: the log begins after {base} but the state machine holds only up to {applied}: \
         files are missing in `{dir}`, or the end of `{dir}/manifest`; restore the directory or replace \
         this node",
        dir = super::start::directory(*.shard)
    )]
    Gap {
        /// Of which shard.
        shard: ShardId,
        /// The log's beginning.
        base: LogPosition,
        /// The machine's end.
        applied: LogPosition,
    },
    /// The node's state was found to be wrong, and had been made anew before.
    #[error(
        "{0}; a state made anew was wrong, too, so memory or disk of this machine are suspect: keep the \
         data directory, to be examined, and replace the node"
    )]
    Fenced(String),
    /// A recovery was to go on with a state that was found to be wrong.
    #[error(
        "{0}: the state of this node is wrong, and nobody must get it; recover from another survivor, \
         or, if there is none, restore a backup"
    )]
    WrongSurvivor(String),
    /// The data directory is nobody's.
    #[error("the data directory is empty: there is nothing to recover; correct `data_dir`")]
    NothingToRecover,
    /// The node cannot go on alone.
    #[error(
        "{shard}: node {node} cannot go on alone: it does not vote, or has itself lost entries; \
         recover from another survivor"
    )]
    CannotRecover {
        /// Of which shard.
        shard: ShardId,
        /// The node.
        node: u64,
    },
    /// The node is not one of the founders it was given.
    #[error("node {0} is not among the members {1}: correct `node` or `members`")]
    NotMember(u64, String),
    /// The node was taken out of the cluster, for good.
    #[error(
        "node {0} was removed from the cluster: to bring this machine back, empty its data \
         directory and start it with --join"
    )]
    Removed(u64),
    /// A peer knows for certain that this node is no member, or has forgotten what it promised.
    #[error("this node cannot go on as a member, a peer says: {0}")]
    Dismissed(String),
}
