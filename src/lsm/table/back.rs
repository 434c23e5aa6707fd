//! Going through a table backwards, block by block.

use bytes::Bytes;

use super::{
    super::{
        block::{Block, BlockBackCursor},
        entry::{Entry, Seq},
        error::Result,
    },
    blocks::Blocks,
    cache::Caching,
    format::Handle,
    reader::Table,
};

/// A place in a table: on a version, or before the first. It moves towards the beginning. It does
/// not hold the table; every call is given it.
pub(in crate::lsm) struct TableBackCursor {
    blocks: Blocks,
    /// The number of the current block.
    slot: usize,
    /// The current block; none before the first.
    block: Option<(Handle, BlockBackCursor)>,
}

impl TableBackCursor {
    /// A cursor on the last version in front of `(key, seq)`.
    pub(in crate::lsm) async fn before(
        table: &Table,
        key: &[u8],
        seq: Seq,
        caching: Caching,
    ) -> Result<TableBackCursor> {
        let tail = table.tail().await?;
        // All of the blocks before this one is in front of the target.
        let slot = table.find(tail, key, seq)?;
        let mut cursor = TableBackCursor::at(slot, caching);
        if slot == tail.index.len() {
            cursor.previous_block(table).await?;
            return Ok(cursor);
        }
        let (handle, block) = cursor.load(table).await?;
        let placed = BlockBackCursor::before(block, key, seq);
        let placed = placed.map_err(|error| table.block_error(handle, error))?;
        let is_here = placed.entry().is_some();
        cursor.block = Some((handle, placed));
        if !is_here {
            cursor.previous_block(table).await?;
        }
        Ok(cursor)
    }

    /// A cursor on the last version.
    pub(in crate::lsm) async fn last(table: &Table, caching: Caching) -> Result<TableBackCursor> {
        let blocks = table.tail().await?.index.len();
        let mut cursor = TableBackCursor::at(blocks, caching);
        cursor.previous_block(table).await?;
        Ok(cursor)
    }

    fn at(slot: usize, caching: Caching) -> Self {
        TableBackCursor {
            blocks: Blocks::new(caching),
            slot,
            block: None,
        }
    }

    /// The version under the cursor.
    pub(in crate::lsm) fn entry(&self) -> Option<Entry<'_>> {
        self.block.as_ref()?.1.entry()
    }

    /// The value under the cursor, sharing the block's memory; none for a tombstone.
    pub(in crate::lsm) fn value(&self) -> Option<Bytes> {
        self.block.as_ref()?.1.value()
    }

    /// Moves to the version before in the same block. False if there is none:
    /// [`Self::previous_block`] is to follow.
    pub(in crate::lsm) fn step(&mut self, table: &Table) -> Result<bool> {
        let Some((handle, block)) = &mut self.block else {
            return Ok(false);
        };
        block
            .retreat()
            .map_err(|error| table.block_error(*handle, error))?;
        Ok(block.entry().is_some())
    }

    /// Moves to the last version of the block before, or in front of the first version of all.
    pub(in crate::lsm) async fn previous_block(&mut self, table: &Table) -> Result<()> {
        self.block = None;
        let Some(slot) = self.slot.checked_sub(1) else {
            return Ok(());
        };
        self.slot = slot;
        let (handle, block) = self.load(table).await?;
        let last = BlockBackCursor::last(block);
        let last = last.map_err(|error| table.block_error(handle, error))?;
        self.block = Some((handle, last));
        Ok(())
    }

    /// Reads the current block.
    async fn load(&mut self, table: &Table) -> Result<(Handle, Block)> {
        let handle = table.tail().await?.index.handle(self.slot);
        let handle = handle.expect("a cursor stands in a block of its table");
        let block = self.blocks.read(table, handle).await?;
        Ok((handle, block))
    }
}
