//! What clients see, whatever happens to the nodes.

use std::time::Duration;

use sisyphus::{
    config::Limits,
    gateway::Consistency,
    node::RequestError,
    types::{NodeId, RequestId},
};

use crate::rig::*;

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
