//! MEM: nothing grows without a bound (thesis §5: "logs grow without bound" unless somebody sees to it).
//!
//! * What a leader has under way to one follower: what it has sent and not heard of (§10.2.1 of the
//!   thesis: pipelining), at every append.
//! * The log in memory and on disk, memtables, tables and what is in them, files: four times a second, from what a node says of itself and
//!   from its drive.
//!
//! The bounds follow from the limits that the servers run with. A log is cut behind what the machine has
//! on disk: so it holds what is kept for followers, what is not committed yet, and what one flush after
//! the other has still to carry to the disk.

use std::collections::BTreeMap;

use sisyphus::{
    config::Limits,
    node::Event,
    raft::{Body, Message},
    types::{Index, NodeId, ShardId},
};

use super::{Oracle, Violation};
use crate::{
    disk::Usage,
    plan::{Plan, What},
};

/// What an entry weighs beside its command, in bytes, when logs are measured.
const ENTRY_BYTES: u64 = 32;

/// As much is kept for a follower that takes a snapshot, for each byte that is kept always.
const HELD_PER_KEPT: u64 = 4;

/// Memtables' worth of log that may be on their way to tables: of the active one, of the frozen ones,
/// and of those whose flush the log does not know yet, each as much log as makes a checkpoint.
const UNFLUSHED_MEMTABLES: u64 = 16;

/// A store's files beyond its tables: the manifest and its successor, and tables that are being
/// written or are gone and not removed yet.
const FILES_BESIDE_TABLES: u64 = 64;

/// What a version in a table takes beside its value, in bytes: its key, its record, and its part of the
/// index and of the filter.
const VERSION_BYTES: u64 = 192;

/// What a table takes beside its versions, in bytes.
const TABLE_BYTES: u64 = 1 << 10;

/// What a transaction of the workloads weighs at most beside a register's value, in bytes.
const TXN_BYTES: u64 = 1_100;

/// How a node stands.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// The entries in its log.
    pub entries: u64,
    /// The directory of its log.
    pub log: Usage,
    /// The memory of its memtables, in bytes.
    pub memtables: u64,
    /// The tables that it uses.
    pub tables: u64,
    /// Their bytes.
    pub table_bytes: u64,
    /// The versions in them, with the pieces of range tombstones.
    pub versions: u64,
    /// The directory of its store.
    pub store: Usage,
}

/// The least bound that holds for what a [`Sample`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of entries in memory.
    pub log_bytes: u64,
    /// Bytes of memtables.
    pub memtable_bytes: u64,
    /// Bytes of entries under way to one follower.
    pub under_way_bytes: u64,
    /// Bytes of a version in a table.
    pub version_bytes: u64,
}

impl Bounds {
    /// The bounds of the servers of a plan, with whatever limits it ever gives them.
    pub fn of(plan: &Plan) -> Self {
        let faults = plan.faults.iter().filter_map(|fault| match &fault.what {
            What::Reconfigure { limits, .. } => Some(limits.as_ref()),
            _ => None,
        });
        let all: Vec<&Limits> = faults.chain([&plan.limits]).collect();
        let most = |of: fn(&Limits) -> u64| all.iter().map(|limits| of(limits)).max().unwrap_or(0);
        let entry_bytes = plan.workload.value_bytes_max.max(TXN_BYTES) + TXN_BYTES;
        let value_bytes = plan.workload.value_bytes_max.max(TXN_BYTES);
        let unflushed =
            UNFLUSHED_MEMTABLES * (most(|limits| limits.memtable_bytes as u64) + entry_bytes);
        Bounds {
            log_bytes: 2 * HELD_PER_KEPT * most(|limits| limits.log_bytes_kept)
                + most(|limits| limits.uncommitted_bytes_max as u64)
                + unflushed,
            memtable_bytes: unflushed,
            version_bytes: value_bytes + VERSION_BYTES,
            under_way_bytes: most(|limits| limits.inflight_bytes_max as u64)
                + most(|limits| limits.append_bytes_max as u64)
                + 2 * entry_bytes,
        }
    }

