//! Frames between peers.

use bytes::Bytes;

use crate::types::NodeId;

/// The way out: everything that can be lost or reordered between nodes goes through here.
///
/// The contract is that of datagrams: a frame may be dropped, delayed, duplicated, or overtaken by
/// a later one; it is never split, joined or altered. Whoever sends must live with it.
pub trait Transport: Send + Sync + 'static {
    /// Sends without waiting. A full queue, an unknown peer or a broken link drops the frame.
    fn send(&self, to: NodeId, frame: Bytes);
}

/// The way in: what a transport calls for every frame that arrives.
pub trait Inbound: Send + Sync + 'static {
    /// Takes a frame without waiting; a receiver that is too busy drops it.
    fn deliver(&self, from: NodeId, frame: Bytes);
}
