//! Blocks: sorted versions in a few kilobytes, each key written only as far as it differs from the
//! one before. The bytes are drawn in `table/format.rs`.
//!
//! Every so many entries one is written in full, a *restart*: a search halves its way among the
//! restarts and then goes on entry by entry. Since looking at an entry means waiting for memory, the
//! search looks at four bytes of each restart's key, its *head*, which lie side by side at the end
//! of the block; they are those behind what all keys of the block begin with. There are three ways through a block: [`Block::find`]
//! looks up one key without putting any key together, [`BlockCursor`] goes forwards, and
//! [`BlockBackCursor`] backwards.
//!
//! # Invariants
//! 1. Versions stand in the order of [`entry::order`](super::entry::order).
//! 2. The first entry is a restart; restarts ascend, and so do their heads.
//! 3. Whatever the bytes are, reading them ends, with entries or with an error.

mod back;
mod builder;
mod cursor;
mod find;

use std::{cmp::Ordering, ops::Range};

use bytes::Bytes;

use super::entry::{Seq, order};
use crate::codec::{DecodeError, split_varint};

pub(super) use back::BlockBackCursor;
pub(super) use builder::BlockBuilder;
pub(super) use cursor::BlockCursor;

/// The payload of a block that was read. Clones share its memory.
#[derive(Clone, Debug)]
pub(super) struct Block {
    bytes: Bytes,
    /// Where the entries end and the restarts begin.
    entries_end: usize,
    restarts: usize,
    /// How many bytes all keys begin with alike.
    common: usize,
}

/// What each restart takes: its offset u32, and its head u32.
const RESTART_BYTES: usize = 8;

/// Behind the restarts: the bytes that all keys have in common u32, and the number of restarts u32.
const END_BYTES: usize = 8;

/// An entry as it lies in a block.
struct Placed {
    /// How many bytes of its key are those of the key before it.
    shared: usize,
    /// Where the rest of its key lies.
    rest: Range<usize>,
    seq: Seq,
    /// Where its value lies; none for a tombstone.
    value: Option<Range<usize>>,
    /// Where the entry behind it begins.
    end: usize,
}

impl Block {
    /// A block without entries, in which there is nothing to be searched.
    pub(super) fn empty() -> Block {
        Block {
            bytes: Bytes::new(),
            entries_end: 0,
            restarts: 0,
            common: 0,
        }
    }

    /// Looks at the end of a payload to find where its entries are.
    pub(super) fn new(bytes: Bytes) -> Result<Block, DecodeError> {
        let error = |what| DecodeError { what, offset: 0 };
        let (body, end) = bytes
            .split_last_chunk::<END_BYTES>()
            .ok_or(error("a block with a number of restarts"))?;
        let (common, restarts) = split_restart(end);
        let restarts = restarts as usize;
        let entries_end = restarts
            .checked_mul(RESTART_BYTES)
            .and_then(|length| body.len().checked_sub(length))
            .ok_or(error("a block with its restarts"))?;
        if restarts == 0 || entries_end == 0 {
            return Err(error("a block with an entry"));
        }
        Ok(Block {
            bytes,
            entries_end,
            restarts,
            common: common as usize,
        })
    }

    /// The length of the payload in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many restarts there are: at least one.
    pub(super) fn restarts(&self) -> usize {
        self.restarts
    }

    /// Key and number of a restart. `number` must be below their count.
    pub(super) fn restart_entry(&self, number: usize) -> Result<(&[u8], Seq), DecodeError> {
        let offset = self.restart(number)?;
        let placed = self.placed(offset, 0)?;
        Ok((&self.bytes[placed.rest], placed.seq))
    }

    /// The offset of a restart. `number` must be below their count.
    fn restart(&self, number: usize) -> Result<usize, DecodeError> {
        let from = self.entries_end + RESTART_BYTES * number;
        let offset = self
            .bytes
            .get(from..)
            .and_then(|tail| tail.first_chunk())
            .map(|bytes| split_restart(bytes).0 as usize)
            .filter(|offset| *offset < self.entries_end);
        offset.ok_or(DecodeError {
            what: "a restart that leads to an entry",
            offset: from,
        })
    }

