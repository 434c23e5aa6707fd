//! The standard gRPC health service: serving while this node knows a leader and is not broken.

use std::time::Duration;

use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::{HealthReporter, health_reporter},
};

use crate::{
    env::{
        Clock,
        task::{Tasks, select, watch},
    },
    gateway::Gateway,
};

/// How often the node is looked at. A change shows no later than this.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The services that are reported on: the whole node, and the one that matters to clients.
const SERVICES: [&str; 2] = ["", "etcdserverpb.KV"];

/// The service, and among `tasks` one that keeps it true. From `stopping` on, nothing serves.
pub(super) fn service(
    tasks: &mut Tasks,
    gateway: Gateway,
    clock: Clock,
    stopping: watch::Receiver<bool>,
) -> HealthServer<impl Health> {
    let (reporter, service) = health_reporter();
    tasks.spawn(follow(reporter, gateway, clock, stopping));
    service
}

async fn follow(
    reporter: HealthReporter,
    gateway: Gateway,
    clock: Clock,
    mut stopping: watch::Receiver<bool>,
) {
    let mut told = None;
    loop {
        let serving = serves(&gateway);
        if told != Some(serving) {
            tell(&reporter, serving).await;
            told = Some(serving);
        }
        let stops = select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => true,
            () = clock.sleep(LOOK_EVERY) => false,
        };
        if stops {
            return tell(&reporter, false).await;
        }
    }
}

fn serves(gateway: &Gateway) -> bool {
    let status = gateway.status();
    status.failure.is_none()
        && status
            .shards
            .iter()
            .all(|shard| shard.raft.leader.is_some())
}

async fn tell(reporter: &HealthReporter, serving: bool) {
    let status = match serving {
        true => ServingStatus::Serving,
        false => ServingStatus::NotServing,
    };
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
