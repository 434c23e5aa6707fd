//! Raft, pure.

mod message;
mod ready;

pub use message::{Body, Entry, Message};
pub use ready::{HardState, Persist, Ready, Restored, Room};
