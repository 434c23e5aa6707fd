//! Bounds and timings. What all nodes must agree on, what may differ, and one tiny test set.

use serde::{Deserialize, Serialize};

use super::ConfigError;

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
    /// How willingly this node leads, from 0 to 3: below 3 it waits longer before it stands for
    /// election, and leaders that stop hand over to others first.
    pub priority: u8,
    /// Whether this node, when it leads, serves linearizable reads without asking a quorum, for as long
    /// as enough others are bound not to elect anybody else. This trusts clocks, by the next limit.
    pub lease_reads: bool,
    /// By so many millionths, at most, the monotonic clock of any node is too fast or too slow. Only
    /// `lease_reads` depends on it.
    pub clock_drift_ppm_max: u32,
    /// A memtable is frozen when it holds this many bytes.
    pub memtable_bytes: usize,
    /// Tables written by compaction are cut at this many bytes.
    pub table_bytes: usize,
    /// Level 0 is merged into level 1 when it has more tables than this.
    pub level0_tables_max: usize,
    /// Blocks of tables that were read are kept in memory, up to this many bytes; 0 keeps none.
    pub cache_bytes: usize,
    /// A segment of the Raft log is closed when it holds this many bytes.
    pub segment_bytes: usize,
    /// Applied entries that stay in the Raft log for followers that lag, at most; who is further
    /// behind gets a snapshot.
    pub log_entries_kept: u64,
    /// The same in bytes, of which 32 are added for each entry; what comes first counts. They are in
    /// memory, too. While a follower takes a snapshot, up to four times as much is kept for it.
    pub log_bytes_kept: u64,
    /// Bytes of a chunk in which a snapshot travels.
    pub snapshot_chunk_bytes: usize,
    /// Bytes of snapshots that a node sends per second, to all peers together.
    pub snapshot_bytes_per_second: u64,
    /// Entries and bytes of one append message, and of one batch for the applier.
    pub append_bytes_max: usize,
    /// Entries under way to one follower, in bytes; a single larger entry still travels alone. To one
    /// that lags all of it leaves at once, and the writes of clients wait for that.
    pub inflight_bytes_max: usize,
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
            priority: 3,
            lease_reads: false,
            clock_drift_ppm_max: 10_000,
            memtable_bytes: 64 << 20,
            table_bytes: 64 << 20,
            level0_tables_max: 4,
            cache_bytes: 64 << 20,
            segment_bytes: 64 << 20,
            log_entries_kept: 100_000,
            log_bytes_kept: 64 << 20,
            snapshot_chunk_bytes: 64 << 10,
            snapshot_bytes_per_second: 32 << 20,
            append_bytes_max: 128 << 10,
            inflight_bytes_max: 2 << 20,
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
            log_bytes_kept: 4 << 10,
            snapshot_chunk_bytes: 1 << 10,
            snapshot_bytes_per_second: 256 << 10,
            append_bytes_max: 2 << 10,
            inflight_bytes_max: 8 << 10,
            uncommitted_bytes_max: 64 << 10,
            ..Limits::default()
        }
    }
}

/// What a limit may be: its name, how to read it, the least and the most, and why.
type Bound = (&'static str, fn(&Limits) -> u64, u64, u64, &'static str);

/// The range of every limit. The upper ends are where a number is surely a slip of the pen or
/// where a bound elsewhere (a message between peers) would be crossed.
const BOUNDS: [Bound; 20] = [
    (
        "key_bytes_max",
        |l| l.key_bytes_max as u64,
        1,
        64 << 10,
        "bytes of a key",
    ),
    (
        "value_bytes_max",
        |l| l.value_bytes_max as u64,
        1,
        32 << 20,
        "bytes of a value",
    ),
    ("tick_ms", |l| l.tick_ms, 1, 10_000, "milliseconds"),
    (
        "heartbeat_ticks",
        |l| l.heartbeat_ticks.into(),
        1,
        1_000,
        "ticks",
    ),
    (
        "election_ticks",
        |l| l.election_ticks.into(),
        2,
        10_000,
        "ticks",
    ),
    ("priority", |l| l.priority.into(), 0, 3, "steps"),
    (
        "clock_drift_ppm_max",
        |l| l.clock_drift_ppm_max.into(),
        0,
        500_000,
        "millionths",
    ),
    (
        "memtable_bytes",
        |l| l.memtable_bytes as u64,
        1 << 10,
        4 << 30,
        "bytes of memory",
    ),
    (
        "table_bytes",
        |l| l.table_bytes as u64,
        1 << 10,
        4 << 30,
        "bytes of a file",
    ),
    (
        "level0_tables_max",
        |l| l.level0_tables_max as u64,
        1,
        1_000,
        "tables",
    ),
    (
        "cache_bytes",
        |l| l.cache_bytes as u64,
        0,
        64 << 30,
        "bytes of memory",
    ),
    (
        "segment_bytes",
        |l| l.segment_bytes as u64,
        4 << 10,
        1 << 30,
        "bytes of a file",
    ),
    (
        "log_entries_kept",
        |l| l.log_entries_kept,
        1,
        1 << 32,
        "entries",
    ),
    (
        "log_bytes_kept",
        |l| l.log_bytes_kept,
        1 << 10,
        64 << 30,
        "bytes of memory",
    ),
    (
        "snapshot_chunk_bytes",
        |l| l.snapshot_chunk_bytes as u64,
        1 << 10,
        4 << 20,
        "bytes of a message",
    ),
    (
        "snapshot_bytes_per_second",
        |l| l.snapshot_bytes_per_second,
        64 << 10,
        1 << 40,
        "bytes per second",
    ),
    (
        "append_bytes_max",
        |l| l.append_bytes_max as u64,
        1 << 10,
        32 << 20,
        "bytes of a message",
    ),
    (
        "inflight_bytes_max",
        |l| l.inflight_bytes_max as u64,
        1 << 10,
        4 << 30,
        "bytes of memory",
    ),
    (
        "uncommitted_bytes_max",
        |l| l.uncommitted_bytes_max as u64,
        1 << 10,
        4 << 30,
        "bytes of memory",
    ),
    (
        "request_timeout_ms",
        |l| l.request_timeout_ms,
        1,
        600_000,
        "milliseconds",
    ),
];

impl Limits {
    /// For so long, in microseconds, a node that has heard its leader helps nobody to replace it: as
    /// many ticks as surely pass before it would stand for election itself, so that nothing waits for
    /// it. Kept whether or not anybody reads by leases, so that nodes may be switched one by one.
    pub fn promise_us(&self) -> u64 {
        u64::from(self.election_ticks.saturating_sub(1)) * self.tick_ms * 1_000
    }

    /// Refuses what cannot work, naming the field, its value and the remedy.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (name, read, least, most, unit) in BOUNDS {
            let value = read(self);
            if !(least..=most).contains(&value) {
                return Err(ConfigError::new(
                    &format!("limits.{name}"),
                    value,
                    "is out of range",
                    &format!("choose {least} to {most} {unit}"),
                ));
            }
        }
        self.check_election()
    }

    /// A follower must miss several heartbeats before it takes its leader for dead.
    fn check_election(&self) -> Result<(), ConfigError> {
        let least = self.heartbeat_ticks.saturating_mul(2);
        if self.election_ticks >= least {
            return Ok(());
        }
        Err(ConfigError::new(
            "limits.election_ticks",
            self.election_ticks,
            "is less than two heartbeats, so that a late one costs the leader its office",
            &format!("choose at least {least}, or lower limits.heartbeat_ticks"),
        ))
    }
}
