//! Neighbouring tables read backwards.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::{
    entry::{Entry, Seq},
    error::Result,
    table::{Caching, TableBackCursor},
    version::Version,
};

/// A cursor over neighbouring tables of a level, from the last to the first. In level 0, where
/// tables overlap, a run has one table.
pub(super) struct RunBackCursor {
    /// Keeps the tables open and their files in place.
    version: Arc<Version>,
    level: usize,
    /// What reading does with the cache.
    caching: Caching,
    /// The tables before the one under the cursor, and that one.
    tables: Range<usize>,
    /// The place in the last of them; none in front of the first version.
    cursor: Option<TableBackCursor>,
}

impl RunBackCursor {
    /// A cursor on the last version of keys below `key` in these tables, or on the last of all
    /// without one.
    pub(super) async fn seek(
        version: Arc<Version>,
        level: usize,
        tables: Range<usize>,
        key: Option<&[u8]>,
        caching: Caching,
    ) -> Result<RunBackCursor> {
        let mut run = RunBackCursor {
            version,
            level,
            caching,
            tables,
            cursor: None,
        };
        match key {
            None => run.enter().await?,
            Some(key) => {
                if let Some(table) = run.version.level(level)[run.tables.clone()].last() {
                    let cursor = TableBackCursor::before(table, key, Seq::MAX, caching);
                    run.cursor = Some(cursor.await?);
                }
            }
        }
        run.leave_if_done().await?;
        Ok(run)
    }

    /// The version under the cursor; none in front of the first.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        self.cursor.as_ref()?.entry()
    }

    /// The value under the cursor, sharing the block's memory; none for a tombstone.
    pub(super) fn value(&self) -> Option<Bytes> {
        self.cursor.as_ref()?.value()
    }

    /// Moves to the version before, or in front of the first.
    pub(super) async fn retreat(&mut self) -> Result<()> {
        let Some(cursor) = &mut self.cursor else {
            return Ok(());
        };
        let table = &self.version.level(self.level)[self.tables.end - 1];
        if cursor.step(table)? {
            return Ok(());
        }
        cursor.previous_block(table).await?;
        self.leave_if_done().await
    }

    /// Moves on to the nearest table before with versions if the current one has no more.
    async fn leave_if_done(&mut self) -> Result<()> {
        let is_done = |cursor: &TableBackCursor| cursor.entry().is_none();
        while self.cursor.as_ref().is_some_and(is_done) {
            self.tables.end -= 1;
            // A reader who has come so far will hardly want all this soon again.
            self.caching = Caching::Pass;
            self.enter().await?;
        }
        Ok(())
    }

    /// Stands on the last version of the last table, or before the first if it has none.
    async fn enter(&mut self) -> Result<()> {
        self.cursor = match self.version.level(self.level)[self.tables.clone()].last() {
            Some(table) => Some(TableBackCursor::last(table, self.caching).await?),
            None => None,
        };
        Ok(())
    }
}
