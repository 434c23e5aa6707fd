//! Going through a block backwards.

use std::ops::Range;

use bytes::Bytes;

use super::{
    super::entry::{Entry, Seq, order},
    Block,
};
use crate::codec::DecodeError;

/// A place in a block: on an entry, or before the first. It moves towards the beginning.
///
/// Entries lean on those before them, so they are read from a restart to the next one at a time,
/// and kept until the cursor has passed them.
#[derive(Debug)]
pub(in crate::lsm) struct BlockBackCursor {
    block: Block,
    /// Entries from the restart on; the cursor stands on the last of them.
    entries: Vec<Kept>,
    /// Their keys, one behind the other.
    keys: Vec<u8>,
    /// The restart where they begin.
    restart: usize,
}

/// An entry that was read.
#[derive(Debug)]
struct Kept {
    /// Where its key lies in `keys`.
    key: Range<usize>,
    seq: Seq,
    /// Where its value lies in the block; none for a tombstone.
    value: Option<Range<usize>>,
}

impl BlockBackCursor {
    /// A cursor on the last entry.
    pub(in crate::lsm) fn last(block: Block) -> Result<Self, DecodeError> {
        let restart = block.restarts - 1;
        BlockBackCursor::begin(block, restart, None)
    }

    /// A cursor on the last version in front of `(key, seq)`.
    pub(in crate::lsm) fn before(block: Block, key: &[u8], seq: Seq) -> Result<Self, DecodeError> {
        let restart = block.restart_before(key, seq)?;
        BlockBackCursor::begin(block, restart, Some((key, seq)))
    }

    fn begin(
        block: Block,
        restart: usize,
        target: Option<(&[u8], Seq)>,
    ) -> Result<Self, DecodeError> {
        let mut cursor = BlockBackCursor {
            block,
            entries: Vec::new(),
            keys: Vec::new(),
            restart,
        };
        cursor.fill(cursor.block.entries_end, target)?;
        Ok(cursor)
    }

    /// The entry under the cursor; none before the first.
    pub(in crate::lsm) fn entry(&self) -> Option<Entry<'_>> {
        self.entries.last().map(|kept| Entry {
            key: &self.keys[kept.key.clone()],
            seq: kept.seq,
            value: kept.value.clone().map(|range| &self.block.bytes[range]),
        })
    }

    /// The value under the cursor, which shares the block's memory; none for a tombstone, and where
    /// there is no entry.
    pub(in crate::lsm) fn value(&self) -> Option<Bytes> {
        let value = self.entries.last()?.value.clone();
        value.map(|range| self.block.bytes.slice(range))
    }

    /// Moves to the entry before, or in front of the first. After an error the cursor is of no
    /// more use.
    pub(in crate::lsm) fn retreat(&mut self) -> Result<(), DecodeError> {
        self.entries.pop();
        if self.entries.is_empty() && self.restart > 0 {
            let end = self.block.restart(self.restart)?;
            self.restart -= 1;
            self.fill(end, None)?;
            if self.entries.is_empty() {
                let what = "restarts that ascend";
                return Err(DecodeError { what, offset: end });
            }
        }
        Ok(())
    }

    /// Reads entries from the restart on, up to `end` and as long as they stand in front of the
    /// target.
    fn fill(&mut self, end: usize, target: Option<(&[u8], Seq)>) -> Result<(), DecodeError> {
        self.entries.clear();
        self.keys.clear();
        let mut offset = self.block.restart(self.restart)?;
        let mut last = 0..0;
        while offset < end {
            let placed = self.block.placed(offset, last.len())?;
            let start = self.keys.len();
            self.keys
                .extend_from_within(last.start..last.start + placed.shared);
            self.keys.extend_from_slice(&self.block.bytes[placed.rest]);
            last = start..self.keys.len();
            let version = (&self.keys[last.clone()], placed.seq);
            if target.is_some_and(|target| order(version, target).is_ge()) {
                break;
            }
            self.entries.push(Kept {
                key: last.clone(),
                seq: placed.seq,
                value: placed.value,
            });
            offset = placed.end;
        }
        Ok(())
    }
}
