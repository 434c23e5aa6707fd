//! The index of a table in memory: which block a version would be in.

use bytes::Bytes;

use super::{
    super::{
        block::{Block, BlockCursor, common_prefix},
        entry::{Seq, order},
    },
    format::{Handle, TRAILER_BYTES},
};
use crate::codec::{DecodeError, split_varint};

/// One entry per block, in order.
///
/// A search has to be quick, and the keys lie far apart in memory. So what all of them begin with
/// is left aside, and the next eight bytes of each stand side by side as numbers: the search goes
/// among these, and looks at whole keys only where they are equal. That makes 16 bytes per block
/// besides the keys.
pub(super) struct Index {
    /// The payload of the index block, in which every entry is a restart.
    entries: Block,
    /// How many bytes all keys begin with alike.
    common: usize,
    /// The eight bytes behind those, zeros where a key has fewer.
    heads: Box<[u64]>,
    /// Where each block ends, from the beginning of the file.
    ends: Box<[u64]>,
}

impl Index {
    /// The index of a table without versions.
    pub(super) fn empty() -> Index {
        Index {
            entries: Block::empty(),
            common: 0,
            heads: Box::default(),
            ends: Box::default(),
        }
    }

    /// Reads the payload of the index block of a table with so many bytes of data blocks.
    pub(super) fn decode(payload: Bytes, data_bytes: u64) -> Result<Index, DecodeError> {
        let entries = Block::new(payload)?;
        let ends = read_ends(&entries, data_bytes)?;
        let count = ends.len();
        let (first, last) = (
            entries.restart_entry(0)?.0,
            entries.restart_entry(count - 1)?.0,
        );
        // All others stand between these two.
        let common = common_prefix(first, last);
        let head_of = |slot| {
            entries
                .restart_entry(slot)
                .map(|(key, _)| head(key, common))
        };
        let heads = (0..count).map(head_of).collect::<Result<_, _>>()?;
        Ok(Index {
            entries,
            common,
            heads,
            ends,
        })
    }

    /// How many blocks there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Where block `slot` lies; none if there are not so many.
    pub(super) fn handle(&self, slot: usize) -> Option<Handle> {
        let end = *self.ends.get(slot)?;
        let offset = slot.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(Handle {
            offset,
            length: end - offset,
        })
    }

    /// The first block that may have versions at or behind `(key, seq)`; their number if none has.
    pub(super) fn find(&self, key: &[u8], seq: Seq) -> Result<usize, DecodeError> {
        if self.ends.is_empty() {
            return Ok(0);
        }
        let (first, _) = self.entries.restart_entry(0)?;
        let start = &key[..self.common.min(key.len())];
        if start != &first[..self.common] {
            return Ok(if start < &first[..self.common] {
                0
            } else {
                self.len()
            });
        }
        let wanted = head(key, self.common);
        let mut low = self.heads.partition_point(|head| *head < wanted);
        let mut high = low + self.heads[low..].partition_point(|head| *head == wanted);
        while low < high {
            let middle = low + (high - low) / 2;
            match order(self.entries.restart_entry(middle)?, (key, seq)).is_lt() {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low)
    }
}

/// The eight bytes of a key behind the first `common`, as a number that compares like them.
fn head(key: &[u8], common: usize) -> u64 {
    let rest = key.get(common..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(bytes)
        }
    }
}

/// Goes through all entries: checks that they are in order, that every one is a restart, and that
/// the blocks fill the data part of the file.
fn read_ends(entries: &Block, data_bytes: u64) -> Result<Box<[u64]>, DecodeError> {
    let error = |what, offset| DecodeError { what, offset };
    let mut ends = Vec::with_capacity(entries.restarts());
    let mut cursor = BlockCursor::new(entries.clone());
    cursor.advance()?;
    while let Some(entry) = cursor.entry() {
        let slot = ends.len();
        let is_restart =
            slot < entries.restarts() && entries.restart_entry(slot)? == (entry.key, entry.seq);
        let is_behind =
            slot == 0 || order(entries.restart_entry(slot - 1)?, (entry.key, entry.seq)).is_lt();
        if !is_restart || !is_behind {
            return Err(error("an index in order", slot));
        }
        let length = match split_varint(entry.value.unwrap_or_default()) {
            Some((length, [])) if length >= TRAILER_BYTES as u64 => length,
            _ => return Err(error("the length of a block", slot)),
        };
        let end = ends.last().copied().unwrap_or(0_u64).checked_add(length);
        let end = end.filter(|end| *end <= data_bytes);
        ends.push(end.ok_or(error("a block within the table", slot))?);
        cursor.advance()?;
    }
    if ends.len() != entries.restarts() || ends.last() != Some(&data_bytes) {
        return Err(error("an index of all blocks", ends.len()));
    }
    Ok(ends.into())
}
