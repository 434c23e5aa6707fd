//! The cluster itself: real nodes on disks in memory, joined by a network that is a map.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use sisyphus::{
    config::Limits,
    env::{Clock, Inbound, Lane, MemDisk, Transport},
    gateway::{Consistency, Gateway},
    machine::{KeyRange, Members, Op, Query, RangeEnd, Txn},
    node::{Host, Settings, StartError, World},
    rng::Rng,
    types::NodeId,
};

use crate::stalling::Stalling;

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The nodes that run, by id: who is not in the map is not reached.
#[derive(Clone, Default)]
pub struct Net {
    pub nodes: Arc<Mutex<BTreeMap<NodeId, Host>>>,
}

/// One node's way into the net.
struct Port {
    from: NodeId,
    pub net: Net,
}

impl Transport for Port {
    fn send(&self, to: NodeId, _lane: Lane, frame: Bytes) {
        let host = self.net.nodes.lock().get(&to).cloned();
        // A node that was taken off the net can no longer speak either.
        if self.net.nodes.lock().contains_key(&self.from)
            && let Some(host) = host
        {
            host.deliver(self.from, frame);
        }
    }
}

pub struct Cluster {
    pub net: Net,
    pub limits: Limits,
    pub disks: BTreeMap<NodeId, MemDisk>,
    /// Those whose syncs of files take for ever.
    pub stalled: Arc<Mutex<BTreeSet<NodeId>>>,
    pub gateways: BTreeMap<NodeId, Gateway>,
    pub starts: u64,
}

impl Cluster {
    pub async fn new(nodes: u64, limits: Limits) -> Self {
        let disks = (1..=nodes).map(|id| (NodeId(id), MemDisk::new())).collect();
        let gateways = BTreeMap::new();
        let mut cluster = Cluster {
            net: Net::default(),
            limits,
            disks,
            stalled: Arc::default(),
            gateways,
            starts: 0,
        };
        for id in 1..=nodes {
            cluster.start(NodeId(id)).await;
        }
        cluster
    }

    pub async fn start(&mut self, id: NodeId) {
        self.try_start(id).await.expect("the node starts");
    }

    pub async fn try_start(&mut self, id: NodeId) -> Result<(), StartError> {
        self.starts += 1;
        let clock = Clock::system();
        let settings = Settings {
            mark: 1,
            cluster: 7,
            node: id,
            name: id.to_string(),
            founders: Members::nameless(self.disks.keys().copied()),
            limits: self.limits.clone(),
        };
        let world = World {
            disk: Arc::new(Stalling {
                disk: Arc::new(self.disks[&id].clone()),
                node: id,
                stalled: self.stalled.clone(),
            }),
            transport: Arc::new(Port {
                from: id,
                net: self.net.clone(),
            }),
            clock: clock.clone(),
            rng: Rng::new(self.starts),
            observer: None,
        };
        let host = Host::start(settings, world).await?;
        self.net.nodes.lock().insert(id, host.clone());
        self.gateways
            .insert(id, Gateway::new(host, clock, self.limits.clone()));
        Ok(())
    }

    /// Takes a node's power: everything unsynced is gone.
    pub fn power_loss(&mut self, id: NodeId) {
        if let Some(host) = self.net.nodes.lock().remove(&id) {
            host.stop();
        }
        self.gateways.remove(&id);
        let disk = self.disks[&id].restart();
        self.disks.insert(id, disk);
    }

    pub fn at(&self, id: u64) -> &Gateway {
        &self.gateways[&NodeId(id)]
    }

    pub async fn leader(&self) -> NodeId {
        let found = async {
            loop {
                for gateway in self.gateways.values() {
                    let status = gateway.status();
                    if status.shards[0].raft.leader == Some(status.node) {
                        return status.node;
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found)
            .await
            .expect("a leader")
    }
}

pub fn put(key: &str, value: &str) -> Txn {
    let (key, value) = (key.to_owned().into(), value.to_owned().into());
    Txn {
        success: vec![Op::Put {
            key,
            value,
            want_previous: false,
        }],
        ..Txn::default()
    }
}

pub fn get(key: &str) -> Query {
    let keys = KeyRange {
        start: key.to_owned().into(),
        end: RangeEnd::Single,
    };
    Query {
        keys,
        revision: 0,
        limit: 0,
        count_only: false,
        keys_only: false,
    }
}

pub async fn value(gateway: &Gateway, key: &str) -> Option<String> {
    let read = gateway
        .read(get(key), Consistency::Linearizable, PATIENCE)
        .await
        .unwrap_or_else(|error| panic!("{error}: {:#?}", gateway.status()));
    read.page
        .kvs
        .first()
        .map(|kv| String::from_utf8_lossy(&kv.value).into_owned())
}

pub async fn write(gateway: &Gateway, key: &str, content: &str) {
    gateway
        .write(put(key, content), None, PATIENCE)
        .await
        .expect("a write");
}

/// Writes until it is done, though the leader may just have gone.
pub async fn write_at_last(gateway: &Gateway, key: &str, content: &str) {
    let done = async {
        while gateway
            .write(put(key, content), None, PATIENCE)
            .await
            .is_err()
        {}
    };
    let done = tokio::time::timeout(PATIENCE, done).await;
    done.expect("somebody leads at last");
}

/// Whether a node lacks entries that its disk has lost; it says so once it has begun to work.
pub async fn recovers(cluster: &Cluster, id: NodeId) -> bool {
    let begun = async {
        loop {
            let raft = cluster.gateways[&id].status().shards[0].raft;
            if raft.term > 0 {
                return raft.recovering;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let begun = tokio::time::timeout(PATIENCE, begun).await;
    begun.expect("a replica that works")
}

/// Waits until a node has got back what it lost.
pub async fn healed(cluster: &Cluster, id: NodeId) {
    let healed = async {
        while recovers(cluster, id).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let healed = tokio::time::timeout(PATIENCE, healed).await;
    healed.expect("the leader gives back what was lost");
}
