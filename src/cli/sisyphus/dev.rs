//! `sisyphus dev`: a cluster in one process.

use std::path::PathBuf;

use clap::Args;

use super::{
    Ended,
    run::{Numbered, log, until_told},
};
use crate::{
    config::{Config, Limits, Listen, Member},
    service::{Listeners, Server, StartError},
    types::NodeId,
};

/// Node n listens on these plus n: HTTP, gRPC, peers.
const PORTS: [u16; 3] = [8_000, 9_000, 5_000];

/// The arguments of `dev`.
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// Where data is kept: a directory in it for each node
    #[arg(
        long,
        env = "SISYPHUS_DATA_DIR",
        default_value = "data",
        value_name = "DIR"
    )]
    data_dir: PathBuf,
    /// How many nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=7))]
    nodes: u64,
    /// Added to all ports: 8001.. for HTTP, 9001.. for gRPC, 5001.. for peers
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=50_000))]
    port_offset: u16,
    /// What is logged: a level, or target=level,…
    #[arg(
        long,
        env = "SISYPHUS_LOG",
        default_value = "warn",
        value_name = "FILTER"
    )]
    log: String,
}

impl Dev {
    /// Serves until told to stop.
    pub(super) async fn run(self) -> Result<(), Ended> {
        log(&self.log)?;
        until_told(self.start()).await
    }

    async fn start(&self) -> Result<Vec<Numbered>, Ended> {
        let mut bound = Vec::new();
        // All sockets first: a port in use is said before anything is started or written.
        for node in 1..=self.nodes {
            let config = self.config(node);
            let listeners = Listeners::bind(&config).await.map_err(offset_remedy)?;
            bound.push((config, listeners));
        }
        let mut servers = Vec::new();
        for (config, listeners) in bound {
            let (dir, addresses) = (config.data_dir.display().to_string(), listeners.addresses());
            let server = Server::start_on(config, listeners).await?;
            let node = server.node().0;
            servers.push((node, server));
            println!("node {node}: {addresses} data {dir}");
        }
        println!("ready; try `sicli put hello world` and `sicli get hello`; ctrl-c stops");
        Ok(servers)
    }

    fn config(&self, node: u64) -> Config {
        Config {
            cluster: "dev".to_owned(),
            node: NodeId(node),
            name: None,
            advertise: None,
            join: Vec::new(),
            data_dir: self.data_dir.join(node.to_string()),
            log: self.log.clone(),
            listen: Listen::default(),
            members: (1..=self.nodes).map(|id| self.member(id)).collect(),
            limits: Limits::default(),
        }
    }

    fn member(&self, id: u64) -> Member {
        let [http, grpc, peer] =
            PORTS.map(|base| format!("127.0.0.1:{}", base + self.port_offset + id as u16));
        Member {
            id: NodeId(id),
            name: format!("node-{id}"),
            peer,
            grpc,
            http,
        }
    }
}

/// `dev` has no flag for a single address.
fn offset_remedy(error: StartError) -> StartError {
    match error {
        StartError::Listen {
            face,
            address,
            reason,
            ..
        } => {
            let remedy = "stop the program that listens there (another `sisyphus dev`?), \
                          or move all ports with --port-offset NUMBER"
                .to_owned();
            StartError::Listen {
                face,
                address,
                reason,
                remedy,
            }
        }
        other => other,
    }
}
