//! The Raft logs of all shards of a process, on one write-ahead log.
//!
//! Every change of a log is a record: term and vote, an entry, a new beginning after a snapshot, a
//! compaction. Replaying the records in order gives back each shard's log. An entry takes the place
//! of the one at its index *and of everything behind it*, so that a suffix that a new leader replaced
//! cannot come back from the dead.
//!
//! Segments are removed as a whole, from the oldest on, when no shard has an entry in them that it
//! still needs. What else was in them is repeated: every segment begins with the *head* of each shard,
//! which says its term, vote, base (with who took part as of it) and last entry at that time. A head is also a check: replaying
//! must have come to the same point. If the replay begins at a head, because everything before was
//! removed, the entries between its base and its last one must be covered by a later compaction, or
//! they are missing.

use std::{collections::BTreeMap, sync::Arc};

use thiserror::Error;

use crate::{
    env::Disk,
    raft::{Base, Persist, Restored},
    types::ShardId,
    wal::{SegmentId, Wal, WalError},
};

mod change;
mod replay;
mod tail;
#[cfg(test)]
mod tests;

use change::Change;
use replay::Replay;
use tail::Tail;

/// Why a log cannot be read or written. The replica must not go on.
#[derive(Clone, Debug, Error)]
pub enum LogStoreError {
    /// The write-ahead log failed.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The records are intact but contradict each other: restore this replica's data from the
    /// other replicas.
    #[error("the log of {shard} is corrupt in {file} at byte {offset}: {what}")]
    Corrupt {
        /// Whose log.
        shard: ShardId,
        /// The segment, relative to the disk's root.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

/// The logs of all shards. One writer; the entries themselves are not kept in memory.
pub struct LogStore {
    wal: Wal,
    shards: BTreeMap<ShardId, Tail>,
}

impl LogStore {
    /// Opens the logs in `dir`, which is created if needed, and returns what each shard's log holds; the
    /// store knows of nothing applied beyond the base. A segment is closed when it has
    /// `segment_bytes`.
    pub async fn open(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
    ) -> Result<(LogStore, BTreeMap<ShardId, Restored>), LogStoreError> {
        let (wal, recovered) = Wal::open(disk, dir, segment_bytes).await?;
        let mut replay = Replay::new(dir);
        for placed in recovered.records {
            replay.record(placed)?;
        }
        let (mut shards, mut logs) = (BTreeMap::new(), BTreeMap::new());
        for (shard, tail, restored) in replay.finish()? {
            shards.insert(shard, tail);
            logs.insert(shard, restored);
        }
        let mut store = LogStore { wal, shards };
        store.append_heads();
        store.commit().await?;
        store.remove_unneeded().await?;
        Ok((store, logs))
    }

    /// Adds a batch of a shard to what the next commit makes durable. Panics if its entries are not
    /// consecutive, leave a gap behind the log, or replace compacted ones.
    pub fn append(&mut self, shard: ShardId, batch: &Persist) {
        let segment = self.wal.segment();
        let tail = self.shards.entry(shard).or_default();
        if let Some(hard_state) = batch.hard_state {
            tail.hard_state = hard_state;
            Change::HardState(hard_state).append(&mut self.wal, shard);
        }
        if let Some(base) = &batch.reset {
            tail.reset(base.clone());
            Change::Reset(base.clone()).append(&mut self.wal, shard);
        }
        let first = batch.entries.first().map_or(0, |entry| entry.at.index);
        for (index, entry) in (first..).zip(&batch.entries) {
            assert_eq!(entry.at.index, index, "{shard}: entries have a gap");
            let refusal = tail.put(entry.at, segment).err();
            assert_eq!(refusal, None, "{shard}: entry {}", entry.at);
            change::append_entry(&mut self.wal, shard, entry);
        }
    }

    /// Makes everything that was appended durable, by one sync. After an error every later call
    /// fails.
    pub async fn commit(&mut self) -> Result<(), LogStoreError> {
        self.wal.commit().await?;
        if self.wal.should_rotate() {
            self.wal.rotate().await?;
            self.append_heads();
        }
        Ok(())
    }

    /// Forgets a shard's entries up to `base`, which the state machine holds durably, and removes
    /// the segments that nobody needs any more. What was appended before may be committed on the
    /// way. Panics if the log does not reach to `base`; does nothing if it was compacted further.
    pub async fn compact(&mut self, shard: ShardId, base: Base) -> Result<(), LogStoreError> {
        let tail = self.shards.entry(shard).or_default();
        if base.at.index <= tail.base.at.index {
            return Ok(());
        }
        let refusal = tail.compact(base.clone()).err();
        assert_eq!(refusal, None, "{shard}: compaction to {}", base.at);
        Change::Compact(base).append(&mut self.wal, shard);
        self.remove_unneeded().await
    }

    /// Bytes of the logs on the disk.
    pub fn bytes(&self) -> u64 {
        self.wal.bytes()
    }

    /// Begins a segment with the head of each shard. They go with the next batch, and are durable
    /// before anything older can be removed.
    fn append_heads(&mut self) {
        for (shard, tail) in &self.shards {
            Change::Head(tail.head()).append(&mut self.wal, *shard);
        }
    }

    /// Removes the segments before the first one with a needed entry. The compactions that make the
    /// others unneeded are made durable first: without them their entries would be missing.
    async fn remove_unneeded(&mut self) -> Result<(), LogStoreError> {
        let needed = self.first_needed();
        if needed > self.wal.first_segment() {
            self.commit().await?;
            self.wal.remove_before(needed).await?;
        }
        Ok(())
    }

    /// The oldest segment with an entry that some shard needs, or the current one.
    fn first_needed(&self) -> SegmentId {
        let needed = self.shards.values().filter_map(Tail::first_segment);
        needed.min().unwrap_or(self.wal.segment())
    }
}
