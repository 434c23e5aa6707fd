//! Bounds and timings. What all nodes must agree on, what may differ, and one tiny test set.

use serde::{Deserialize, Serialize};

/// The sizes and times that a deployment may want to change. Everything else is a constant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The longest key in bytes.
    pub key_bytes_max: usize,
    /// The longest value in bytes.
    pub value_bytes_max: usize,
    /// One step of Raft's logical time, in milliseconds.
    pub tick_ms: u64,
    /// A leader shows itself every so many ticks.
    pub heartbeat_ticks: u32,
    /// A follower waits for its leader from this many ticks to just under twice as many.
    pub election_ticks: u32,
    /// A memtable is frozen when it holds this many bytes.
    pub memtable_bytes: usize,
    /// Tables written by compaction are cut at this many bytes.
    pub table_bytes: usize,
    /// Level 0 is merged into level 1 when it has more tables than this.
    pub level0_tables_max: usize,
    /// A segment of the Raft log is closed when it holds this many bytes.
    pub segment_bytes: usize,
    /// Applied entries that stay in the Raft log for followers that lag; beyond, they get a snapshot.
    pub log_entries_kept: u64,
    /// Entries and bytes of one append message, and of one batch for the applier.
    pub append_bytes_max: usize,
    /// Proposals that a leader holds uncommitted, in bytes, before it refuses more.
    pub uncommitted_bytes_max: usize,
    /// How long a request may take, in milliseconds, if the client does not say.
    pub request_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            key_bytes_max: 64 << 10,
            value_bytes_max: 8 << 20,
            tick_ms: 25,
            heartbeat_ticks: 2,
            election_ticks: 6,
            memtable_bytes: 64 << 20,
            table_bytes: 64 << 20,
            level0_tables_max: 4,
            segment_bytes: 64 << 20,
            log_entries_kept: 10_000,
            append_bytes_max: 1 << 20,
            uncommitted_bytes_max: 64 << 20,
            request_timeout_ms: 5_000,
        }
    }
}

impl Limits {
    /// The tiny set, under which every rare path is common: a few writes fill a memtable, a few
    /// tables start a compaction, a short absence needs a snapshot.
    pub fn test_min() -> Self {
        Limits {
            memtable_bytes: 4 << 10,
            table_bytes: 4 << 10,
            level0_tables_max: 2,
            segment_bytes: 8 << 10,
            log_entries_kept: 20,
            append_bytes_max: 2 << 10,
            uncommitted_bytes_max: 64 << 10,
            ..Limits::default()
        }
    }
}
