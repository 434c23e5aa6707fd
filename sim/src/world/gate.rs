//! Who calls whom and who listens to whom: what the product's streams between nodes see to, for frames
//! that travel one by one.
//!
//! A frame leaves a node only for members that its directory has an address of, and is delivered only if the
//! receiver's directory lets the sender in, who says hello with every frame as it were. A sender that is refused
//! for good is told, if its way back is not cut. So a node that has lost its disk and takes itself for who it was
//! is heard by those alone who do not know its mark.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use sisyphus::{
    env::{Inbound, Lane, Transport},
    node::Host,
    rpc::Directory,
    types::NodeId,
};

use super::World;

/// One process's way out.
pub(super) struct Exit {
    pub directory: Directory,
    pub port: Arc<dyn Transport>,
}

impl Transport for Exit {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        if self.directory.calls(to) {
            self.port.send(to, lane, frame);
        }
    }
}

/// One process's way in.
pub(super) struct Entrance {
    pub world: Weak<World>,
    pub node: NodeId,
    pub directory: Directory,
    pub host: Host,
}

impl Inbound for Entrance {
    fn deliver(&self, from: NodeId, frame: Bytes) {
        let Some(world) = self.world.upgrade() else {
            return;
        };
        let caller = world.life(from, |life| life.directory.clone());
        let Some(caller) = caller else {
            return;
        };
        match self.directory.greet(&caller.hello(self.node)) {
            Ok(from) => self.host.deliver(from, frame),
            Err(refused) if refused.for_good && !world.net.is_cut(self.node, from) => {
                caller.tell_to_leave(&refused.reason);
            }
            Err(_) => {}
        }
    }
}
