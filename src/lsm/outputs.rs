//! Writing sorted versions into as many tables as they need.

use std::{mem, sync::Arc};

use super::{
    entry::Entry,
    error::Result,
    files::Files,
    garbage::LiveTable,
    grandparents::Grandparents,
    table::{TableBuilder, TableInfo},
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
            builder: None,
            finished: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// From now on closes tables also where they would overlap too much of the level below.
    pub(super) fn watch(&mut self, grandparents: Grandparents) {
        self.grandparents = grandparents;
    }

    /// Adds a version, which must stand behind all that were added.
    pub(super) async fn add(&mut self, entry: Entry<'_>) -> Result<()> {
        self.cut_before(entry.key).await?;
        let builder = match &mut self.builder {
            Some(builder) => builder,
            none => {
                let id = self.files.take_id();
                self.begun.push(id);
                none.insert(self.files.create(id, self.level).await?)
            }
        };
        builder.add(entry);
        builder.drain().await
    }

    /// Makes all tables durable, names included.
    pub(super) async fn finish(mut self) -> Result<Vec<Arc<LiveTable>>> {
        self.cut().await?;
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

    /// Closes the table if it is full, but never between versions of one key: whoever looks for
    /// a key looks into one table of a level.
    async fn cut_before(&mut self, key: &[u8]) -> Result<()> {
        let is_enough = self.grandparents.are_enough_before(key);
        let is_full = |builder: &TableBuilder| {
            (is_enough || builder.bytes() >= self.table_bytes) && !builder.ends_with(key)
        };
        match self.builder.as_ref().is_some_and(is_full) {
            true => self.cut().await,
            false => Ok(()),
        }
    }

    async fn cut(&mut self) -> Result<()> {
        if let Some(builder) = self.builder.take() {
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
