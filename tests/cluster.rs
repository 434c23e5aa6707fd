//! A cluster in one process: real nodes on disks in memory, joined by a network that is a map.

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
    node::{Host, RequestError, Settings, StartError, World},
    rng::Rng,
    rpc::{self, Envelope, PeerBody, StateHash},
    types::{NodeId, RequestId, ShardId},
};

#[path = "support/stalling.rs"]
mod stalling;

use stalling::Stalling;

const PATIENCE: Duration = Duration::from_secs(10);

/// The nodes that run, by id: who is not in the map is not reached.
#[derive(Clone, Default)]
struct Net {
    nodes: Arc<Mutex<BTreeMap<NodeId, Host>>>,
}

/// One node's way into the net.
struct Port {
    from: NodeId,
    net: Net,
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

struct Cluster {
    net: Net,
    limits: Limits,
    disks: BTreeMap<NodeId, MemDisk>,
    /// Those whose syncs of files take for ever.
    stalled: Arc<Mutex<BTreeSet<NodeId>>>,
    gateways: BTreeMap<NodeId, Gateway>,
    starts: u64,
}

impl Cluster {
    async fn new(nodes: u64, limits: Limits) -> Self {
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

    async fn start(&mut self, id: NodeId) {
        self.try_start(id).await.expect("the node starts");
    }

    async fn try_start(&mut self, id: NodeId) -> Result<(), StartError> {
        self.starts += 1;
        let clock = Clock::system();
        let settings = Settings {
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
    fn power_loss(&mut self, id: NodeId) {
        if let Some(host) = self.net.nodes.lock().remove(&id) {
            host.stop();
        }
        self.gateways.remove(&id);
        let disk = self.disks[&id].restart();
        self.disks.insert(id, disk);
    }

    fn at(&self, id: u64) -> &Gateway {
        &self.gateways[&NodeId(id)]
    }

    async fn leader(&self) -> NodeId {
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

fn put(key: &str, value: &str) -> Txn {
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

fn get(key: &str) -> Query {
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

async fn value(gateway: &Gateway, key: &str) -> Option<String> {
    let read = gateway
        .read(get(key), Consistency::Linearizable, PATIENCE)
        .await
        .unwrap_or_else(|error| panic!("{error}: {:#?}", gateway.status()));
    read.page
        .kvs
        .first()
        .map(|kv| String::from_utf8_lossy(&kv.value).into_owned())
}

async fn write(gateway: &Gateway, key: &str, content: &str) {
    gateway
        .write(put(key, content), None, PATIENCE)
        .await
        .expect("a write");
}

#[tokio::test]
async fn a_write_through_any_node_is_read_through_every_other() {
    let cluster = Cluster::new(3, Limits::test_min()).await;
    for writer in 1..=3 {
        let text = format!("by {writer}");
        write(cluster.at(writer), "k", &text).await;
        for reader in 1..=3 {
            assert_eq!(value(cluster.at(reader), "k").await.as_ref(), Some(&text));
        }
    }
}

#[tokio::test]
async fn a_single_node_serves_and_remembers() {
    let mut cluster = Cluster::new(1, Limits::test_min()).await;
    write(cluster.at(1), "k", "v").await;
    cluster.power_loss(NodeId(1));
    cluster.start(NodeId(1)).await;
    assert_eq!(value(cluster.at(1), "k").await.as_deref(), Some("v"));
    assert_eq!(value(cluster.at(1), "absent").await, None);
}

#[tokio::test]
async fn a_lost_leader_is_succeeded_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    for round in 0..3 {
        for key in 0..20 {
            write(cluster.at(1 + key % 3), &format!("{round}-{key}"), "v").await;
        }
        let leader = cluster.leader().await;
        cluster.power_loss(leader);
        let other = cluster.leader().await;
        write(&cluster.gateways[&other], &format!("{round}-after"), "v").await;
        cluster.start(leader).await;
        for id in 1..=3 {
            for key in 0..20 {
                let found = value(cluster.at(id), &format!("{round}-{key}")).await;
                assert_eq!(
                    found.as_deref(),
                    Some("v"),
                    "round {round}, key {key}, node {id}"
                );
            }
        }
    }
}

#[tokio::test]
async fn power_loss_of_all_nodes_at_once_loses_nothing() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    for key in 0..200 {
        write(
            cluster.at(1 + key % 3),
            &format!("k{key}"),
            &format!("v{key}"),
        )
        .await;
    }
    (1..=3).for_each(|id| cluster.power_loss(NodeId(id)));
    for id in 1..=3 {
        cluster.start(NodeId(id)).await;
    }
    for key in 0..200 {
        let found = value(cluster.at(1 + key % 3), &format!("k{key}")).await;
        assert_eq!(found, Some(format!("v{key}")));
    }
}

#[tokio::test]
async fn a_node_that_was_away_too_long_catches_up_by_snapshot() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    let leader = cluster.leader().await;
    let away = NodeId(1 + leader.0 % 3);
    cluster.power_loss(away);
    for key in 0..300 {
        write(
            &cluster.gateways[&leader],
            &format!("k{key:03}"),
            &"v".repeat(100),
        )
        .await;
    }
    let first = cluster.gateways[&leader].status().shards[0].raft.first;
    assert!(
        first > 100,
        "the log was cut, or this test shows nothing: it begins at {first}"
    );
    cluster.start(away).await;
    for key in [0, 150, 299] {
        let found = value(&cluster.gateways[&away], &format!("k{key:03}")).await;
        assert_eq!(found, Some("v".repeat(100)));
    }
    cluster.power_loss(away);
    cluster.start(away).await;
    assert_eq!(
        value(&cluster.gateways[&away], "k000").await,
        Some("v".repeat(100))
    );
}

#[tokio::test]
async fn a_minority_refuses_and_says_that_nothing_was_done() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    let leader = cluster.leader().await;
    let others: Vec<NodeId> = cluster
        .disks
        .keys()
        .copied()
        .filter(|id| *id != leader)
        .collect();
    let alone = others[0];
    cluster.power_loss(leader);
    cluster.power_loss(others[1]);
    // It may take a moment until it notices that its leader is gone.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let gateway = &cluster.gateways[&alone];
    let error = gateway
        .write(put("k", "v"), None, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(matches!(error, RequestError::Unavailable(_)), "{error:?}");
    let read = gateway
        .read(get("k"), Consistency::Linearizable, Duration::from_secs(1))
        .await;
    assert!(
        matches!(read, Err(RequestError::Unavailable(_))),
        "{read:?}"
    );
    assert!(
        gateway
            .read(get("k"), Consistency::Stale(0), PATIENCE)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_repeated_request_is_applied_once_and_answered_alike() {
    let cluster = Cluster::new(3, Limits::test_min()).await;
    let request = Some(RequestId {
        client: 5,
        sequence: 1,
    });
    let first = cluster
        .at(1)
        .write(put("k", "first"), request, PATIENCE)
        .await
        .unwrap();
    write(cluster.at(2), "k", "second").await;
    let again = cluster
        .at(3)
        .write(put("k", "first"), request, PATIENCE)
        .await
        .unwrap();
    assert_eq!(first.reply, again.reply);
    assert_eq!(value(cluster.at(1), "k").await.as_deref(), Some("second"));
}

/// Limits under which nobody stands by itself for seconds.
fn patient() -> Limits {
    Limits {
        tick_ms: 10,
        heartbeat_ticks: 5,
        election_ticks: 250,
        ..Limits::test_min()
    }
}

/// Waits until somebody else leads, for less time than an election would take by itself.
async fn succeeded(cluster: &Cluster, old: NodeId) -> NodeId {
    let other = async {
        loop {
            let leader = cluster.leader().await;
            if leader != old {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let soon = Duration::from_secs(2);
    let leader = tokio::time::timeout(soon, other).await;
    leader.expect("leadership is handed over")
}

#[tokio::test]
async fn a_leader_that_resigns_is_succeeded_before_anybody_misses_it() {
    let mut cluster = Cluster::new(3, patient()).await;
    for round in 0..3 {
        let leader = cluster.leader().await;
        write(&cluster.gateways[&leader], "k", &round.to_string()).await;
        let host = cluster.net.nodes.lock()[&leader].clone();
        tokio::time::timeout(PATIENCE, host.resign()).await.unwrap();
        // It is over at once on a node that does not lead.
        tokio::time::timeout(PATIENCE, host.resign()).await.unwrap();
        let next = succeeded(&cluster, leader).await;
        write(&cluster.gateways[&leader], "k", "through the old one").await;
        assert_ne!(next, leader);
    }
    let leader = cluster.leader().await;
    cluster.power_loss(leader);
}

#[tokio::test]
async fn a_leader_whose_disk_stalls_makes_room_for_another() {
    let cluster = Cluster::new(3, patient()).await;
    let leader = cluster.leader().await;
    write(&cluster.gateways[&leader], "k", "1").await;
    cluster.stalled.lock().insert(leader);
    let gateway = cluster.gateways[&leader].clone();
    let stuck = tokio::spawn(async move { gateway.write(put("k", "2"), None, PATIENCE).await });
    // It waits for its disk as long as others would for its word, and then asks one of them.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let next = succeeded(&cluster, leader).await;
    write(&cluster.gateways[&next], "j", "3").await;
    cluster.stalled.lock().clear();
    let done = stuck.await.unwrap();
    assert!(done.is_ok(), "it was committed without the disk: {done:?}");
}

/// Node `from` tells `host` that its state machine came to `hash` after entry `index`.
fn tell_state(host: &Host, from: u64, index: u64, hash: u64) {
    let envelope = Envelope {
        cluster: 7,
        shard: ShardId(0),
        from: NodeId(from),
        to: host.status().node,
        body: PeerBody::StateHash(StateHash { index, hash }),
    };
    host.deliver(NodeId(from), rpc::encode(&envelope));
}

#[tokio::test]
async fn a_replica_whose_state_differs_from_a_majority_stops_for_good() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    let host = cluster.net.nodes.lock()[&NodeId(3)].clone();
    // Equal states, at more indexes than one: nobody is fenced.
    for number in 0..150 {
        write(cluster.at(1), &format!("k{number}"), "v").await;
    }
    assert_eq!(host.failure().reason(), None);
    // One that differs may be wrong itself; two that agree are a majority.
    let next = 64 * 4;
    tell_state(&host, 1, next, 1);
    for number in 0..110 {
        write(cluster.at(1), &format!("k{number}"), "w").await;
    }
    let own = host.status().shards[0].raft.applied;
    assert!(own >= next, "{own}");
    assert_eq!(host.failure().reason(), None);
    let last = 64 * 6;
    tell_state(&host, 1, last, 1);
    tell_state(&host, 2, last, 1);
    for number in 0..130 {
        // It may be the leader that stops: then one of them has an unknown end.
        let _ = cluster
            .at(1)
            .write(put(&format!("k{number}"), "x"), None, PATIENCE)
            .await;
    }
    let failed = tokio::time::timeout(PATIENCE, host.failure().wait()).await;
    let reason = failed.expect("it finds out");
    assert!(reason.contains("after entry 384"), "{reason}");
    let read = cluster
        .at(3)
        .read(get("k"), Consistency::Linearizable, PATIENCE);
    assert!(matches!(read.await, Err(RequestError::Failed(_))));
    // It does not start on that state again, and says what to do.
    cluster.power_loss(NodeId(3));
    let error = cluster.try_start(NodeId(3)).await.err().expect("a refusal");
    let told = error.to_string();
    assert!(
        told.contains("after entry 384") && told.contains("fenced"),
        "{told}"
    );
    write(cluster.at(1), "k", "the others go on").await;
}
