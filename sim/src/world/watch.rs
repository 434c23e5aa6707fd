//! The world's eyes in a process: the product's observer and the disk's hook.

use std::sync::{Arc, Weak};

use sisyphus::{
    node::{Event, Observer},
    types::{NodeId, ShardId},
};

use super::World;
use crate::disk::Hook;

/// The observer of one process. What a process says after its death does not count.
pub(super) struct Watch {
    world: Weak<World>,
    incarnation: u64,
}

impl Watch {
    pub fn new(world: &Arc<World>, incarnation: u64) -> Self {
        Watch {
            world: Arc::downgrade(world),
            incarnation,
        }
    }
}

impl Observer for Watch {
    fn event(&self, node: NodeId, shard: ShardId, event: Event<'_>) {
        let Some(world) = self.world.upgrade() else {
            return;
        };
        if !world.is_alive(node, self.incarnation) {
            return;
        }
        let now = world.now_us();
        let (struck, looked_at) = {
            let mut hub = world.hub.lock();
            let struck = hub.replica(now, node, shard, &event);
            (struck, hub.looks_at(&event))
        };
        if let Some(part) = looked_at {
            world.look(node, part);
        }
        for fault in struck {
            world.strike(fault, Some(node));
        }
    }
}

/// The hook of a node's disk. Dead processes do not reach the disk, so they are not heard here.
pub(super) fn disk_hook(world: Weak<World>, node: NodeId) -> Hook {
    Arc::new(move |event, path| {
        let Some(world) = world.upgrade() else {
            return;
        };
        let now = world.now_us();
        let struck = world.hub.lock().disk(now, node, event, path);
        for fault in struck {
            world.strike(fault, Some(node));
        }
    })
}
