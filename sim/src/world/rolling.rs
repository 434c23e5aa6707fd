//! What operators and crowds do while the servers run: other limits, further clients.

use std::{sync::Arc, time::Duration};

use sisyphus::{config::Limits, types::NodeId};

use super::World;
use crate::{client::Client, plan::CLIENTS_MAX};

/// How long a server is down for new limits, in milliseconds.
const DOWN_MS: u64 = 5;

/// How long the next one waits for it, in milliseconds.
const SETTLE_MS: u64 = 100;

impl World {
    /// Starts these nodes again with other limits, one after the other.
    pub(super) async fn reconfigure(self: Arc<Self>, nodes: Vec<NodeId>, limits: Limits) {
        for node in nodes {
            if self.is_healed() || !self.is_present(node) {
                return;
            }
            self.life(node, |life| life.limits = Some(limits.clone()));
            self.hold_down(node);
            tokio::time::sleep(Duration::from_millis(DOWN_MS)).await;
            self.let_up(node);
            tokio::time::sleep(Duration::from_millis(SETTLE_MS)).await;
        }
    }

    /// The limits that `node` runs with.
    pub(super) fn limits(&self, node: NodeId) -> Limits {
        let own = self.life(node, |life| life.limits.clone());
        own.unwrap_or_else(|| self.plan.limits.clone())
    }

    /// Further clients come, and go when each has begun so many operations.
    pub(super) fn burst(self: &Arc<Self>, clients: u64, operations: u64) {
        let mut guests = self.guests.lock();
        for _ in 0..clients {
            guests.count += 1;
            let number = self.plan.workload.clients + guests.count;
            if number > CLIENTS_MAX {
                return;
            }
            let client = Client::new(self.clone(), number);
            let machine = self.client_node(number);
            guests
                .tasks
                .push(machine.spawn(client.run_through(operations)));
        }
    }
}
