//! Leaders that resign, replicas that stop, survivors that go on.

use std::{sync::Arc, time::Duration};

use sisyphus::{
    config::Limits,
    env::{Clock, Disk, Inbound, MemDisk, task::spawn},
    gateway::Consistency,
    node::{self, Host, Order, RequestError, StartError},
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

/// Has node 3 find out that its state after entry `index` is wrong, whatever it is.
async fn fence(cluster: &Cluster, index: u64) -> String {
    let host = cluster.net.nodes.lock()[&NodeId(3)].clone();
    tell_state(&host, 1, index, 1);
    tell_state(&host, 2, index, 1);
    for number in 0..130 {
        // It may be the leader that stops: then one of them has an unknown end.
        let _ = cluster
            .at(1)
            .write(put(&format!("k{number}"), "x"), None, PATIENCE)
            .await;
    }
    let failed = tokio::time::timeout(PATIENCE, host.failure().wait()).await;
    failed.expect("it finds out")
}

#[tokio::test]
async fn a_replica_whose_state_differs_from_a_majority_makes_it_anew_once() {
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
    let reason = fence(&cluster, 64 * 6).await;
    assert!(reason.contains("after entry 384"), "{reason}");
    let read = cluster
        .at(3)
        .read(get("k"), Consistency::Linearizable, PATIENCE);
    assert!(matches!(read.await, Err(RequestError::Failed(_))));
    // It does not start on that state again: it takes that of the others, and keeps its own.
    cluster.power_loss(NodeId(3));
    cluster.start(NodeId(3)).await;
    let disk = cluster.disks[&NodeId(3)].clone();
    let kept = String::from_utf8(disk.contents("evidence/FENCED")).unwrap();
    assert!(kept.contains("after entry 384"), "{kept}");
    for dir in ["evidence/shard-0", "evidence/log"] {
        assert!(!disk.list(dir).await.unwrap().is_empty(), "{dir}");
    }
    assert!(disk.open("FENCED").await.is_err());
    healed(&cluster, NodeId(3)).await;
    write_at_last(cluster.at(1), "k", "the others go on").await;
    let read = value(cluster.at(3), "k").await;
    assert_eq!(read.as_deref(), Some("the others go on"));
    // It is one of a majority again.
    cluster.power_loss(NodeId(1));
    write_at_last(cluster.at(2), "k", "with it").await;
    cluster.start(NodeId(1)).await;
    // A second time it is the machine that is suspect.
    let applied = cluster.at(3).status().shards[0].raft.applied;
    fence(&cluster, (applied / 64 + 1) * 64).await;
    cluster.power_loss(NodeId(3));
    let error = cluster.try_start(NodeId(3)).await.expect_err("a refusal");
    let told = error.to_string();
    assert!(
        told.contains("after entry") && told.contains("replace"),
        "{told}"
    );
    write(cluster.at(1), "k", "the others go on").await;
}

/// What is in the files of a node.
async fn everything(disk: &MemDisk) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for dir in ["", "log/", "shard-0/"] {
        for name in disk.list(dir.trim_end_matches('/')).await.unwrap() {
            if !name.ends_with('/') {
                let path = format!("{dir}{name}");
                files.push((path.clone(), disk.contents(&path)));
            }
        }
    }
    files
}

#[tokio::test]
async fn a_survivor_that_cannot_go_on_is_refused_and_left_as_it_is() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    for number in 0..20 {
        write(cluster.at(3), &format!("k{number}"), "the content of it").await;
    }
    cluster.power_loss(NodeId(3));
    let (limits, clock) = (Limits::test_min(), Clock::system());
    // A log that would be repaired at a start.
    let damaged = cluster.disks[&NodeId(3)].restart();
    let log = format!("log/{}", damaged.list("log").await.unwrap()[0]);
    damaged.flip_bit(&log, 300);
    let before = everything(&damaged).await;
    let refused = node::recover(Arc::new(damaged.clone()), &limits, &clock, false).await;
    assert!(
        matches!(refused, Err(StartError::CannotRecover { .. })),
        "{refused:?}"
    );
    assert_eq!(everything(&damaged).await, before);
    // A state that is known to be wrong.
    let fenced = cluster.disks[&NodeId(3)].restart();
    let mark = fenced.create("FENCED").await.unwrap();
    mark.append(b"it is wrong").await.unwrap();
    for confirmed in [false, true] {
        let before = everything(&fenced).await;
        let refused = node::recover(Arc::new(fenced.clone()), &limits, &clock, confirmed).await;
        let told = refused.expect_err("a refusal").to_string();
        assert!(
            told.starts_with("it is wrong") && told.contains("another"),
            "{told}"
        );
        assert_eq!(everything(&fenced).await, before);
    }
}

#[tokio::test]
async fn a_node_that_missed_its_removal_is_told_when_it_asks_for_votes() {
    let mut cluster = Cluster::new(3, Limits::test_min()).await;
    let leader = cluster.leader().await;
    let gone = (1..=3).map(NodeId).find(|id| *id != leader).unwrap();
    write(&cluster.gateways[&leader], "k", "1").await;
    assert_eq!(
        value(&cluster.gateways[&gone], "k").await.as_deref(),
        Some("1")
    );
    cluster.power_loss(gone);
    let order = Order::Remove(gone);
    let removed = cluster.gateways[&leader].order(&order, PATIENCE).await;
    removed.expect("two of three remove the third");
    // Those who left are spoken to for an election timeout; it comes back later than that.
    tokio::time::sleep(Duration::from_millis(500)).await;
    cluster.start(gone).await;
    let host = cluster.net.nodes.lock()[&gone].clone();
    let failed = tokio::time::timeout(PATIENCE, host.failure().wait()).await;
    let reason = failed.expect("it asks for votes, and hears why not");
    assert!(
        reason.contains("was removed") && reason.contains("as of entry"),
        "{reason}"
    );
    write_at_last(&cluster.gateways[&leader], "k", "2").await;
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
    let before = everything(&disk()).await;
    let dry = node::recover(disk(), &limits, &clock, false).await.unwrap();
    assert_eq!(dry[0].others, [NodeId(1), NodeId(2)]);
    assert!(dry[0].last.index >= 50, "{dry:?}");
    assert_eq!(everything(&disk()).await, before, "nothing is written");
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
