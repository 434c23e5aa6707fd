//! One node of the product: its host, its peers and its faces, put together and taken apart.

use std::{
    convert::Infallible,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{http::Uri, response::Response, serve::ListenerExt};
use tokio::net::TcpListener;
use tonic::{
    Status,
    body::Body,
    codegen::{Service, http},
    service::Routes,
    transport::{Server as GrpcServer, server::TcpIncoming},
};
use tonic_health::pb::health_server::{Health, HealthServer};

use super::{
    entry::entry,
    front::Front,
    grpc::{ClusterService, Face, KvService, MaintenanceService},
    health,
    http::App,
    listen::{Addresses, Listeners},
    metrics::Metrics,
    presence::{Presence, me, recall_members, settings},
    start_error::StartError,
};
use crate::{
    config::Config,
    env::{
        Clock, Disk, OsDisk, machine_rng,
        task::{JoinHandle, Tasks, spawn, timeout, watch},
    },
    gateway::Gateway,
    node::{Failure, Host, World},
    rpc::{
        Directory,
        peers::{Incoming, KEEP_ALIVE, Outgoing},
        proto::etcdserverpb::{
            cluster_server::ClusterServer, kv_server::KvServer,
            maintenance_server::MaintenanceServer,
        },
    },
    types::NodeId,
};

/// How long another node has to take over from a leader that is told to stop. An attempt of Raft's own
/// ends after an election timeout.
const RESIGN_WITHIN: Duration = Duration::from_secs(2);

/// How long requests under way have to end when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// How long the tasks of a node that was stopped have to let go of its data directory.
const RELEASE_WITHIN: Duration = Duration::from_secs(2);

/// What a gRPC message may weigh beyond two of the largest values: keys, many small operations.
/// Larger ones are refused by the transport; up to here, by name of the field that is too large.
const MESSAGE_BYTES_BESIDE: usize = 2 << 20;

/// Calls that one client connection may have under way.
const STREAMS_MAX: u32 = 4_096;

/// What a peer or client may send before it hears that it was read, for one stream and for a
/// connection. The protocol's own 64 KiB would make every large value wait for the line.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A running node. Dropping it without [`Server::stop`] ends it like a crash.
pub struct Server {
    node: NodeId,
    addresses: Addresses,
    gateway: Gateway,
    host: Host,
    /// What clients see of it.
    clients: Doors,
    /// What peers see of it. They are heard until the last client has its answer, which may come
    /// from them.
    peers: Doors,
    tasks: Tasks,
    disk: Weak<dyn Disk>,
}

/// Listeners that close together.
struct Doors {
    close: watch::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
}

impl Server {
    /// Listens, recovers what is on disk, and serves.
    pub async fn start(config: Config) -> Result<Server, StartError> {
        config.check()?;
        let listeners = Listeners::bind(&config).await?;
        Server::start_on(config, listeners).await
    }

    /// Recovers and serves on sockets that are already listening.
    pub async fn start_on(config: Config, listeners: Listeners) -> Result<Server, StartError> {
        let clock = Clock::system();
        let metrics = Arc::new(Metrics::new(clock.clone()));
        let disk = metrics.watch(Arc::new(OsDisk::open(&config.data_dir)?));
        let weak = Arc::downgrade(&disk);
        let entry = entry(&config, disk.as_ref(), &clock, &machine_rng()).await?;
        let directory = Directory::new(me(&config, &entry));
        let world = World {
            disk,
            transport: Arc::new(Outgoing::start(&directory, &clock)),
            clock: clock.clone(),
            rng: machine_rng(),
            observer: None,
        };
        let host = Host::start(settings(&config, &entry), world)
            .await
            .map_err(|error| {
                let dir = config.data_dir.display().to_string();
                StartError::Node { dir, error }
            })?;
        recall_members(&host, &directory);
        let gateway = Gateway::new(host.clone(), clock.clone(), config.limits.clone());
        metrics.show(gateway.clone());

        let (close_clients, stopping) = watch::channel(false);
        let (close_peers, parting) = watch::channel(false);
        let addresses = listeners.addresses();
        let Listeners { peer, grpc, http } = listeners;
        let inbound = Arc::new(host.clone());
        let incoming = Routes::new(Incoming::service(
            directory.clone(),
            inbound,
            parting.clone(),
        ))
        .prepare();
        let app = App::new(gateway.clone(), metrics.clone(), &config.limits);
        let mut tasks = Tasks::default();
        let presence = Presence {
            host: host.clone(),
            gateway: gateway.clone(),
            directory,
            config: config.clone(),
            entry: entry.clone(),
            clock: clock.clone(),
            rng: machine_rng(),
        };
        presence.begin(&mut tasks);
        let health = health::service(&mut tasks, gateway.clone(), clock, stopping.clone());
        let clients = client_services(&config, entry.node, &gateway, metrics, health);
        let peers = Doors {
            close: close_peers,
            serving: vec![spawn(serve_grpc("peers", peer, incoming, parting))],
        };
        let clients = Doors {
            close: close_clients,
            serving: vec![
                spawn(serve_grpc("gRPC", grpc, clients, stopping.clone())),
                spawn(serve_http(http, app, stopping)),
            ],
        };
        tracing::info!(node = entry.node.0, cluster = config.cluster, %addresses, "serving");
        Ok(Server {
            node: entry.node,
            addresses,
            gateway,
            host,
            clients,
            peers,
            tasks,
            disk: weak,
        })
    }

    /// Which member the node is.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Where the node listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The way to the store, without a protocol between.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Where it shows if the node breaks.
    pub fn failure(&self) -> Failure {
        self.host.failure()
    }

    /// Stops: hands leadership over, takes no more requests, lets those under way end, within a
    /// bound, and lets go of the data directory. Nothing that was acknowledged needs this: it is on disk already.
    pub async fn stop(self) {
        let Server {
            gateway,
            host,
            clients,
            peers,
            disk,
            tasks,
            ..
        } = self;
        let clock = Clock::system();
        // Before the faces close, so that requests meanwhile find their way to the next leader.
        if timeout(RESIGN_WITHIN, host.resign()).await.is_err() {
            tracing::warn!("nobody took over within {RESIGN_WITHIN:?}: stopping as the leader");
        }
        clients.close(&clock).await;
        peers.close(&clock).await;
        host.stop();
        drop((host, gateway, tasks));
        if timeout(RELEASE_WITHIN, released(disk, &clock))
            .await
            .is_err()
        {
            tracing::warn!("the data directory is still in use: a connection stays open");
        }
    }
}

impl Doors {
    /// Takes nothing more, and lets what is under way end, until [`STOP_WITHIN`] by a clock that began
    /// with the stop.
    async fn close(self, clock: &Clock) {
        self.close.send_replace(true);
        for door in self.serving {
            let left = STOP_WITHIN.saturating_sub(Duration::from_micros(clock.now_us()));
            let abort = door.abort_handle();
            if timeout(left, door).await.is_err() {
                tracing::warn!("requests were under way after {STOP_WITHIN:?}: cut off");
                abort.abort();
            }
        }
    }
}

/// Waits until nobody holds the disk. Aborted tasks let go of what they hold when they are polled
/// for the last time, which nothing tells of.
async fn released(disk: Weak<dyn Disk>, clock: &Clock) {
    while disk.strong_count() > 0 {
        clock.sleep(Duration::from_millis(1)).await;
    }
}

/// The services of clients, measured.
fn client_services(
    config: &Config,
    node: NodeId,
    gateway: &Gateway,
    metrics: Arc<Metrics>,
    health: HealthServer<impl Health>,
) -> Front {
    let face = Face::new(gateway.clone(), config.cluster_id(), node, &config.limits);
    let message_bytes = 2 * config.limits.value_bytes_max + MESSAGE_BYTES_BESIDE;
    let kv = KvServer::new(KvService::new(face.clone())).max_decoding_message_size(message_bytes);
    let cluster = ClusterService::new(face.clone());
    let others = Routes::new(ClusterServer::new(cluster))
        .add_service(MaintenanceServer::new(MaintenanceService::new(face)))
        .add_service(health);
    let others = Routes::from(others.into_axum_router().fallback(not_served));
    Front::new(kv, others, metrics)
}

/// The answer to a method that etcd has and we do not, which should not look like a broken server.
async fn not_served(uri: Uri) -> Response {
    let method = uri.path();
    Status::unimplemented(format!("etcdserver: {method} is not served")).into_http()
}

async fn serve_grpc<S>(
    face: &'static str,
    listener: TcpListener,
    services: S,
    stopping: watch::Receiver<bool>,
) where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let served = GrpcServer::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS_MAX)
        .serve_with_incoming_shutdown(
            services,
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stopped(stopping),
        )
        .await;
    if let Err(error) = served {
        tracing::error!("{face} ended: {error}");
    }
}

async fn serve_http(listener: TcpListener, app: App, stopping: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        // Without it small answers would wait for company; where it cannot be set, they do.
        let _ = stream.set_nodelay(true);
    });
    let served = axum::serve(listener, app.router())
        .with_graceful_shutdown(stopped(stopping))
        .await;
    if let Err(error) = served {
        tracing::error!("HTTP ended: {error}");
    }
}

/// Waits for the word to stop, or for nobody being left to give it.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}
