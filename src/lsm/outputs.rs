//! Writing sorted versions, and the range tombstones that cover them, into as many tables as they
//! need.

use std::{collections::VecDeque, mem, sync::Arc};

use super::{
    entry::Entry,
    error::Result,
    files::Files,
    garbage::LiveTable,
    grandparents::Grandparents,
    table::{TableBuilder, TableInfo},
    tombstones::{Fragment, RangeTombstones},
};

/// Tables in the making. Dropped before the end, it leaves their files to the collector of garbage.
pub(super) struct Outputs {
    files: Arc<Files>,
    /// The level for which the tables are meant.
    level: usize,
    /// A table is closed when it has this many bytes.
    table_bytes: usize,
    /// A table is also closed when it overlaps too much of these.
    grandparents: Grandparents,
    /// Range tombstones that begin behind everything that was added.
    ahead: VecDeque<Fragment>,
    builder: Option<TableBuilder>,
    finished: Vec<TableInfo>,
    /// The ids of all files that were begun.
    begun: Vec<u64>,
}

impl Outputs {
    /// No table yet; each will be cut at about `table_bytes` and belong to `level`.
    pub(super) fn new(files: Arc<Files>, level: usize, table_bytes: usize) -> Self {
        Outputs {
            files,
            level,
            table_bytes,
            grandparents: Grandparents::default(),
            ahead: VecDeque::new(),
            builder: None,
            finished: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// From now on closes tables also where they would overlap too much of the level below.
    pub(super) fn watch(&mut self, grandparents: Grandparents) {
        self.grandparents = grandparents;
    }

    /// Takes range tombstones along: all of them come into the tables, among the versions that are
    /// added from now on.
    pub(super) fn cover(&mut self, tombstones: RangeTombstones) {
        assert!(self.begun.is_empty(), "range tombstones come first");
        self.ahead = tombstones.into_fragments().into();
    }

    /// Adds a version, which must stand behind all that were added.
    pub(super) async fn add(&mut self, entry: Entry<'_>) -> Result<()> {
        self.begin_fragments(Some(entry.key)).await?;
        self.cut_before(entry.key).await?;
        // It begins there, or was cut off there just now.
        let next = self.take_next(|next| next.start == entry.key);
        let builder = self.builder().await?;
        next.into_iter().for_each(|next| builder.cover(next));
        builder.add(entry);
        builder.drain().await
    }

    /// Makes all tables durable, names included.
    pub(super) async fn finish(mut self) -> Result<Vec<Arc<LiveTable>>> {
        self.begin_fragments(None).await?;
        self.cut(None).await?;
        if self.finished.is_empty() {
            return Ok(Vec::new());
        }
        self.files.sync_names().await?;
        let finished = mem::take(&mut self.finished).into_iter();
        let tables = finished.map(|info| self.files.table(info)).collect();
        // From here on the tables look after their files.
        self.begun.clear();
        Ok(tables)
    }

    /// The bytes of all finished tables.
    pub(super) fn bytes(tables: &[Arc<LiveTable>]) -> u64 {
        tables.iter().map(|table| table.info().bytes).sum()
    }

    /// Adds the range tombstones that begin before a key, or all.
    async fn begin_fragments(&mut self, key: Option<&[u8]>) -> Result<()> {
        let is_due = |next: &Fragment| key.is_none_or(|key| &next.start[..] < key);
        while let Some(next) = self.take_next(is_due) {
            // Those that were added end before this one begins: nothing is cut off them.
            self.cut_before(&next.start).await?;
            self.builder().await?.cover(next);
        }
        Ok(())
    }

    fn take_next(&mut self, is_due: impl Fn(&Fragment) -> bool) -> Option<Fragment> {
        self.ahead.front().filter(|next| is_due(next))?;
        self.ahead.pop_front()
    }

    /// The table in the making, begun if there is none.
    async fn builder(&mut self) -> Result<&mut TableBuilder> {
        match &mut self.builder {
            Some(builder) => Ok(builder),
            none => {
                let id = self.files.take_id();
                self.begun.push(id);
                Ok(none.insert(self.files.create(id, self.level).await?))
            }
        }
    }

    /// Closes the table if it is full, but never between versions of one key: whoever looks for
    /// a key looks into one table of a level.
    async fn cut_before(&mut self, key: &[u8]) -> Result<()> {
        let is_enough = self.grandparents.are_enough_before(key);
        let is_full = |builder: &TableBuilder| {
            (is_enough || builder.bytes() >= self.table_bytes) && !builder.ends_with(key)
        };
        match self.builder.as_ref().is_some_and(is_full) {
            true => self.cut(Some(key)).await,
            false => Ok(()),
        }
    }

    /// Closes the table. What its range tombstones say of keys from `next` on goes into the next.
    async fn cut(&mut self, next: Option<&[u8]>) -> Result<()> {
        if let Some(mut builder) = self.builder.take() {
            let cut = next.and_then(|next| builder.uncover(next));
            cut.into_iter().for_each(|cut| self.ahead.push_front(cut));
            self.finished.push(builder.finish().await?);
            self.grandparents.restart();
        }
        Ok(())
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.files.discard(mem::take(&mut self.begun));
    }
}

#[cfg(test)]
mod tests;
