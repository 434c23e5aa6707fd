//! Leaders that resign, replicas that stop, survivors that go on.

use std::{sync::Arc, time::Duration};

use sisyphus::{
    config::Limits,
    env::{Clock, Disk, Inbound, MemDisk, task::spawn},
    gateway::Consistency,
    node::{self, Host, RequestError, StartError},
    rpc::{self, Envelope, PeerBody, StateHash},
    types::{NodeId, ShardId},
};

use crate::rig::*;

/// Limits under which nobody stands by itself for seconds.
fn patient() -> Limits {
    Limits {
        tick_ms: 10,
        heartbeat_ticks: 5,
        election_ticks: 250,
        ..Limits::test_min()
    }
}

/// Waits until somebody else leads. Nobody would by itself: the old leader is heard all the time.
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
    let leader = tokio::time::timeout(PATIENCE, other).await;
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
    let stuck = spawn(async move { gateway.write(put("k", "2"), None, 3 * PATIENCE).await });
    // It waits for its disk as long as others would for its word, and then asks one of them.
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
    let error = cluster.try_start(NodeId(3)).await.expect_err("a refusal");
    let told = error.to_string();
    assert!(
        told.contains("after entry 384") && told.contains("fenced"),
        "{told}"
    );
    write(cluster.at(1), "k", "the others go on").await;
}

#[tokio::test]
async fn a_survivor_goes_on_alone_when_an_operator_says_so() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    for number in 0..50 {
        write(cluster.at(1), &format!("k{number}"), "v").await;
    }
    // Everybody has everything; then the majority is lost.
    assert_eq!(value(cluster.at(3), "k49").await.as_deref(), Some("v"));
    (1..=3).for_each(|id| cluster.power_loss(NodeId(id)));
    let disk = || Arc::new(cluster.disks[&NodeId(3)].clone());
    let (limits, clock) = (Limits::test_min(), Clock::system());
    let dry = node::recover(disk(), &limits, &clock, false).await.unwrap();
    assert_eq!(dry[0].others, [NodeId(1), NodeId(2)]);
    assert!(dry[0].last.index >= 50, "{dry:?}");
    assert!(disk().open("RECOVERED").await.is_err());
    let done = node::recover(disk(), &limits, &clock, true).await.unwrap();
    assert_eq!(dry, done);
    cluster.power_loss(NodeId(3));
    cluster.start(NodeId(3)).await;
    for number in 0..50 {
        let found = value(cluster.at(3), &format!("k{number}")).await;
        assert_eq!(found.as_deref(), Some("v"), "k{number}");
    }
    write(cluster.at(3), "alone", "v").await;
    let record = cluster.disks[&NodeId(3)].contents("RECOVERED");
    let record = String::from_utf8(record).unwrap();
    assert!(
        record.contains("only voter") && record.ends_with('\n'),
        "{record}"
    );
    // Who has nothing to go on with is told so.
    let nobody = node::recover(Arc::new(MemDisk::new()), &limits, &clock, true).await;
    assert!(matches!(nobody, Err(StartError::NothingToRecover)));
}
