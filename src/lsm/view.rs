//! A pinned set of memtables and tables, to be read in order.

use std::{ops::Bound, sync::Arc};

use super::{
    entry::Seq,
    error::Result,
    memtable::Memtable,
    merge::Merge,
    source::{RunCursor, Source},
    state::SuperVersion,
    version::{LEVELS, Version},
};

/// What a reader holds on to: as long as it lives, neither memory nor files go away.
#[derive(Clone)]
pub(super) struct View {
    /// From new to old.
    memtables: Vec<Arc<Memtable>>,
    version: Arc<Version>,
}

impl View {
    /// Everything, with the active memtable.
    pub(super) fn all(current: &SuperVersion) -> View {
        let mut view = View::frozen(current);
        view.memtables.insert(0, Arc::clone(&current.active));
        view
    }

    /// Everything that will not change any more.
    pub(super) fn frozen(current: &SuperVersion) -> View {
        let newest_first = current.frozen.iter().rev();
        View {
            memtables: newest_first
                .map(|frozen| Arc::clone(&frozen.memtable))
                .collect(),
            version: Arc::clone(&current.version),
        }
    }

    /// A cursor over all versions of all keys from `start` on.
    pub(super) async fn merge(&self, start: Bound<&[u8]>) -> Result<Merge> {
        match start {
            Bound::Unbounded => self.merge_from(&[], Seq::MAX).await,
            Bound::Included(key) => self.merge_from(key, Seq::MAX).await,
            // Nothing fits between a key and the same key with a zero byte behind it.
            Bound::Excluded(key) => self.merge_from(&[key, &[0]].concat(), Seq::MAX).await,
        }
    }

    async fn merge_from(&self, key: &[u8], seq: Seq) -> Result<Merge> {
        let memtables = self.memtables.iter();
        let mut sources: Vec<Source> = memtables
            .map(|memtable| Source::Memory(memtable.seek(key, seq)))
            .collect();
        let count = |level| self.version.level(level).len();
        let level0 = (0..count(0)).map(|table| (0, table..table + 1));
        let below = (1..LEVELS).map(|level| (level, 0..count(level)));
        for (level, tables) in level0.chain(below) {
            let version = Arc::clone(&self.version);
            let run = RunCursor::seek(version, level, tables, key, seq).await?;
            sources.push(Source::Run(Box::new(run)));
        }
        Ok(Merge::new(sources))
    }
}
