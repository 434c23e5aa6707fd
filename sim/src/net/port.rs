//! One process's way out.

use std::sync::Arc;

use bytes::Bytes;
use sisyphus::{
    env::{Lane, Transport},
    types::NodeId,
};

use super::fabric::Inner;

/// The transport that a process is handed. It dies with the process.
pub(super) struct Port {
    net: Arc<Inner>,
    node: NodeId,
    incarnation: u64,
}

impl Port {
    pub fn new(net: Arc<Inner>, node: NodeId, incarnation: u64) -> Self {
        Port {
            net,
            node,
            incarnation,
        }
    }
}

impl Transport for Port {
    /// Every frame has a fate of its own here, so no lane can be in another's way.
    fn send(&self, to: NodeId, _lane: Lane, frame: Bytes) {
        self.net.send(self.node, self.incarnation, to, frame);
    }
}
