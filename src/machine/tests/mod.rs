//! The machine as a whole: against a dumb twin, through crashes and snapshots, and story by story.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::{
    config::Limits,
    env::MemDisk,
    types::{LogPosition, RequestId, Revision},
};

mod members;
mod model;
mod power;
mod random;
mod readers;
mod resuming;
mod snapshots;
mod steps;
mod stories;

/// A machine with its disk and its whole log, as a node would have them.
struct Bench {
    disk: MemDisk,
    limits: Limits,
    machine: Machine,
    log: Vec<Applied>,
}

/// An entry, and what applying it came to the first time.
#[derive(Clone)]
struct Applied {
    at: LogPosition,
    data: Bytes,
    outcome: Outcome,
    hash: u64,
}

/// Limits under which a few commands fill a memtable.
fn tiny() -> Limits {
    Limits {
        memtable_bytes: 256,
        table_bytes: 512,
        ..Limits::test_min()
    }
}

impl Bench {
    async fn new(limits: Limits) -> Self {
        let disk = MemDisk::new();
        let machine = open(&disk, &limits).await;
        Bench {
            disk,
            limits,
            machine,
            log: Vec::new(),
        }
    }

    /// Appends an entry to the log and applies it.
    async fn apply(&mut self, data: Bytes) -> Outcome {
        let index = self.machine.applied().index + 1;
        // A leader now and then loses its place.
        let term = 1 + index / 7;
        let at = LogPosition { term, index };
        let outcome = self.machine.apply(at, &data).await.expect("applied");
        let hash = self.machine.hash();
        self.log.push(Applied {
            at,
            data,
            outcome: outcome.clone(),
            hash,
        });
        outcome
    }

    /// Applies a transaction that nobody repeats.
    async fn txn(&mut self, txn: Txn) -> Outcome {
        self.apply(command(None, txn).encode()).await
    }

    /// Applies the operations of a transaction without conditions; they must not be refused.
    async fn ops(&mut self, ops: Vec<Op>) -> Reply {
        self.txn(always(ops)).await.expect("not refused")
    }

    /// The power fails, and the log is applied again from where the disk stands. It must come to
    /// the same.
    async fn crash(&mut self) {
        self.disk = self.disk.restart();
        self.machine = open(&self.disk, &self.limits).await;
        self.catch_up().await;
    }

    async fn catch_up(&mut self) {
        let from = self.machine.applied().index as usize;
        if let Some(last) = from.checked_sub(1) {
            assert_eq!(self.machine.hash(), self.log[last].hash, "hash at {from}");
        }
        for entry in &self.log[from..] {
            let outcome = self
                .machine
                .apply(entry.at, &entry.data)
                .await
                .expect("applied");
            assert_eq!(outcome, entry.outcome, "outcome at {}", entry.at);
            assert_eq!(self.machine.hash(), entry.hash, "hash at {}", entry.at);
            self.machine.settle().await.expect("settled");
        }
    }

    /// Sends the state in chunks to an empty machine, which takes this one's place.
    async fn move_by_snapshot(&mut self, chunk_bytes_max: usize) {
        let chunks = chunks(&self.machine, chunk_bytes_max).await;
        let disk = MemDisk::new();
        let mut machine = open(&disk, &self.limits).await;
        let mut install = machine.install().await.expect("begun");
        for chunk in chunks {
            install.add_chunk(chunk).await.expect("taken");
        }
        let at = machine.finish_install(install).await.expect("installed");
        assert_eq!(at, self.machine.applied());
        assert_eq!(machine.durable(), at);
        assert_eq!(machine.hash(), self.machine.hash());
        assert_eq!(machine.revision(), self.machine.revision());
        assert_eq!(machine.state, self.machine.state);
        (self.disk, self.machine) = (disk, machine);
    }

    /// Reads with a query of its own bounds.
    async fn page(&self, query: &Query) -> Result<(Revision, Page), QueryError> {
        self.machine.reader().query(query).await
    }

    /// The key at a revision (0 for the latest).
    async fn get(&self, key: &'static str, revision: Revision) -> Option<KeyValue> {
        let query = Query {
            revision,
            ..all_of(single(key))
        };
        let (_, page) = self.page(&query).await.expect("readable");
        page.kvs.into_iter().next()
    }
}

async fn open(disk: &MemDisk, limits: &Limits) -> Machine {
    Machine::open_bounded(Arc::new(disk.clone()), "m", limits, Bounds::test_min())
        .await
        .expect("opened")
}

async fn chunks(machine: &Machine, bytes_max: usize) -> Vec<Bytes> {
    rest(machine.snapshot(), bytes_max).await
}

async fn rest(mut snapshot: Snapshot, bytes_max: usize) -> Vec<Bytes> {
    let mut chunks = Vec::new();
    while let Some(chunk) = snapshot.next_chunk(bytes_max).await.expect("read") {
        assert!(chunk.len() <= bytes_max);
        chunks.push(chunk);
    }
    assert!(snapshot.is_at_end());
    chunks
}

fn command(request: Option<(u64, u64)>, txn: Txn) -> Command {
    Command {
        request: request.map(|(client, sequence)| RequestId { client, sequence }),
        proposed_ms: 0,
        txn,
    }
}

fn always(ops: Vec<Op>) -> Txn {
    Txn {
        success: ops,
        ..Txn::default()
    }
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

fn single(key: &'static str) -> KeyRange {
    KeyRange {
        start: bytes(key),
        end: RangeEnd::Single,
    }
}

fn between(start: &'static str, end: &'static str) -> KeyRange {
    KeyRange {
        start: bytes(start),
        end: RangeEnd::Before(bytes(end)),
    }
}

fn everything() -> KeyRange {
    KeyRange {
        start: Bytes::new(),
        end: RangeEnd::Unbounded,
    }
}

fn all_of(keys: KeyRange) -> Query {
    Query {
        keys,
        revision: 0,
        limit: 0,
        count_only: false,
        keys_only: false,
    }
}

fn put(key: &'static str, value: &'static str) -> Op {
    Op::Put {
        key: bytes(key),
        value: bytes(value),
        want_previous: true,
    }
}

fn delete(keys: KeyRange) -> Op {
    Op::Delete {
        keys,
        want_previous: true,
    }
}

fn kv(key: &'static str, value: &'static str, revisions: [u64; 2], version: u64) -> KeyValue {
    KeyValue {
        key: bytes(key),
        create_revision: revisions[0],
        mod_revision: revisions[1],
        version,
        value: bytes(value),
    }
}
