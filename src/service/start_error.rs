//! Why a node does not start.

use thiserror::Error;

use crate::{config::ConfigError, env::DiskError, node};

/// Why a node does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} for {face}: {reason}; remedy: {remedy}")]
    Listen {
        /// The face.
        face: &'static str,
        /// The address as configured.
        address: String,
        /// What the operating system says.
        reason: std::io::Error,
        /// What to do.
        remedy: String,
    },
    /// The data directory cannot be used.
    #[error("data_dir cannot be used: {0}")]
    Disk(#[from] DiskError),
    /// There is a cluster already, and it does not know this node.
    #[error(
        "the cluster runs and has no member {0:?}: it was removed, or never was one; remedy: start \
         it with --join to add it"
    )]
    Unknown(String),
    /// The node did not become a member.
    #[error(
        "cannot join the cluster at {addresses}: {reason}; remedy: check --join, `cluster`, and that \
         a majority of its members run"
    )]
    Join {
        /// Who was asked.
        addresses: String,
        /// What they said last.
        reason: String,
    },
    /// What is in the data directory is not this node's, or cannot be read.
    #[error("data_dir {dir} cannot be used: {error}")]
    Node {
        /// The directory.
        dir: String,
        /// What is wrong.
        error: node::StartError,
    },
}
