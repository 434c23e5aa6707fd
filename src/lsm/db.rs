//! The handle of an open database.

use std::{
    ops::Bound,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;

use super::{
    batch::{Batch, Mutation},
    checkpoint::checkpoint,
    entry::{SEQ_MAX, Seq},
    error::{LsmError, Result},
    ingest::Ingest,
    open::open,
    options::Options,
    prefix::prefix_bounds,
    range::{Found, Range},
    shared::Shared,
    snapshot::Snapshot,
    stats::Stats,
    verify::{Finding, Report, verify_open},
    view::View,
};
use crate::env::{
    Disk, rare,
    task::{Tasks, watch},
};

/// An open database. Clones share it; the background work ends with the last of them.
///
/// Anybody may read. `write`, `freeze`, `snapshot` and `ingest` are for one owner, who calls them
/// one after another.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
    _tasks: Arc<Tasks>,
}

impl Db {
    /// Opens the database in a directory, or makes an empty one, and starts its background work.
    pub async fn open(disk: Arc<dyn Disk>, dir: &str, options: Options) -> Result<Db> {
        let (shared, tasks) = open(disk, dir, options).await?;
        Ok(Db {
            shared,
            _tasks: Arc::new(tasks),
        })
    }

    /// The owner's note that became durable together with the newest durable flush or ingestion.
    /// Empty in a new database.
    pub fn note(&self) -> Bytes {
        self.shared.note.borrow().clone()
    }

    /// Shows [`Self::note`] and each that replaces it.
    pub fn durable_note(&self) -> watch::Receiver<Bytes> {
        self.shared.note.subscribe()
    }

    /// Adds the versions of a batch to the active memtable, where they are visible at once and
    /// durable after a freeze and a flush. Of one key the numbers must not decrease, where a range
    /// that is deleted counts as a write to each of its keys; a version that is written again
    /// replaces the earlier. Panics if somebody else is writing.
    pub fn write(&self, batch: &Batch) {
        self.apply(batch.mutations());
    }