    /// Judges a sample.
    pub fn check(&self, node: NodeId, sample: &Sample) -> Result<(), Violation> {
        let entries = self.log_bytes / ENTRY_BYTES;
        let files = sample.tables + FILES_BESIDE_TABLES;
        let table_bytes = sample.versions * self.version_bytes + sample.tables * TABLE_BYTES;
        for (what, found, most) in [
            ("entries in its log", sample.entries, entries),
            ("bytes of memtables", sample.memtables, self.memtable_bytes),
            ("files in its store", sample.store.files, files),
            ("bytes of tables", sample.table_bytes, table_bytes),
            ("bytes of log files", sample.log.bytes, 8 * self.log_bytes),
        ] {
            if found > most {
                let what = format!("{node} has {found} {what}, and at most {most} are its due");
                return Err(Violation::new("MEM", what));
            }
        }
        Ok(())
    }
}

/// What leaders have under way.
#[derive(Debug)]
pub struct Mem {
    most: u64,
    /// By leader and follower: the bytes of each entry that was sent and not heard of.
    under_way: BTreeMap<(NodeId, NodeId), BTreeMap<Index, u64>>,
}

impl Mem {
    /// With these bounds.
    pub fn new(bounds: Bounds) -> Self {
        Mem {
            most: bounds.under_way_bytes,
            under_way: BTreeMap::new(),
        }
    }

    fn sends(&mut self, message: &Message) -> Result<(), Violation> {
        let Body::Append { entries, .. } = &message.body else {
            return Ok(());
        };
        let under_way = self
            .under_way
            .entry((message.from, message.to))
            .or_default();
        for entry in entries {
            under_way.insert(
                entry.at.index,
                entry.payload.data().len() as u64 + ENTRY_BYTES,
            );
        }
        let bytes: u64 = match entries.is_empty() {
            true => 0,
            false => under_way.values().sum(),
        };
        if bytes <= self.most {
            return Ok(());
        }
        let what = format!(
            "{} has {bytes} bytes under way to {}, and at most {} are its due",
            message.from, message.to, self.most
        );
        Err(Violation::new("MEM", what))
    }

    fn hears(&mut self, message: &Message) {
        let Some(under_way) = self.under_way.get_mut(&(message.to, message.from)) else {
            return;
        };
        match message.body {
            Body::AppendAccepted { matched: last } | Body::HeartbeatReply { last, .. } => {
                *under_way = under_way.split_off(&(last + 1));
            }
            // It begins anew where the logs agree.
            Body::AppendRejected { .. } => under_way.clear(),
            _ => {}
        }
    }
}

impl Oracle for Mem {
    fn event(&mut self, node: NodeId, _: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        match *event {
            Event::Sent { message } => return self.sends(message),
            Event::Received { message } => self.hears(message),
            Event::Leader { .. } | Event::Restored { .. } => {
                self.under_way.retain(|(leader, _), _| *leader != node);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::types::LogPosition;

    use super::*;
    use crate::oracle::testing::*;

    fn bounds() -> Bounds {
        Bounds::of(&Plan::draw(1))
    }

    #[test]
    fn a_leader_that_sends_without_hearing_is_seen() {
        let bounds = bounds();
        for answers in [true, false] {
            let mut mem = Mem::new(bounds);
            let mut seen = Ok(());
            for index in 1..2_000 {
                let append = Body::Append {
                    prev: LogPosition {
                        term: 1,
                        index: index - 1,
                    },
                    entries: vec![entry(index, 1, "some command")],
                    commit: 0,
                };
                seen = seen.and(show(&mut mem, 1, sent(&message(1, 2, 1, append))));
                if answers {
                    let matched = index;
                    let message = &message(2, 1, 1, Body::AppendAccepted { matched });
                    show(&mut mem, 1, Event::Received { message }).unwrap();
                }
            }
            assert_eq!(seen.is_ok(), answers);
        }
    }

    #[test]
    fn a_node_that_grows_beyond_its_bounds_is_seen() {
        let bounds = bounds();
        let good = Sample::default();
        assert_eq!(bounds.check(NodeId(1), &good), Ok(()));
        let much = 1 << 40;
        let usage = Usage {
            files: much,
            bytes: much,
        };
        for bad in [
            Sample {
                entries: much,
                ..good
            },
            Sample {
                memtables: much,
                ..good
            },
            Sample { log: usage, ..good },
            Sample {
                table_bytes: much,
                ..good
            },
            Sample {
                store: usage,
                ..good
            },
        ] {
            assert!(bounds.check(NodeId(1), &bad).is_err(), "{bad:?}");
        }
    }
}
