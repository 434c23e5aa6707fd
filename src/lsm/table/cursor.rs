//! Going through a table in order, block by block.

use bytes::Bytes;

use super::{
    super::{
        block::BlockCursor,
        entry::{Entry, Seq},
        error::Result,
    },
    blocks::Blocks,
    cache::Caching,
    format::Handle,
    reader::Table,
};

/// A place in a table: before the first version, on one, or behind the last. It does not hold the
/// table; every call is given it.
pub(in crate::lsm) struct TableCursor {
    blocks: Blocks,
    /// The number of the block behind the current one.
    next: usize,
    /// The current block; none before the first and behind the last.
    block: Option<(Handle, BlockCursor)>,
}

impl TableCursor {
    /// A cursor on the first version at or behind `(key, seq)`.
    pub(in crate::lsm) async fn seek(
        table: &Table,
        key: &[u8],
        seq: Seq,
        caching: Caching,
    ) -> Result<TableCursor> {
        let tail = table.tail().await?;
        let mut cursor = TableCursor {
            blocks: Blocks::new(caching),
            next: table.find(tail, key, seq)?,
            block: None,
        };
        cursor.load(table).await?;
        if let Some((handle, block)) = &mut cursor.block {
            block
                .seek(key, seq)
                .map_err(|error| table.block_error(*handle, error))?;
            if block.entry().is_none() {
                // The target lies between this block's last version and its index entry.
                cursor.next_block(table).await?;
            }
        }
        Ok(cursor)
    }

    /// A cursor on the first version.
    pub(in crate::lsm) async fn first(table: &Table, caching: Caching) -> Result<TableCursor> {
        let mut cursor = TableCursor {
            blocks: Blocks::new(caching),
            next: 0,
            block: None,
        };
        cursor.next_block(table).await?;
        Ok(cursor)
    }

    /// The version under the cursor.
    pub(in crate::lsm) fn entry(&self) -> Option<Entry<'_>> {
        self.block.as_ref()?.1.entry()
    }

    /// The value under the cursor, sharing the block's memory; none for a tombstone.
    pub(in crate::lsm) fn value(&self) -> Option<Bytes> {
        self.block.as_ref()?.1.value()
    }

    /// Moves to the next version of the same block. False if there is none:
    /// [`Self::next_block`] is to follow.
    pub(in crate::lsm) fn step(&mut self, table: &Table) -> Result<bool> {
        let Some((handle, block)) = &mut self.block else {
            return Ok(false);
        };
        block
            .advance()
            .map_err(|error| table.block_error(*handle, error))?;
        Ok(block.entry().is_some())
    }

    /// Moves to the first version of the next block, or behind the last version of all.
    pub(in crate::lsm) async fn next_block(&mut self, table: &Table) -> Result<()> {
        self.load(table).await?;
        if let Some((handle, block)) = &mut self.block {
            block
                .advance()
                .map_err(|error| table.block_error(*handle, error))?;
        }
        Ok(())
    }

    /// Reads the next block; the cursor is then before its first version.
    async fn load(&mut self, table: &Table) -> Result<()> {
        let Some(handle) = table.tail().await?.index.handle(self.next) else {
            self.block = None;
            return Ok(());
        };
        self.next += 1;
        let loaded = self.blocks.read(table, handle).await?;
        match &mut self.block {
            Some((current, cursor)) => {
                *current = handle;
                cursor.reset(loaded);
            }
            none => *none = Some((handle, BlockCursor::new(loaded))),
        }
        Ok(())
    }
}
