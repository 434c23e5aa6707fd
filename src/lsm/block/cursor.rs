//! Going through a block forwards.

use std::ops::Range;

use bytes::Bytes;

use super::{
    super::entry::{Entry, Seq, order},
    Block,
};
use crate::codec::DecodeError;

/// A place in a block: before the first entry, on one, or behind the last.
#[derive(Clone, Debug)]
pub(in crate::lsm) struct BlockCursor {
    block: Block,
    /// The current key, put together from its parts.
    key: Vec<u8>,
    seq: Seq,
    /// Where the value lies; none for a tombstone.
    value: Option<Range<usize>>,
    /// Where the entry behind the current one begins.
    next: usize,
    on_entry: bool,
}

impl BlockCursor {
    /// A cursor before the first entry.
    pub(in crate::lsm) fn new(block: Block) -> Self {
        BlockCursor {
            block,
            key: Vec::new(),
            seq: 0,
            value: None,
            next: 0,
            on_entry: false,
        }
    }

    /// Goes to another block, before its first entry, and keeps the key's buffer.
    pub(in crate::lsm) fn reset(&mut self, block: Block) {
        self.block = block;
        self.rewind(0);
    }

    /// The entry under the cursor; none before the first and behind the last.
    pub(in crate::lsm) fn entry(&self) -> Option<Entry<'_>> {
        self.on_entry.then(|| Entry {
            key: &self.key,
            seq: self.seq,
            value: self.value.clone().map(|range| &self.block.bytes[range]),
        })
    }

    /// The value under the cursor, which shares the block's memory; none for a tombstone, and where
    /// there is no entry.
    pub(in crate::lsm) fn value(&self) -> Option<Bytes> {
        let value = self.value.clone().filter(|_| self.on_entry);
        value.map(|range| self.block.bytes.slice(range))
    }

    /// Moves to the first version at or behind `(key, seq)`.
    pub(in crate::lsm) fn seek(&mut self, key: &[u8], seq: Seq) -> Result<(), DecodeError> {
        let restart = self.block.restart_before(key, seq)?;
        self.rewind(self.block.restart(restart)?);
        self.advance()?;
        while self.on_entry && order((&self.key, self.seq), (key, seq)).is_lt() {
            self.advance()?;
        }
        Ok(())
    }

    /// Moves to the next entry, or behind the last.
    pub(in crate::lsm) fn advance(&mut self) -> Result<(), DecodeError> {
        self.on_entry = false;
        if self.next >= self.block.entries_end {
            return Ok(());
        }
        let placed = self.block.placed(self.next, self.key.len())?;
        self.key.truncate(placed.shared);
        self.key.extend_from_slice(&self.block.bytes[placed.rest]);
        self.seq = placed.seq;
        self.value = placed.value;
        self.next = placed.end;
        self.on_entry = true;
        Ok(())
    }

    /// Goes to just before the entry at `offset`, which is a restart.
    fn rewind(&mut self, offset: usize) {
        self.next = offset;
        self.key.clear();
        self.value = None;
        self.on_entry = false;
    }
}
