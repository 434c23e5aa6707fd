//! A cluster of real server processes on loopback, for tests that kill them.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    dead_code,
    reason = "tests of real processes live in the real world; not every test uses all of this"
)]

use std::{
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sisyphus::{
    client::{Client, Connections},
    env::{Clock, machine_rng},
    rpc::proto::etcdserverpb::StatusResponse,
};

/// How long a loaded machine may take for what normally takes a second.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long an endpoint may take to say how it is.
const STATUS_WITHIN: Duration = Duration::from_secs(1);

/// The pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// Server processes, killed when dropped.
pub struct Cluster {
    nodes: Vec<Node>,
    dir: PathBuf,
}

struct Node {
    id: usize,
    peer: String,
    grpc: String,
    http: String,
    /// Whether it is none of the founders.
    joins: bool,
    process: Option<Child>,
}

impl Cluster {
    /// Starts `size` nodes with empty directories. `name` is that of the test.
    pub fn start(name: &str, size: usize) -> Cluster {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        let mut addresses = free_addresses(3 * size).into_iter();
        let mut address = || addresses.next().unwrap();
        let nodes = (1..=size).map(|id| Node {
            id,
            peer: address(),
            grpc: address(),
            http: address(),
            joins: false,
            process: None,
        });
        let nodes = nodes.collect();
        let mut cluster = Cluster { nodes, dir };
        (0..size).for_each(|at| cluster.restart(at));
        cluster
    }

    /// Where the test may put files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where clients reach the nodes.
    pub fn endpoints(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.grpc.clone()).collect()
    }

    /// A client of all nodes that asks this one first.
    pub fn client(&self, prefers: usize) -> Client {
        let connections = Connections::new(&self.endpoints()).unwrap();
        Client::new(connections, PATIENCE, Clock::system(), machine_rng()).preferring(prefers)
    }

    /// A new place for a node that is to join. Nothing is started. Answers where it is.
    pub fn make_room(&mut self) -> usize {
        let mut addresses = free_addresses(3).into_iter();
        let mut address = || addresses.next().unwrap();
        self.nodes.push(Node {
            id: self.nodes.len() + 1,
            peer: address(),
            grpc: address(),
            http: address(),
            joins: true,
            process: None,
        });
        self.nodes.len() - 1
    }

    /// Where the other members reach a node.
    pub fn peer(&self, at: usize) -> &str {
        &self.nodes[at].peer
    }

    /// Starts a node's process on the directory it has.
    pub fn restart(&mut self, at: usize) {
        let founders = self.nodes.iter().filter(|node| !node.joins);
        let members = founders.map(|node| {
            let Node {
                id,
                peer,
                grpc,
                http,
                ..
            } = node;
            format!("{id}={peer},{grpc},{http}")
        });
        let members = members.collect::<Vec<_>>().join(";");
        let endpoints = self.endpoints().join(",");
        let node = &mut self.nodes[at];
        let log = File::options()
            .create(true)
            .append(true)
            .open(log_file(&self.dir, node.id))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sisyphus"));
        match node.joins {
            true => command
                .args(["serve", "--name", &format!("node-{}", node.id)])
                .args([
                    "--advertise",
                    &[&*node.peer, &node.grpc, &node.http].join(","),
                ])
                .args(["--join", &endpoints]),
            false => command
                .args(["serve", "--member", &members])
                .args(["--node", &node.id.to_string()]),
        };
        let process = command
            .arg("--data-dir")
            .arg(self.dir.join(format!("data-{}", node.id)))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn();
        node.process = Some(process.unwrap());
    }

    /// Ends a node's process as `kill -9` does.
    pub fn kill(&mut self, at: usize) {
        let mut process = self.nodes[at].process.take().expect("the node runs");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Loses a node's disk, and kills it first if it runs.
    pub fn wipe(&mut self, at: usize) {
        if self.nodes[at].process.is_some() {
            self.kill(at);
        }
        fs::remove_dir_all(self.dir.join(format!("data-{}", self.nodes[at].id))).unwrap();
    }

    /// Waits until a node's process ends by itself. Answers with which code.
    pub async fn ended(&mut self, at: usize) -> Option<i32> {
        let began = Instant::now();
        let process = self.nodes[at].process.as_mut().expect("the node runs");
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                self.nodes[at].process = None;
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "the node goes on");
            Clock::system().sleep(POLL).await;
        }
    }

    /// What a node has logged.
    pub fn log(&self, at: usize) -> String {
        fs::read_to_string(log_file(&self.dir, self.nodes[at].id)).unwrap()
    }

    /// The places of the nodes that run.
    pub fn running(&self) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes
            .filter(|(_, node)| node.process.is_some())
            .map(|(at, _)| at)
            .collect()
    }

    /// What every running node says of itself; nothing if one does not answer.
    pub async fn statuses(&self) -> Option<Vec<StatusResponse>> {
        let connections = Connections::new(&self.endpoints()).unwrap();
        let mut statuses = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            if node.process.is_some() {
                statuses.push(connections.status(at, STATUS_WITHIN).await.ok()?);
            }
        }
        Some(statuses)
    }

    /// Waits until all running nodes name the same leader. Answers its place.
    pub async fn leader(&self) -> usize {
        let began = Instant::now();
        loop {
            let statuses = self.statuses().await.unwrap_or_default();
            let leader = statuses.first().map_or(0, |status| status.leader);
            let agreed = leader != 0 && statuses.iter().all(|status| status.leader == leader);
            let is_leader = |status: &StatusResponse| {
                status.header.map(|header| header.member_id) == Some(leader)
            };
            let at = statuses.iter().position(is_leader);
            if let Some(at) = at.filter(|_| agreed) {
                return self.running()[at];
            }
            assert!(began.elapsed() < PATIENCE, "no leader: {statuses:?}");
            Clock::system().sleep(POLL).await;
        }
    }

    /// Waits until all running nodes have applied the same entries.
    pub async fn caught_up(&self) {
        let began = Instant::now();
        loop {
            let statuses = self.statuses().await.unwrap_or_default();
            let applied = statuses.first().map(|status| status.raft_applied_index);
            let same = |status: &StatusResponse| {
                Some(status.raft_applied_index) == applied && Some(status.raft_index) == applied
            };
            if applied.is_some() && statuses.iter().all(same) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "nodes lag: {statuses:?}");
            Clock::system().sleep(POLL).await;
        }
    }

    /// `sicli`, with the cluster's endpoints.
    pub fn sicli(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sicli"));
        command.args(["--endpoints", &self.endpoints().join(",")]);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            if let Some(process) = &mut node.process {
                let _ = process.kill();
                let _ = process.wait();
            }
            if std::thread::panicking() {
                let log = fs::read_to_string(log_file(&self.dir, node.id)).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(20).collect();
                eprintln!("the log of node {} ended with:", node.id);
                tail.iter().rev().for_each(|line| eprintln!("  {line}"));
            }
        }
    }
}

fn log_file(dir: &Path, id: usize) -> PathBuf {
    dir.join(format!("node-{id}.log"))
}

/// Ports that the system does not give to outgoing connections: between a test's choice and the
/// server's use, and while a killed server is down, nobody else comes by one.
const PORTS: std::ops::RangeInclusive<u64> = 10_000..=32_000;

/// Addresses on loopback that nobody uses now. Each was bound while the others were, so they
/// differ.
fn free_addresses(count: usize) -> Vec<String> {
    let mut rng = machine_rng();
    let mut listeners = Vec::new();
    while listeners.len() < count {
        let port = rng.between(*PORTS.start(), *PORTS.end());
        listeners.extend(TcpListener::bind(("127.0.0.1", port as u16)));
    }
    let addresses = listeners.iter().map(TcpListener::local_addr);
    addresses
        .map(|address| address.unwrap().to_string())
        .collect()
}
