//! A server's process: the product, as `sisyphus serve` puts it together, on simulated doors. It finds out
//! by itself which member it is.

use std::{future::pending, sync::Arc};

use sisyphus::{
    env::{Clock, task::Tasks},
    gateway::Gateway,
    node::{Host, World as Doors},
    rng::Rng,
    rpc::{
        Directory,
        proto::etcdserverpb::{cluster_server::ClusterServer, kv_server::KvServer},
    },
    service::{
        Entry, Presence, StartError, entry,
        grpc::{ClusterService, Face, KvService},
        me, recall_members, settings,
    },
    types::NodeId,
};

use super::{
    World,
    gate::{Entrance, Exit},
    homes::{Lodging, address_of},
    watch::Watch,
};
use crate::draw::{Stream, draw};

/// A process's own randomness.
const NODE: Stream = Stream::new("node");

/// Creates a machine, with `node` on it; its process starts.
pub(super) fn start(world: &Arc<World>, node: NodeId, lodging: Lodging) {
    world.begin_life(node, lodging);
    // The world has the machines, and is not to be kept by them.
    let theirs = Arc::downgrade(world);
    let builder = world.handle.create_node().name(node.to_string());
    let machine = builder
        .ip(address_of(node).ip())
        .init(move || {
            let world = theirs.upgrade().expect("processes end before their world");
            run(world, node)
        })
        .build();
    world.life(node, |life| life.machine = Some(machine.id()));
}

/// A process as it starts.
struct Process {
    world: Arc<World>,
    node: NodeId,
    incarnation: u64,
    clock: Clock,
    rng: Rng,
}

/// Runs the process on the machine `home` until it is killed. What it cannot do is an accusation.
async fn run(world: Arc<World>, home: NodeId) {
    let node = world.occupant(home);
    let incarnation = world.incarnation(node);
    let clock = Clock::system();
    let (offset_ms, drift_ppm) = world.life(node, |life| {
        life.clock = Some(clock.clone());
        life.bend
    });
    clock.bend(offset_ms, drift_ppm);
    let rng = draw(world.seed.get(), NODE.of(node), incarnation);
    let process = Process {
        world,
        node,
        incarnation,
        clock,
        rng,
    };
    process.run().await;
    pending().await
}

impl Process {
    async fn run(mut self) {
        let config = self.world.config(self.node);
        let disk = self.world.drives[&self.node].boot();
        let entry = entry(&config, disk.as_ref(), &self.clock, &self.rng.fork("entry")).await;
        if !self.world.is_alive(self.node, self.incarnation) {
            return;
        }
        match entry {
            Ok(entry) => {
                self.become_member(entry.node);
                self.serve(config, entry).await;
            }
            Err(StartError::Unknown(_) | StartError::Join { .. }) => {
                self.world.start_later(self.node);
            }
            Err(error) => self.give_up(&format!("refuses to start: {error}")),
        }
    }

    /// The process is this member's, whoever it was taken for.
    fn become_member(&mut self, node: NodeId) {
        if node != self.node && self.world.move_in(self.node, node) {
            self.node = node;
            self.incarnation = self.world.incarnation(node);
        }
    }

    async fn serve(self, config: sisyphus::config::Config, entry: Entry) {
        let (world, node) = (&self.world, self.node);
        let directory = Directory::new(me(&config, &entry));
        world.life(node, |life| life.directory = Some(directory.clone()));
        let doors = Doors {
            disk: world.drives[&node].boot(),
            transport: Arc::new(Exit {
                directory: directory.clone(),
                port: world.net.boot(node),
            }),
            clock: self.clock.clone(),
            rng: self.rng.fork("host"),
            observer: Some(Arc::new(Watch::new(world, self.incarnation))),
        };
        let host = match Host::start(settings(&config, &entry), doors).await {
            Ok(host) => host,
            Err(error) => return self.give_up(&format!("refuses to start: {error}")),
        };
        // A fault may have struck in the last step of the start.
        if !world.is_alive(node, self.incarnation) {
            return;
        }
        recall_members(&host, &directory);
        world.life(node, |life| life.host = Some(host.clone()));
        let entrance = Entrance {
            world: Arc::downgrade(world),
            node,
            directory: directory.clone(),
            host: host.clone(),
        };
        world.net.attach(node, Arc::new(entrance));
        let gateway = Gateway::new(host.clone(), self.clock.clone(), config.limits.clone());
        let face = Face::new(gateway.clone(), config.cluster_id(), node, &config.limits);
        let presence = Presence {
            host: host.clone(),
            gateway,
            directory,
            config,
            entry,
            clock: self.clock.clone(),
            rng: self.rng.fork("presence"),
        };
        let mut tasks = Tasks::default();
        presence.begin(&mut tasks);
        let failure = host.failure();
        drop(host);
        let service = KvService::new(face.clone());
        world.life(node, |life| life.service = Some(Arc::new(service.clone())));
        let serving = tonic::transport::Server::builder()
            .add_service(KvServer::new(service))
            .add_service(ClusterServer::new(ClusterService::new(face)))
            .serve(world.address(node));
        let trouble = tokio::select! {
            biased;
            reason = failure.wait() => format!("has stopped serving: {reason}"),
            Err(error) = serving => format!("cannot serve: {error}"),
        };
        world.life(node, |life| life.service.take());
        self.give_up(&trouble);
    }

    /// The process cannot go on.
    fn give_up(&self, trouble: &str) {
        self.world.give_up(self.node, trouble);
    }
}
