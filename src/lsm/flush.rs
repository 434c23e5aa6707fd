//! Writing frozen memtables to disk, in their order.

use std::sync::{Arc, atomic::Ordering};

use super::{
    commit::Change,
    error::Result,
    outputs::Outputs,
    pace::Pace,
    retain::Retention,
    shared::Shared,
    state::{Frozen, SuperVersion},
    tombstones::RangeTombstones,
    trouble::{Attempts, Worker},
};

/// Flushes whatever is frozen, until something fails.
pub(super) async fn run(shared: Arc<Shared>) {
    let is_due = |current: &SuperVersion| is_due(current, &shared);
    let attempts = Attempts::new(&shared, Worker::Flusher);
    while shared.wait_until(is_due).await.is_ok() {
        let current = shared.current.load();
        // An ingestion may have come between.
        let Some(oldest) = current.frozen.first() else {
            continue;
        };
        match flush(&shared, oldest, current.generation).await {
            Ok(()) => attempts.succeed(),
            // The next attempt writes another file.
            Err(error) => _ = attempts.fail(error).await,
        }
    }
}

/// Something is frozen, and level 0 is not so crowded that compaction must come first.
fn is_due(current: &SuperVersion, shared: &Shared) -> bool {
    let level0 = current.version.level(0).len();
    !current.frozen.is_empty() && level0 < shared.files.options().level0_stall()
}

/// One memtable becomes one table, and its note the durable one, at once.
async fn flush(shared: &Shared, frozen: &Frozen, generation: u64) -> Result<()> {
    let sets = frozen.memtable.tombstones().sets();
    let tombstones = RangeTombstones::merge(sets.iter().map(Arc::as_ref));
    // There may be older versions in the tables.
    let mut retention = Retention::new(shared.floor(), false, tombstones);
    let mut outputs = Outputs::new(Arc::clone(&shared.files), 0, usize::MAX);
    outputs.cover(retention.tombstones());
    let mut cursor = frozen.memtable.first();
    // No rate: writers wait for it.
    let mut pace = Pace::new(None);
    while let Some(entry) = cursor.entry() {
        let is_due = pace.count(entry.bytes());
        if retention.keeps(entry) {
            outputs.add(entry).await?;
        }
        cursor.advance();
        if is_due {
            pace.turn().await;
        }
    }
    let tables = outputs.finish().await?;
    let bytes = Outputs::bytes(&tables);
    let change = Change::Flush {
        generation,
        memtable: frozen.memtable.number(),
        table: tables.into_iter().next(),
        note: frozen.note.clone(),
    };
    if shared.commit(change).await? {
        let counter = &shared.counters.flush_bytes;
        counter.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(())
}
