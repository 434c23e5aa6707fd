//! What Prometheus scrapes.
//!
//! Three sources, one registry per node (several nodes may live in one process):
//!
//! * *counted as it happens*: requests and their latencies, by what stands around the faces
//!   ([`Metrics::measure_http`], [`Metrics::measured_grpc`]), and syncs by a disk that wraps the real
//!   one ([`Metrics::watch`]);
//! * *asked at the scrape*: everything the node knows of itself anyway (`state`), so that no number
//!   here can be older than the scrape or differ from `/v1/status`;
//! * *constants*: the version.
//!
//! Names: ours begin with `sisyphus_` and carry their unit. `raft_current_term`,
//! `raft_commit_index`, `raft_state` (0 follower, 1 candidate, 2 leader), `raft_leader` (the leader's
//! number, 0 for none), `kv_level_file_count`, `kv_level_size_bytes`, `http_requests_total` and
//! `http_request_duration_seconds` are kept from the first version of this system, whose dashboards
//! know them.
//!
//! Labels have few values by construction: routes and methods that exist, never what a client
//! wrote.
//!
//! Left out: labels for the node and the cluster, which the scraper adds from its targets.

mod disk;
mod requests;
mod state;

use std::sync::Arc;

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use self::{
    disk::WatchedDisk,
    requests::{HttpLabels, HttpTime, Labels},
};
use crate::{
    env::{Clock, Disk},
    gateway::Gateway,
};

/// Upper ends of the buckets of latencies, in seconds: from a read out of memory to a deadline.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5,
    1.0, 2.5, 5.0,
];

/// The metrics of one node.
#[derive(Debug)]
pub struct Metrics {
    registry: parking_lot::RwLock<Registry>,
    clock: Clock,
    requests: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    http_requests: Family<HttpLabels, Counter>,
    http_seconds: Family<HttpTime, Histogram, fn() -> Histogram>,
    syncs: Histogram,
}

impl Metrics {
    /// Metrics that measure by `clock`.
    pub fn new(clock: Clock) -> Self {
        let mut registry = Registry::default();
        let metrics = Metrics {
            clock,
            requests: Family::default(),
            seconds: Family::new_with_constructor(latencies),
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(latencies),
            syncs: latencies(),
            registry: parking_lot::RwLock::default(),
        };
        registry.register(
            "sisyphus_requests",
            "Requests answered, by face, operation and result (ok, refused, failed)",
            metrics.requests.clone(),
        );
        registry.register(
            "sisyphus_request_duration_seconds",
            "From a request's arrival to its answer",
            metrics.seconds.clone(),
        );
        registry.register(
            "http_requests",
            "HTTP requests answered",
            metrics.http_requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "From an HTTP request's arrival to its answer",
            metrics.http_seconds.clone(),
        );
        registry.register(
            "sisyphus_sync_duration_seconds",
            "What waits for the disk to be sure: one for each batch of the log, and for tables",
            metrics.syncs.clone(),
        );
        *metrics.registry.write() = registry;
        metrics
    }

    /// Shows the state of this node at every scrape.
    pub fn show(&self, gateway: Gateway) {
        self.registry
            .write()
            .register_collector(Box::new(state::State::new(gateway)));
    }

    /// The same disk, with its syncs measured.
    pub fn watch(&self, disk: Arc<dyn Disk>) -> Arc<dyn Disk> {
        Arc::new(WatchedDisk::new(
            disk,
            self.syncs.clone(),
            self.clock.clone(),
        ))
    }

    /// All of it, in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut out = String::new();
        encode(&mut out, &self.registry.read()).expect("a string takes everything");
        out
    }

    /// Now, on the metrics' clock.
    pub fn now_us(&self) -> u64 {
        self.clock.now_us()
    }

    /// Seconds since `began_us` on the metrics' clock.
    fn since(&self, began_us: u64) -> f64 {
        (self.clock.now_us() - began_us) as f64 / 1e6
    }
}

fn latencies() -> Histogram {
    Histogram::new(SECONDS)
}
