//! Real nodes on loopback, each with a directory that goes when the test ends.

#![expect(clippy::disallowed_methods, reason = "tests clean up after themselves")]

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sisyphus::{
    config::{Config, Limits, Listen, Member},
    service::{Addresses, Listeners, Server},
    types::NodeId,
};

/// Long enough for a loaded machine; nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A directory of its own under cargo's.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "faces-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to cargo clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The configuration of one member of a cluster of `count` on loopback, on ports that are drawn
/// when it listens.
pub fn config(node: u64, count: u64, dir: &Path) -> Config {
    let any = || "127.0.0.1:0".to_owned();
    let member = |id| Member {
        id: NodeId(id),
        name: format!("node-{id}"),
        peer: any(),
        grpc: any(),
        http: any(),
    };
    Config {
        cluster: "test".to_owned(),
        node: NodeId(node),
        name: None,
        advertise: None,
        join: Vec::new(),
        data_dir: dir.join(node.to_string()),
        log: "off".to_owned(),
        listen: Listen::default(),
        members: (1..=count).map(member).collect(),
        limits: Limits {
            value_bytes_max: 64 << 10,
            ..Limits::default()
        },
    }
}

/// A cluster of one that serves.
pub struct Alone {
    pub server: Server,
    pub addresses: Addresses,
    pub scratch: Scratch,
}

impl Alone {
    pub async fn start() -> Alone {
        let scratch = Scratch::new();
        let server = Server::start(config(1, 1, scratch.path())).await.unwrap();
        Alone {
            addresses: server.addresses(),
            server,
            scratch,
        }
    }
}

/// A cluster of three that serves.
pub async fn three(scratch: &Scratch) -> Vec<Server> {
    let mut configs: Vec<Config> = (1..=3)
        .map(|node| config(node, 3, scratch.path()))
        .collect();
    let mut sockets = Vec::new();
    for config in &configs {
        sockets.push(Listeners::bind(config).await.unwrap());
    }
    let addresses: Vec<Addresses> = sockets.iter().map(Listeners::addresses).collect();
    for config in &mut configs {
        for (member, address) in config.members.iter_mut().zip(&addresses) {
            member.peer = address.peer.to_string();
            member.grpc = address.grpc.to_string();
            member.http = address.http.to_string();
        }
    }
    let mut servers = Vec::new();
    for (config, sockets) in configs.into_iter().zip(sockets) {
        servers.push(Server::start_on(config, sockets).await.unwrap());
    }
    servers
}
