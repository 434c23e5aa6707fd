//! What a node knows of itself, read at the scrape.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};

use crate::{
    gateway::Gateway,
    node::{ShardStatus, Status},
    raft::RoleName,
};

/// Asks the node's gateway.
pub(super) struct State {
    gateway: Gateway,
}

impl State {
    pub(super) fn new(gateway: Gateway) -> Self {
        State { gateway }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State")
    }
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.gateway.status();
        node(&status, &mut encoder)?;
        // One shard for now; with more, these get a label.
        match status.shards.first() {
            Some(shard) => {
                raft(shard, &mut encoder)?;
                store(shard, &mut encoder)?;
                levels(shard, &mut encoder)
            }
            None => Ok(()),
        }
    }
}

fn node(status: &Status, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let failed = u64::from(status.failure.is_some());
    gauge(
        encoder,
        "sisyphus_node_failed",
        "1 if the node is broken and serves no more",
        failed,
    )?;
    let version = ConstGauge::new(1_u64);
    encoder
        .encode_descriptor(
            "sisyphus_build",
            "The version of the server",
            None,
            MetricType::Gauge,
        )?
        .encode_family(&[("version", env!("CARGO_PKG_VERSION"))])
        .and_then(|family| version.encode(family))
}

fn raft(shard: &ShardStatus, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let raft = &shard.raft;
    let role = match raft.role {
        RoleName::Follower => 0,
        RoleName::PreCandidate | RoleName::Candidate => 1,
        RoleName::Leader => 2,
    };
    let entries = (raft.last.index + 1).saturating_sub(raft.first);
    let lag = raft.commit.saturating_sub(raft.applied);
    for (name, help, value) in [
        ("raft_current_term", "The Raft term", raft.term),
        (
            "raft_commit_index",
            "The last index known to be committed",
            raft.commit,
        ),
        ("raft_state", "0 follower, 1 candidate, 2 leader", role),
        (
            "raft_leader",
            "The number of the leader, 0 for none",
            raft.leader.map_or(0, |id| id.0),
        ),
        (
            "sisyphus_applied_index",
            "The last index applied to the store",
            raft.applied,
        ),
        (
            "sisyphus_applied_lag_entries",
            "Committed entries that are not applied yet",
            lag,
        ),
        (
            "sisyphus_log_last_index",
            "The last index in the log",
            raft.last.index,
        ),
        ("sisyphus_log_entries", "Entries in the log", entries),
        (
            "sisyphus_log_recovering",
            "1 until the leader has given back what the disk lost of the log",
            raft.recovering.into(),
        ),
        ("sisyphus_revision", "The store's revision", shard.revision),
    ] {
        gauge(encoder, name, help, value)?;
    }
    counter(
        encoder,
        "sisyphus_raft_lease_reads",
        "Groups of reads answered by a leader's lease",
        raft.lease_reads,
    )
}

fn store(shard: &ShardStatus, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let lsm = &shard.lsm;
    for (name, help, value) in [
        (
            "sisyphus_memtable_bytes",
            "Memory of the memtables",
            lsm.memtable_bytes,
        ),
        (
            "sisyphus_memtables_frozen",
            "Memtables that wait for their flush",
            lsm.frozen,
        ),
        (
            "sisyphus_compaction_debt_bytes",
            "Bytes that levels have beyond their size",
            lsm.compaction_debt_bytes,
        ),
    ] {
        gauge(encoder, name, help, value)?;
    }
    for (name, help, value) in [
        (
            "sisyphus_user_bytes",
            "Bytes of keys and values written",
            lsm.user_bytes,
        ),
        (
            "sisyphus_flush_bytes",
            "Bytes of tables written by flushes",
            lsm.flush_bytes,
        ),
        (
            "sisyphus_compaction_bytes",
            "Bytes of tables written by compactions",
            lsm.compaction_bytes,
        ),
        (
            "sisyphus_compaction_read_bytes",
            "Bytes of tables merged by compactions",
            lsm.compaction_read_bytes,
        ),
        (
            "sisyphus_compactions",
            "Compactions that merged tables",
            lsm.compactions,
        ),
        (
            "sisyphus_write_slowdowns",
            "How often writing was slowed down",
            lsm.slowdowns,
        ),
        (
            "sisyphus_write_stall_microseconds",
            "How long writing waited for a flush",
            lsm.stalled.us,
        ),
        (
            "sisyphus_storage_retries",
            "How often background work met an error and tried again",
            lsm.retries,
        ),
        (
            "sisyphus_scrubbed_bytes",
            "Bytes of tables checked by the scrub",
            lsm.scrubbed_bytes,
        ),
        (
            "sisyphus_scrub_findings",
            "Damage found by the scrub",
            lsm.damaged,
        ),
        (
            "sisyphus_write_stalls",
            "How often writing waited for a flush",
            lsm.stalls,
        ),
    ] {
        counter(encoder, name, help, value)?;
    }
    Ok(())
}

fn levels(shard: &ShardStatus, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let lsm = &shard.lsm;
    by_level(
        encoder,
        "kv_level_file_count",
        "Tables in a level",
        &lsm.tables,
    )?;
    by_level(
        encoder,
        "kv_level_size_bytes",
        "Bytes of the tables in a level",
        &lsm.level_bytes,
    )
}

fn by_level(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: &[u64],
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (level, value) in values.iter().enumerate() {
        let labels = [("level", level.to_string())];
        ConstGauge::new(*value).encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}
