//! Raft, pure.

mod candidate;
mod config;

mod election;
mod follower;
mod leader;
mod log;
mod message;
mod persist;
mod progress;
mod quorum;
mod reads;
mod ready;
mod replica;
mod role;
mod shared;
mod status;
mod step;

pub use config::{Config, NotLeader, ProposeError};
pub use message::{Body, Entry, Message};
pub use ready::{HardState, Persist, Ready, Restored, Room};
pub use replica::Raft;
pub use status::{PeerState, PeerStatus, RoleName, Status};

#[cfg(test)]
mod tests;
