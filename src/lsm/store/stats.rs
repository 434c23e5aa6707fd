//! Numbers for operators.

use serde::Serialize;

use super::super::{entry::Seq, stats::Stats};

/// The state of a store in numbers. Counters begin at 0 when it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StoreStats {
    /// The memtables and tables.
    pub engine: Stats,
    /// Bytes written into the log.
    pub log_bytes: u64,
    /// How often something was written into it: with many writers, less often than they write.
    pub log_writes: u64,
    /// How many snapshots live.
    pub snapshots: u64,
    /// The number of the last write that readers see.
    pub seq: Seq,
}
