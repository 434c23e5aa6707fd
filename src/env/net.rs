//! Frames between peers.

use bytes::Bytes;

use crate::types::NodeId;

/// What a frame may wait behind: nothing but frames of its own lane.
///
/// A transport that has lanes keeps the order within one and promises nothing between two; the
/// contract of [`Transport`] allows for that, so it need not have any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Small frames that somebody's patience depends on: heartbeats, votes, acknowledgements.
    Urgent,
    /// Entries and commands: up to megabytes, and clients wait for them.
    Bulk,
    /// Pieces of snapshots: gigabytes, and nobody waits for one in particular.
    Snapshot,
}

impl Lane {
    /// All lanes, the most urgent one first.
    pub const ALL: [Lane; 3] = [Lane::Urgent, Lane::Bulk, Lane::Snapshot];
}

/// The way out: everything that can be lost or reordered between nodes goes through here.
///
/// The contract is that of datagrams: a frame may be dropped, delayed, duplicated, or overtaken by
/// a later one; it is never split, joined or altered. Whoever sends must live with it.
pub trait Transport: Send + Sync + 'static {
    /// Sends without waiting. A full lane, an unknown peer or a broken link drops the frame.
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes);
}

/// The way in: what a transport calls for every frame that arrives.
pub trait Inbound: Send + Sync + 'static {
    /// Takes a frame without waiting; a receiver that is too busy drops it.
    fn deliver(&self, from: NodeId, frame: Bytes);
}
