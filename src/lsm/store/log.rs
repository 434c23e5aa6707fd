//! The log of a store, and the numbers that it gives. At any moment it belongs to one writer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    super::{db::Db, entry::Seq},
    batch::{Writes, check, our_mutations},
    error::{Result, StoreError},
    group::Pending,
    note::Note,
    options::{StoreOptions, SyncMode},
};
use crate::{
    types::ShardId,
    wal::{SegmentId, Wal, WalError},
};

/// The kind of a record with writes.
pub(super) const WRITES: u8 = 1;

/// A store has one log for itself.
pub(super) const SHARD: ShardId = ShardId(0);

/// Everything that only the present leader may touch.
pub(super) struct Log {
    wal: Wal,
    db: Db,
    sync: SyncMode,
    /// How long a write waits for memory.
    patience: Duration,
    /// The number of the next write.
    next: Seq,
    /// The active memtable has its size.
    is_full: bool,
    /// The segments before this one are being removed.
    first_kept: Arc<AtomicU64>,
}

impl Log {
    /// The log of an open database whose next write has this number.
    pub(super) fn new(
        wal: Wal,
        db: Db,
        options: &StoreOptions,
        next: Seq,
        first_kept: Arc<AtomicU64>,
    ) -> Log {
        Log {
            wal,
            sync: options.sync,
            patience: Duration::from_millis(options.stall_ms_max),
            next,
            is_full: db.wants_freeze(),
            db,
            first_kept,
        }
    }

    /// The number of the last write.
    pub(super) fn last(&self) -> Seq {
        self.next - 1
    }

    /// Bytes written since the store was opened.
    pub(super) fn bytes_written(&self) -> u64 {
        self.wal.written_bytes()
    }

    /// Whether writes need not wait for anything but the disk.
    pub(super) fn is_ready(&self) -> bool {
        !self.is_full && !self.db.holds_back()
    }

    /// Makes writes on this thread, without a future; none, and nothing is done, if the disk cannot
    /// do that. Only if [`Self::is_ready`].
    pub(super) fn write_now(&mut self, writes: &Writes<'_>) -> Option<Result<()>> {
        writes.record(self.next, |parts| self.wal.append(WRITES, SHARD, parts));
        let written = match self.sync {
            SyncMode::None => self.wal.write_now()?,
            SyncMode::EachWrite | SyncMode::Group => self.wal.commit_now()?,
        };
        Some(written.map_err(unknown).map(|()| {
            let is_full = self.db.apply(writes.mutations(self.next));
            self.is_full = is_full || self.wal.should_rotate();
            self.next += writes.count();
        }))
    }

    /// Makes all writes of a group: first in the log, then in memory. After an error the log is
    /// not to be used again.
    pub(super) async fn commit(&mut self, group: &Pending) -> Result<()> {
        self.db.hold_back().await;
        if self.is_full || group.wants_freeze {
            self.freeze().await?;
        }
        if group.writes > 0 {
            let check = [check(self.next)];
            self.wal.append(WRITES, SHARD, &[&check, &group.bytes]);
        }
        let written = match self.sync {
            SyncMode::None if !group.wants_sync => self.wal.write().await,
            _ => self.wal.commit().await,
        };
        written.map_err(unknown)?;
        let is_full = self.db.apply(our_mutations(&group.bytes, self.next));
        self.is_full = is_full || self.wal.should_rotate();
        self.next += group.writes;
        Ok(())
    }

    /// Ends the active memtable and its segment together, once there is room for one more.
    async fn freeze(&mut self) -> Result<()> {
        if !self.db.make_room(self.patience).await? {
            return Err(StoreError::Stalled {
                ms: self.patience.as_millis() as u64,
                cause: self.db.error(),
            });
        }
        let first_kept = SegmentId(self.first_kept.load(Ordering::Relaxed));
        self.wal.forget_before(first_kept);
        self.wal.rotate().await?;
        let note = Note {
            segment: self.wal.segment(),
            last: self.last(),
        };
        self.db.freeze(note.encode()).await?;
        self.is_full = false;
        Ok(())
    }
}

fn unknown(cause: WalError) -> StoreError {
    StoreError::Unknown { cause }
}
