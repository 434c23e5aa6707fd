//! What readers look at, as one value that is swapped as a whole.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;

use super::{
    entry::Seq,
    error::Result,
    memtable::{Hit, Memtable},
    version::Version,
};

/// Everything the database holds at one moment.
#[derive(Clone)]
pub(super) struct SuperVersion {
    /// The memtable that takes writes.
    pub(super) active: Arc<Memtable>,
    /// Those that wait for their flush, the oldest first.
    pub(super) frozen: Vec<Frozen>,
    /// The tables.
    pub(super) version: Arc<Version>,
    /// How often everything was replaced by ingestion. What was begun in an earlier generation
    /// must not be added to this one.
    pub(super) generation: u64,
}

/// A memtable that takes no more writes.
#[derive(Clone)]
pub(super) struct Frozen {
    /// Its versions.
    pub(super) memtable: Arc<Memtable>,
    /// What its owner wants to find if this memtable is the last to become durable.
    pub(super) note: Bytes,
}

/// The present super-version.
pub(super) struct Current(
    // Held to copy or to replace the pointer, and for nothing else.
    RwLock<Arc<SuperVersion>>,
);

impl SuperVersion {
    /// The newest version of `key` at or below `at`, unless a range tombstone hides it.
    pub(super) async fn get(&self, key: &[u8], at: Seq) -> Result<Option<Hit>> {
        // Versions of a key are written in their order: the newest place that has one has the one,
        // and no older place has a range tombstone that hides it.
        let frozen = self.frozen.iter().rev().map(|frozen| &frozen.memtable);
        let mut hidden_below = 0;
        for memtable in std::iter::once(&self.active).chain(frozen) {
            let covering = memtable.tombstones().newest(key, at);
            hidden_below = hidden_below.max(covering.unwrap_or(0));
            if let Some(hit) = memtable.get(key, at) {
                return Ok(Some(hit).filter(|(seq, _)| *seq >= hidden_below));
            }
        }
        self.version.get(key, at, hidden_below).await
    }
}

impl Current {
    /// Begins with this one.
    pub(super) fn new(first: SuperVersion) -> Self {
        Current(RwLock::new(Arc::new(first)))
    }

    /// The present one, pinned.
    pub(super) fn load(&self) -> Arc<SuperVersion> {
        Arc::clone(&self.0.read())
    }

    /// Replaces the present one by a changed copy, and returns that.
    pub(super) fn update(&self, change: impl FnOnce(&mut SuperVersion)) -> Arc<SuperVersion> {
        let mut current = self.0.write();
        let mut next = SuperVersion::clone(&current);
        change(&mut next);
        let old = std::mem::replace(&mut *current, Arc::new(next));
        let new = Arc::clone(&current);
        // The last user of a table may go with the old one: not under the lock.
        drop(current);
        drop(old);
        new
    }
}
