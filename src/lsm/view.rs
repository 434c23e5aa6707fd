//! A pinned set of memtables and tables, to be read in order.

use std::{
    ops::{Bound, Range},
    sync::Arc,
};

use super::{
    cover::Cover,
    entry::Seq,
    error::Result,
    memtable::Memtable,
    merge::Merge,
    run_back::RunBackCursor,
    source::{RunCursor, Source},
    state::SuperVersion,
    table::{Caching, Properties},
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

    /// The range tombstones there are now.
    pub(super) fn cover(&self) -> Cover {
        let memtables = self.memtables.iter();
        let memory = memtables.flat_map(|memtable| memtable.tombstones().sets());
        Cover::new(memory.collect(), Arc::clone(&self.version))
    }

    /// A cursor over all versions of all keys from `start` on, whatever range tombstones say. Tables that lie beyond `end` are
    /// left out, but versions beyond it may come by.
    pub(super) async fn merge(
        &self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        caching: Caching,
    ) -> Result<Merge> {
        match start {
            Bound::Unbounded => self.merge_from(&[], end, caching).await,
            Bound::Included(key) => self.merge_from(key, end, caching).await,
            // Nothing fits between a key and the same key with a zero byte behind it.
            Bound::Excluded(key) => self.merge_from(&[key, &[0]].concat(), end, caching).await,
        }
    }

    async fn merge_from(&self, key: &[u8], end: Bound<&[u8]>, caching: Caching) -> Result<Merge> {
        let memtables = self.memtables.iter();
        let mut sources: Vec<Source> = memtables
            .map(|memtable| Source::Memory(memtable.seek(key, Seq::MAX)))
            .collect();
        for (level, tables) in self.runs() {
            let tables = self.version.skip_before(level, tables, key);
            let first = self.version.level(level)[tables.clone()].first();
            if first.is_some_and(|table| !is_beyond(end, &table.info().properties.smallest)) {
                let version = Arc::clone(&self.version);
                let run = RunCursor::seek(version, level, tables, key, caching).await?;
                sources.push(Source::Run(Box::new(run)));
            }
        }
        Ok(Merge::new(sources))
    }

    /// As [`Self::merge`], backwards: all versions of all keys from `end` down. Tables that lie before
    /// `start` are left out, but versions before it may come by.
    pub(super) async fn merge_back(
        &self,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        caching: Caching,
    ) -> Result<Merge> {
        match end {
            Bound::Unbounded => self.merge_below(start, None, caching).await,
            Bound::Excluded(key) => self.merge_below(start, Some(key), caching).await,
            // Nothing fits between a key and the same key with a zero byte behind it.
            Bound::Included(key) => {
                let key = [key, &[0]].concat();
                self.merge_below(start, Some(&key), caching).await
            }
        }
    }

    async fn merge_below(
        &self,
        start: Bound<&[u8]>,
        key: Option<&[u8]>,
        caching: Caching,
    ) -> Result<Merge> {
        let memtables = self.memtables.iter();
        let mut sources: Vec<Source> = memtables
            .map(|memtable| Source::MemoryBack(memtable.before(key)))
            .collect();
        for (level, tables) in self.runs() {
            let tables = match key {
                Some(key) => self.version.skip_from(level, tables, key),
                None => tables,
            };
            let last = self.version.level(level)[tables.clone()].last();
            let ends_before = |properties: &Properties| match start {
                Bound::Unbounded => false,
                Bound::Included(start) | Bound::Excluded(start) => properties.ends_before(start),
            };
            if last.is_some_and(|table| !ends_before(&table.info().properties)) {
                let version = Arc::clone(&self.version);
                let run = RunBackCursor::seek(version, level, tables, key, caching).await?;
                sources.push(Source::RunBack(Box::new(run)));
            }
        }
        Ok(Merge::back(sources))
    }

    /// Tables that can be read one behind the other, from new to old: each of level 0 for itself,
    /// and whole levels below.
    fn runs(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let count = |level| self.version.level(level).len();
        let level0 = (0..count(0)).map(|table| (0, table..table + 1));
        level0.chain((1..LEVELS).map(move |level| (level, 0..count(level))))
    }
}

/// Whether a key lies behind the end of a range.
pub(super) fn is_beyond(end: Bound<&[u8]>, key: &[u8]) -> bool {
    match end {
        Bound::Unbounded => false,
        Bound::Included(end) => key > end,
        Bound::Excluded(end) => key >= end,
    }
}

/// Whether a key lies in front of the start of a range.
pub(super) fn is_before(start: Bound<&[u8]>, key: &[u8]) -> bool {
    match start {
        Bound::Unbounded => false,
        Bound::Included(start) => key < start,
        Bound::Excluded(start) => key <= start,
    }
}
