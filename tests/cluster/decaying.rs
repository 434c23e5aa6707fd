//! Disks that lose in the middle of a log what they had promised to keep.

use sisyphus::{
    config::Limits,
    env::{Disk, MemDisk},
    types::NodeId,
};

use crate::rig::*;

/// Changes a bit of the one record that holds this text.
async fn damage(disk: &MemDisk, text: &str) {
    for name in disk.list("log").await.unwrap() {
        let file = format!("log/{name}");
        let bytes = disk.contents(&file);
        let mut windows = bytes.windows(text.len());
        if let Some(at) = windows.position(|window| window == text.as_bytes()) {
            return disk.flip_bit(&file, at);
        }
    }
    panic!("no record of {text}");
}

#[tokio::test]
async fn a_log_damaged_in_its_middle_is_healed_and_nothing_is_lost() {
    let limits = Limits {
        tick_ms: 10,
        log_entries_kept: 1000,
        log_bytes_kept: 1 << 20,
        ..Limits::test_min()
    };
    let mut cluster = Cluster::new(3, limits).await;
    let leader = cluster.leader().await;
    let keys: Vec<String> = (0..60).map(|n| format!("key-{n:03}")).collect();
    for key in &keys {
        write(&cluster.gateways[&leader], key, &format!("of {key}")).await;
    }
    for id in (1..=3).map(NodeId) {
        // Who follows has what is read from it.
        value(&cluster.gateways[&id], &keys[59]).await;
    }
    for id in (1..=3).map(NodeId) {
        cluster.power_loss(id);
    }
    let (victim, witness) = (NodeId(1), NodeId(2));
    damage(&cluster.disks[&victim], "of key-040").await;
    cluster.start(victim).await;
    assert!(recovers(&cluster, victim).await);
    // The mark survives another crash.
    cluster.power_loss(victim);
    cluster.start(victim).await;
    assert!(recovers(&cluster, victim).await);
    cluster.start(witness).await;
    cluster.start(NodeId(3)).await;
    healed(&cluster, victim).await;
    // Now it is needed for every majority, and so is its disk.
    cluster.power_loss(NodeId(3));
    cluster.power_loss(victim);
    cluster.start(victim).await;
    assert!(!recovers(&cluster, victim).await);
    for key in &keys {
        let found = value(&cluster.gateways[&victim], key).await;
        assert_eq!(found, Some(format!("of {key}")));
    }
}
