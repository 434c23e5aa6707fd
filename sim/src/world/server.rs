//! A server's process: the product, as `sisyphus serve` puts it together, on simulated doors.

use std::{future::pending, net::SocketAddr, sync::Arc};

use sisyphus::{
    env::{Clock, Inbound},
    gateway::Gateway,
    machine::Members,
    node::{Host, Settings, World as Doors},
    rpc::proto::etcdserverpb::kv_server::KvServer,
    service::grpc::{Face, KvService},
    types::NodeId,
};

use super::{World, watch::Watch};
use crate::{
    draw::{Stream, draw},
    oracle::Violation,
};

/// The id of every simulated cluster.
const CLUSTER: u64 = 7;

/// A process's own randomness.
const NODE: Stream = Stream::new("node");

/// Where clients find `node`.
pub(crate) fn address(node: NodeId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node.0 as u8], 9_000))
}

/// Creates `node`; its process starts.
pub(super) fn start(world: &Arc<World>, node: NodeId) {
    world.begin_life(node);
    let theirs = world.clone();
    let builder = world.handle.create_node().name(node.to_string());
    let machine = builder
        .ip(address(node).ip())
        .init(move || run(theirs.clone(), node))
        .build();
    world.life(node, |life| life.machine = Some(machine.id()));
}

/// Runs the process of `node` until it is killed. What it cannot do is an accusation.
pub(super) async fn run(world: Arc<World>, node: NodeId) {
    let incarnation = world.incarnation(node);
    let clock = Clock::system();
    let (offset_ms, drift_ppm) = world.life(node, |life| {
        life.clock = Some(clock.clone());
        life.bend
    });
    clock.bend(offset_ms, drift_ppm);
    let doors = Doors {
        disk: world.drives[&node].boot(),
        transport: world.net.boot(node),
        clock: clock.clone(),
        rng: draw(world.seed.get(), NODE.of(node), incarnation),
        observer: Some(Arc::new(Watch::new(&world, incarnation))),
    };
    let settings = Settings {
        cluster: CLUSTER,
        node,
        name: node.to_string(),
        // Told apart by the streams between servers, which do not exist here.
        mark: 0,
        founders: world.founders(node),
        limits: world.limits(node),
    };
    match Host::start(settings, doors).await {
        Ok(host) => serve(&world, node, incarnation, host, clock).await,
        Err(error) if !world.excuses(node, &error.to_string()) => {
            let what = format!("{node} refuses to start: {error}");
            world.accuse(Violation::new("PAN", what));
        }
        Err(_) => {}
    }
    pending().await
}

impl World {
    /// Whom the log of `node` begins with: nobody on a node that came later.
    fn founders(&self, node: NodeId) -> Members {
        match node.0 <= self.plan.nodes {
            true => Members::nameless(self.plan.node_ids()),
            false => Members::default(),
        }
    }
}

async fn serve(world: &Arc<World>, node: NodeId, incarnation: u64, host: Host, clock: Clock) {
    // A fault may have struck in the last step of the start.
    if !world.is_alive(node, incarnation) {
        return;
    }
    let inbound: Arc<dyn Inbound> = Arc::new(host.clone());
    world.life(node, |life| life.host = Some(host.clone()));
    world.net.attach(node, inbound);
    let limits = &world.limits(node);
    let failure = host.failure();
    let gateway = Gateway::new(host, clock, limits.clone());
    let face = Face::new(gateway, CLUSTER, node, limits);
    let kv = KvServer::new(KvService::new(face));
    let serving = tonic::transport::Server::builder()
        .add_service(kv)
        .serve(address(node));
    let trouble = tokio::select! {
        biased;
        reason = failure.wait() => format!("{node} has stopped serving: {reason}"),
        Err(error) = serving => format!("{node} cannot serve: {error}"),
    };
    if !world.excuses(node, &trouble) {
        world.accuse(Violation::new("PAN", trouble));
    }
}