    /// As [`Self::write`], one by one. Answers whether the memtable is then full.
    pub(super) fn apply<'a>(&self, mutations: impl Iterator<Item = Mutation<'a>>) -> bool {
        let mut writer = self.shared.writer();
        let bytes: usize = mutations.map(|mutation| writer.apply(mutation)).sum();
        let counter = &self.shared.counters.user_bytes;
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        writer.bytes() >= self.shared.files.options().memtable_bytes
    }

    /// Whether the active memtable has as many bytes as it should get.
    pub fn wants_freeze(&self) -> bool {
        let active = self.shared.current.load().active.bytes();
        active >= self.shared.files.options().memtable_bytes || rare::buggify("freeze early")
    }

    /// Ends the active memtable and begins another. The old one will become durable together
    /// with `note`, after all that were frozen before it. Waits while too many are frozen; fails
    /// once the background work has failed.
    pub async fn freeze(&self, note: Bytes) -> Result<()> {
        self.shared.freeze(note).await.map(drop)
    }

    /// Waits until [`Self::freeze`] would not wait. False if that takes longer than `patience`.
    pub(super) async fn make_room(&self, patience: Duration) -> Result<bool> {
        self.shared.make_room(patience).await
    }

    /// Waits as long as writers are to be slowed down, because flushes or compactions do not keep
    /// up: mostly not at all, and never longer than 20 milliseconds. An owner who calls it after
    /// its writes is spared long waits in [`Self::freeze`].
    pub async fn hold_back(&self) {
        self.shared.hold_back().await;
    }

    /// Whether [`Self::hold_back`] may wait.
    pub(super) fn holds_back(&self) -> bool {
        self.shared.pressure.is_on()
    }

    /// Waits until everything that is frozen now is durable.
    pub async fn flush(&self) -> Result<()> {
        let newest = match self.shared.current.load().frozen.last() {
            Some(frozen) => frozen.memtable.number(),
            None => return Ok(()),
        };
        let is_flushed = |oldest: u64| oldest > newest;
        self.shared
            .wait_until(|current| {
                let oldest = current.frozen.first();
                oldest.is_none_or(|frozen| is_flushed(frozen.memtable.number()))
            })
            .await
    }

    /// Waits until there is nothing to flush and nothing to compact.
    pub async fn settle(&self) -> Result<()> {
        self.shared
            .wait_until(|current| current.frozen.is_empty() && self.shared.is_settled(current))
            .await
    }

    /// The newest version of a key with a number of at most `at`; none if there is none, or if it
    /// is a tombstone.
    pub async fn get(&self, key: &[u8], at: Seq) -> Result<Option<Found>> {
        self.get_at(key, || at).await
    }

    /// As [`Self::get`], at a number that is asked for when it is settled what is looked at. So
    /// a floor that was raised before then does not hide anything that a reader at this number
    /// should see.
    pub(super) async fn get_at(
        &self,
        key: &[u8],
        at: impl FnOnce() -> Seq,
    ) -> Result<Option<Found>> {
        let gets = &self.shared.counters.gets;
        gets.fetch_add(1, Ordering::Relaxed);
        let current = self.shared.current.load();
        let hit = current.get(key, at().min(SEQ_MAX)).await?;
        Ok(hit.and_then(|(seq, value)| value.map(|value| Found { seq, value })))
    }

    /// The keys within bounds as they are at `at`, ascending; [`Range::reversed`] turns them round.
    pub fn range(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>), at: Seq) -> Range {
        self.range_at(bounds, || at)
    }

    /// As [`Self::range`], with a number as in [`Self::get_at`].
    pub(super) fn range_at(
        &self,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        at: impl FnOnce() -> Seq,
    ) -> Range {
        let view = View::all(&self.shared.current.load());
        Range::new(view, bounds, at())
    }

    /// The keys that begin with `prefix` as they are at `at`, ascending.
    pub fn prefix(&self, prefix: &[u8], at: Seq) -> Range {
        let (start, end) = prefix_bounds(prefix);
        let bounds = (
            start.as_ref().map(Vec::as_slice),
            end.as_ref().map(Vec::as_slice),
        );
        self.range(bounds, at)
    }

    /// Promises that nobody reads at a lower number any more: of every key, versions older than
    /// its newest one at or below `floor` may be dropped. 0 at first, which keeps all.
    pub fn set_floor(&self, floor: Seq) {
        self.shared.set_floor(floor);
    }

    /// Everything written so far, as it is now. Freezes the active memtable, with its note.
    pub async fn snapshot(&self, note: Bytes) -> Result<Snapshot> {
        let current = self.shared.freeze(note).await?;
        Ok(Snapshot::new(View::frozen(&current)))
    }

    /// Everything there is now, and perhaps some of what is written from now on: who wants one
    /// moment looks at versions up to its number, and sees to it that the floor stays below.
    /// Freezes nothing and holds nobody up.
    pub fn pin(&self) -> Snapshot {
        Snapshot::new(View::all(&self.shared.current.load()))
    }

    /// Begins to replace everything.
    pub async fn ingest(&self) -> Ingest {
        Ingest::new(Arc::clone(&self.shared))
    }

    /// Reads every file from the disk and compares it with the manifest, its checksums, and what
    /// it says about itself. Nothing is changed, and others may go on meanwhile; one block is in
    /// memory at a time. Fails only if the background work has stopped:
    /// [`verify`](super::verify()) then checks the closed directory.
    pub async fn verify(&self) -> Result<Report> {
        verify_open(&self.shared).await
    }

    /// Damage that the scrub has found since the database was opened, at most 100 pieces.
    pub fn damage(&self) -> Vec<Finding> {
        self.shared.damage.list()
    }

    /// Makes a copy of what is durable in another directory of the same disk, which shares the
    /// tables' bytes and opens like any database; it stays whatever becomes of this one. Durable
    /// when it returns. Flushes what is frozen first, and returns the note that the copy has: who
    /// wants everything in it freezes before. Refuses a directory that has a database or other
    /// files; an unfinished copy is cleared away.
    pub async fn checkpoint(&self, dir: &str) -> Result<Bytes> {
        self.flush().await?;
        checkpoint(&self.shared, dir).await
    }

    /// The state in numbers.
    pub fn stats(&self) -> Stats {
        let reads = self.shared.files.access().counts();
        let current = self.shared.current.load();
        let options = self.shared.files.options();
        self.shared.counters.stats(&current, options, &reads)
    }

    /// What keeps the background work from going on, if something does. Either it has stopped:
    /// [`Self::has_stopped`]. Or it waits to try again, for example until the disk has room; then
    /// nothing is lost, nothing more becomes durable for now, and sooner or later freezing waits.
    pub fn error(&self) -> Option<LsmError> {
        let failure = self.shared.failure.get().cloned();
        failure.or_else(|| self.shared.troubles.any())
    }

    /// Whether the background work has stopped for good. What is in memory and on disk can still be
    /// read; nothing more becomes durable. Open the database again once the cause is mended.
    pub fn has_stopped(&self) -> bool {
        self.shared.failure.get().is_some()
    }
}
