//! The network between nodes in production: one long-lived gRPC stream for each ordered pair and
//! lane.
//!
//! ```text
//!                      ┌► queue of (to, urgent) ──► batch ──► stream ─┐
//!  send(to, lane, f) ──┼► queue of (to, bulk) ────► batch ──► stream ─┼─► deliver(from, f)
//!                      └► queue of (to, snapshot) ► batch ──► stream ─┘
//!                         (bounded; full    (what queued up while
//!                          or down: drop)    the last one was sent)
//! ```
//!
//! A lane is a connection of its own, not only a stream: streams of one connection share its socket,
//! and a heartbeat would wait behind the megabytes that are in the socket's buffer already. So
//! whatever a lane carries, the others see at most that the wire is shared. Within a lane frames keep
//! their order, and between lanes there is none, which the contract allows.
//!
//! The transport's contract is that of datagrams, and that makes everything here simple: nothing is
//! acknowledged, repeated or kept for later. While a peer is down there is no queue at all, so
//! that a node that comes back hears news instead of history. No batch waits for company: a batch
//! is whatever had queued up when the stream was ready for more, one frame if nothing else.
//!
//! Invariants:
//! * a queue holds at most so many frames and bytes as its lane's room says;
//! * nothing is delivered before the stream's hello was checked: cluster, sender and receiver must
//!   fit, and among founders the list of them, or the stream is refused with an error that names
//!   both sides;
//! * there are streams to the members of the [`Directory`](super::Directory) and from them, and to and from nobody else:
//!   it follows the replicated list of members, and so do they. Who is no member any more is told
//!   so when it calls, because it may have missed its removal;
//! * a peer's name is resolved again for every connection: pods come back under other addresses;
//! * a connection over which nothing comes back is given up after [`KEEP_ALIVE`] twice.
//!
//! Left out: encryption between nodes. One lane may be up while another is not, for as long as it
//! takes to connect again: a leader that is heard and sends nothing else. That is as if its appends
//! got lost, and ends as soon.

mod incoming;
mod outgoing;
mod queue;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use incoming::Incoming;
pub use outgoing::Outgoing;

use crate::env::Lane;

/// What may wait for one peer in one lane.
#[derive(Clone, Copy, Debug)]
struct Room {
    /// Frames.
    frames: usize,
    /// Their bytes together.
    bytes: usize,
}

/// The room of a lane. Urgent frames are of about a hundred bytes, and old ones are of no use. Of
/// snapshots no more is under way than a transfer's window; more would be repetitions.
const fn room(lane: Lane) -> Room {
    let (frames, bytes) = match lane {
        Lane::Urgent => (4_096, 1 << 20),
        Lane::Bulk => (4_096, 64 << 20),
        Lane::Snapshot => (64, 8 << 20),
    };
    Room { frames, bytes }
}

/// A batch takes no further frame once it has this many bytes.
const BATCH_BYTES: usize = 1 << 20;

/// What a receiver takes for a batch. A batch is smaller than [`BATCH_BYTES`] and one frame, and a
/// frame is bounded by the limits on keys, values and appends.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// A connection must stand within this time, names and handshake included.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// The pause after a first failed attempt; it doubles with every further one.
const BACKOFF_MIN: Duration = Duration::from_millis(20);

/// The longest pause between attempts: a node that comes back is found within this time.
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// How often the far end is asked for a sign of life, and how long it may take to answer.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);
