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
//!
//! A log that is damaged in its middle begins anew with what stands before the damage, and is marked
//! as damaged until a batch heals it (`salvage`). Term and vote must be certain for that, so every batch
//! of a shard begins with them, changed or not, and a change is written once more when it is durable,
//! in another block: damage to the very last batch of all cannot be told from one that never became
//! durable.
//!
//! # What is left out
//! If that last batch was of entries, damage to it takes them back unnoticed, as the log then ends
//! before it. Damage to both records of a vote, which takes two bad blocks, does the same to the vote
//! while nothing is written behind them.
//!
//! Entries that stand behind the damage, or that others have replaced meanwhile, are not told from
//! those that are lost: the leader sends them again. A shard of which no record is left at all, when
//! there are several, is not known to be missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use thiserror::Error;

use crate::{
    env::Disk,
    raft::{Base, Membership, Persist, Restored},
    types::ShardId,
    wal::{Placed, Recovered, SegmentId, Wal, WalError},
};

mod change;
mod replay;
mod salvage;
mod tail;
#[cfg(test)]
mod tests;

use change::{Change, that_count};
use replay::Replay;
use salvage::{Found, begin_anew, find};
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
    /// The log is damaged where something stood that nobody else can give back.
    #[error(
        "{damage}; {what}, so this node cannot know what it promised: replace it \
         (move its data directory away and start it on an empty one with --join)"
    )]
    Lost {
        /// The first place that is damaged.
        damage: WalError,
        /// What may have stood there.
        what: &'static str,
    },
}

impl LogStoreError {
    /// A record in `dir` that cannot be what was written.
    fn corrupt(dir: &str, placed: &Placed, what: &'static str) -> LogStoreError {
        LogStoreError::Corrupt {
            shard: placed.record.shard,
            file: format!("{dir}/{}", placed.segment),
            offset: placed.offset,
            what,
        }
    }
}

/// The logs of all shards. One writer; the entries themselves are not kept in memory.
pub struct LogStore {
    wal: Wal,
    shards: BTreeMap<ShardId, Tail>,
    /// Whose term or vote changes with the next commit.
    changed: BTreeSet<ShardId>,
}

impl LogStore {
    fn new(wal: Wal, shards: BTreeMap<ShardId, Tail>) -> LogStore {
        let changed = BTreeSet::new();
        LogStore {
            wal,
            shards,
            changed,
        }
    }
}

impl LogStore {
    /// Opens the logs in `dir`, which is created if needed, and returns what each shard's log holds; the
    /// store knows of nothing applied beyond the base. A segment is closed when it has
    /// `segment_bytes`. Of logs that are damaged in their middle, the part before the damage is
    /// returned and kept ([`Restored::damaged`]), or nothing if term and vote may be lost.
    pub async fn open(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
    ) -> Result<(LogStore, BTreeMap<ShardId, Restored>), LogStoreError> {
        loop {
            match Wal::open(disk.clone(), dir, segment_bytes).await {
                Ok((wal, recovered)) => return LogStore::replayed(wal, recovered, dir).await,
                Err(WalError::Corrupt { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            // Ends, as each time around removes segments.
            if let Found::Damage(salvage) = find(disk.as_ref(), dir).await? {
                return begin_anew(disk, dir, segment_bytes, salvage).await;
            }
        }
    }

    async fn replayed(
        wal: Wal,
        recovered: Recovered,
        dir: &str,
    ) -> Result<(LogStore, BTreeMap<ShardId, Restored>), LogStoreError> {
        let mut replay = Replay::new(dir);
        for placed in that_count(recovered.records) {
            replay.record(placed)?;
        }
        let (mut shards, mut logs) = (BTreeMap::new(), BTreeMap::new());
        for (shard, tail, restored) in replay.finish()? {
            shards.insert(shard, tail);
            logs.insert(shard, restored);
        }
        let mut store = LogStore::new(wal, shards);
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
        let hard_state = batch.hard_state.unwrap_or(tail.hard_state);
        if std::mem::replace(&mut tail.hard_state, hard_state) != hard_state {
            self.changed.insert(shard);
        }
        // Even if it is the same: should what is durable now be damaged, this may be what is left.
        Change::HardState(hard_state).append(&mut self.wal, shard);
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
        if let Some(damaged) = batch.damaged {
            tail.damaged = damaged;
            let mark = if damaged {
                Change::Lost
            } else {
                Change::Healed
            };
            mark.append(&mut self.wal, shard);
        }
    }

    /// Forgets all entries of a shard, durably, but not its term and vote: as if the disk had lost them
    /// ([`Restored::damaged`]). `membership` is who took part by the last of them.
    pub async fn forget(
        &mut self,
        shard: ShardId,
        membership: Membership,
    ) -> Result<Restored, LogStoreError> {
        let tail = self.shards.entry(shard).or_default();
        let base = Base {
            membership,
            ..Base::default()
        };
        tail.damaged = true;
        tail.reset(base.clone());
        let hard_state = tail.hard_state;
        // In this order: if the disk keeps only a part, no log is short without saying so.
        Change::HardState(hard_state).append(&mut self.wal, shard);
        Change::Lost.append(&mut self.wal, shard);
        Change::Reset(base.clone()).append(&mut self.wal, shard);
        self.wal.commit().await?;
        Ok(Restored {
            hard_state,
            base,
            damaged: true,
            ..Restored::default()
        })
    }

    /// Makes everything that was appended durable, by one sync, and one more if a term or vote
    /// changes. After an error every later call fails.
    pub async fn commit(&mut self) -> Result<(), LogStoreError> {
        self.wal.commit().await?;
        if !self.changed.is_empty() {
            self.repeat_changed();
            self.wal.commit().await?;
        }
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
        Change::HardState(tail.hard_state).append(&mut self.wal, shard);
        Change::Compact(base).append(&mut self.wal, shard);
        self.remove_unneeded().await
    }

    /// Bytes of the logs on the disk.
    pub fn bytes(&self) -> u64 {
        self.wal.bytes()
    }

    /// Writes the terms and votes again that have just become durable. Damage to the last batch looks
    /// like one that never became durable: what nobody else can give back must not be there alone,
    /// nor twice in one block.
    fn repeat_changed(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        if let Some(shard) = changed.first() {
            Change::Apart.append(&mut self.wal, *shard);
        }
        for shard in changed {
            let hard_state = self.shards[&shard].hard_state;
            Change::HardState(hard_state).append(&mut self.wal, shard);
        }
    }

    /// Begins a segment with the head of each shard. They go with the next batch, and are durable
    /// before anything older can be removed.
    fn append_heads(&mut self) {
        for (shard, tail) in &self.shards {
            Change::Head(tail.head()).append(&mut self.wal, *shard);
        }
    }

    /// Removes the segments before the first one with a needed entry. The compactions that make the
    /// others unneeded are made durable first: without them their entries would be missing. So are
    /// the heads, behind all that: what is then left may be a single batch, and damage to it would
    /// look as if nothing had ever been there.
    async fn remove_unneeded(&mut self) -> Result<(), LogStoreError> {
        let needed = self.first_needed();
        if needed > self.wal.first_segment() {
            self.commit().await?;
            self.append_heads();
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
