//! Where sorted versions come from: a memtable, or a run of tables.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::{
    entry::{Entry, Seq},
    error::Result,
    run_back::RunBackCursor,
    skiplist,
    table::{Caching, TableCursor},
    version::Version,
};

/// A cursor over one source, forwards or backwards.
pub(super) enum Source {
    /// A memtable.
    Memory(skiplist::Cursor),
    /// Tables that follow each other.
    Run(Box<RunCursor>),
    /// A memtable, backwards.
    MemoryBack(skiplist::Cursor),
    /// Tables that follow each other, backwards.
    RunBack(Box<RunBackCursor>),
}

/// A cursor over neighbouring tables of a level, one behind the other. In level 0, where tables
/// overlap, a run has one table.
pub(super) struct RunCursor {
    /// Keeps the tables open and their files in place.
    version: Arc<Version>,
    level: usize,
    /// What reading does with the cache.
    caching: Caching,
    /// The table under the cursor and those that follow.
    tables: Range<usize>,
    /// The place in the first of them; none behind the last version.
    cursor: Option<TableCursor>,
}

impl Source {
    /// The version under the cursor; none beyond the end.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        match self {
            Source::Memory(cursor) | Source::MemoryBack(cursor) => cursor.entry(),
            Source::Run(run) => run.cursor.as_ref()?.entry(),
            Source::RunBack(run) => run.entry(),
        }
    }

    /// The value under the cursor to keep: shared with a block, copied from a memtable.
    pub(super) fn value(&self) -> Option<Bytes> {
        match self {
            Source::Memory(cursor) | Source::MemoryBack(cursor) => {
                cursor.entry()?.value.map(Bytes::copy_from_slice)
            }
            Source::Run(run) => run.cursor.as_ref()?.value(),
            Source::RunBack(run) => run.value(),
        }
    }

    /// Moves to the next version in its direction, or beyond the end, if nothing has to be read for that.
    /// Answers whether it did; if not, it is [`Self::cross`]'s turn.
    pub(super) fn step(&mut self) -> Result<bool> {
        match self {
            Source::Memory(cursor) => cursor.advance(),
            Source::MemoryBack(cursor) => cursor.retreat(),
            Source::Run(run) => return run.step(),
            Source::RunBack(_) => return Ok(false),
        }
        Ok(true)
    }

    /// Moves to the next version where [`Self::step`] could not: into another block or table.
    pub(super) async fn cross(&mut self) -> Result<()> {
        match self {
            Source::Memory(_) | Source::MemoryBack(_) => Ok(()),
            Source::Run(run) => run.cross().await,
            Source::RunBack(run) => run.retreat().await,
        }
    }
}

impl RunCursor {
    /// A cursor on the first version of `key`, or behind it, in these tables, of which the first
    /// may not end before the key.
    pub(super) async fn seek(
        version: Arc<Version>,
        level: usize,
        tables: Range<usize>,
        key: &[u8],
        caching: Caching,
    ) -> Result<RunCursor> {
        let cursor = match version.level(level)[tables.clone()].first() {
            Some(table) => Some(TableCursor::seek(table, key, Seq::MAX, caching).await?),
            None => None,
        };
        let mut run = RunCursor {
            version,
            level,
            caching,
            tables,
            cursor,
        };
        run.leave_if_done().await?;
        Ok(run)
    }

    /// Moves on within the block. Answers whether it did; behind the last version there is nothing to do.
    fn step(&mut self) -> Result<bool> {
        match &mut self.cursor {
            Some(cursor) => cursor.step(&self.version.level(self.level)[self.tables.start]),
            None => Ok(true),
        }
    }

    /// Moves from the end of a block to the next version.
    async fn cross(&mut self) -> Result<()> {
        if let Some(cursor) = &mut self.cursor {
            let table = &self.version.level(self.level)[self.tables.start];
            cursor.next_block(table).await?;
        }
        self.leave_if_done().await
    }

    /// Moves on to the next table with versions if the current one has no more.
    async fn leave_if_done(&mut self) -> Result<()> {
        let is_done = |cursor: &TableCursor| cursor.entry().is_none();
        while self.cursor.as_ref().is_some_and(is_done) {
            self.tables.start += 1;
            // A reader who has come so far will hardly want all this soon again.
            self.caching = Caching::Pass;
            self.enter().await?;
        }
        Ok(())
    }

    /// Stands on the first version of the first table, or behind the last if it has none.
    async fn enter(&mut self) -> Result<()> {
        self.cursor = match self.version.level(self.level)[self.tables.clone()].first() {
            Some(table) => Some(TableCursor::first(table, self.caching).await?),
            None => None,
        };
        Ok(())
    }
}
