//! A network that may do with frames whatever [`Transport`](sisyphus::env::Transport) allows: lose
//! them, delay them, deliver them twice, or let later ones overtake them; and, beyond that, change
//! some of their bits, which the product's checksums have to notice.
//!
//! Frames are encoded bytes: the product's own codec is on the way.
//! Madsim's sockets are not used between peers, because its streams delay what a partition should
//! lose, and because one queue with one timer is the cheapest network there is: [`SimNet::pump`] is
//! the only task, and wakes once for all frames that are due in the same millisecond.
//!
//! Every link, from one node to another, has its own counter, and the fate of its n-th frame is
//! drawn from (seed, link, n): what happens on one link does not touch the others.
//!
//! Invariants:
//! 1. A frame is delivered to the node it was sent to, at most twice, and whole unless its link changes bits.
//! 2. A link that is cut delivers nothing that is sent while it is cut; frames that were on their
//!    way before still arrive, late if their detour was long.
//! 3. A node that is down receives nothing, and what a dead process sends is lost. A node that is
//!    paused receives everything, and looks at it later, as far as its queues reach.
//! 4. Frames outlive restarts: one that was sent to a node before its crash may reach it afterwards.

mod fabric;
mod port;

#[cfg(all(test, madsim))]
mod tests;

pub use fabric::SimNet;