    /// The last restart in front of `(key, seq)`, or the first if there is none: what is wanted
    /// lies behind it, and before the next restart or right on it.
    fn restart_before(&self, key: &[u8], seq: Seq) -> Result<usize, DecodeError> {
        let (first, _) = self.restart_entry(0)?;
        let known = &first[..self.common.min(first.len())];
        match key[..known.len().min(key.len())].cmp(known) {
            Ordering::Less => Ok(0),
            Ordering::Equal => self.restart_before_alike(key, seq),
            Ordering::Greater => Ok(self.restarts - 1),
        }
    }

    /// As [`Self::restart_before`], for a key that begins like all of the block. For others it is
    /// any restart.
    fn restart_before_alike(&self, key: &[u8], seq: Seq) -> Result<usize, DecodeError> {
        let end = self.entries_end + RESTART_BYTES * self.restarts;
        let (restarts, _) = self.bytes[self.entries_end..end].as_chunks();
        let wanted = head(key, self.common);
        let mut low = restarts.partition_point(|restart| split_restart(restart).1 < wanted);
        let alike = restarts[low..].partition_point(|restart| split_restart(restart).1 == wanted);
        let mut high = low + alike;
        while low < high {
            let middle = low + (high - low) / 2;
            match order(self.restart_entry(middle)?, (key, seq)).is_lt() {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        Ok(low.saturating_sub(1))
    }

    /// Reads the entry at `offset`, behind a key of `key_length` bytes.
    fn placed(&self, offset: usize, key_length: usize) -> Result<Placed, DecodeError> {
        let placed = self.split_placed(offset);
        placed
            .filter(|placed| placed.shared <= key_length)
            .ok_or(DecodeError {
                what: "an entry of a block",
                offset,
            })
    }

    fn split_placed(&self, offset: usize) -> Option<Placed> {
        let entries = &self.bytes[..self.entries_end];
        let input = entries.get(offset..)?;
        let (shared, input) = split_length(input)?;
        let (rest, input) = split_length(input)?;
        let (seq, input) = split_varint(input)?;
        let (tag, input) = split_length(input)?;
        let from = entries.len() - input.len();
        let middle = from + rest;
        let end = middle + tag.saturating_sub(1);
        (end <= entries.len()).then(|| Placed {
            shared,
            rest: from..middle,
            seq,
            value: (tag > 0).then_some(middle..end),
            end,
        })
    }
}

/// Two numbers that lie side by side.
fn split_restart(bytes: &[u8; RESTART_BYTES]) -> (u32, u32) {
    let both = u64::from_le_bytes(*bytes);
    (both as u32, (both >> 32) as u32)
}

/// The four bytes of a key behind the first `common`, zeros where it has fewer, as a number that
/// compares like them.
fn head(key: &[u8], common: usize) -> u32 {
    let rest = key.get(common..).unwrap_or_default();
    let mut bytes = [0; 4];
    let length = rest.len().min(4);
    bytes[..length].copy_from_slice(&rest[..length]);
    u32::from_be_bytes(bytes)
}

fn split_length(input: &[u8]) -> Option<(usize, &[u8])> {
    // Most lengths are one byte.
    if let [first @ 0..0x80, rest @ ..] = input {
        return Some((usize::from(*first), rest));
    }
    let (length, input) = split_varint(input)?;
    // Nothing in memory is longer; so sums of some lengths do not overflow.
    let length = u32::try_from(length).ok()?;
    Some((length as usize, input))
}

/// How many bytes two keys have in common at their beginning.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut common = 0;
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        let difference = word(a) ^ word(b);
        if difference != 0 {
            return common + difference.trailing_zeros() as usize / 8;
        }
        common += 8;
    }
    let rest = a[common..].iter().zip(&b[common..]);
    common + rest.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
