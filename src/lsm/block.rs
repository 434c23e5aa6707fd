//! Blocks: sorted versions in a few kilobytes, each key written only as far as it differs from the
//! one before. The bytes are drawn in `table/format.rs`.

use std::ops::Range;

use bytes::Bytes;

use super::entry::{Entry, Seq, order};
use crate::codec::{DecodeError, put_varint, split_varint};

/// The payload of a block that is being filled.
#[derive(Debug)]
pub(super) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    /// Every so many entries one stands on its own.
    restart_interval: usize,
    /// Entries since the last restart.
    run: usize,
    last_key: Vec<u8>,
}

/// The payload of a block that was read.
#[derive(Clone, Debug)]
pub(super) struct Block {
    bytes: Bytes,
    /// Where the entries end and the restarts begin.
    entries_end: usize,
    restarts: usize,
}

/// A place in a block: before the first entry, on one, or behind the last.
#[derive(Clone, Debug)]
pub(super) struct BlockCursor {
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

impl BlockBuilder {
    /// An empty block in which every `restart_interval`-th key is written in full.
    pub(super) fn new(restart_interval: usize) -> Self {
        BlockBuilder {
            bytes: Vec::new(),
            restarts: Vec::new(),
            restart_interval,
            run: 0,
            last_key: Vec::new(),
        }
    }

    /// Adds a version, which must stand behind all that were added.
    pub(super) fn add(&mut self, entry: Entry<'_>) {
        let mut shared = common_prefix(&self.last_key, entry.key);
        if self.restarts.is_empty() || self.run == self.restart_interval {
            let offset = u32::try_from(self.bytes.len()).expect("a block under 4 GiB");
            self.restarts.push(offset);
            self.run = 0;
            shared = 0;
        }
        self.run += 1;
        let rest = &entry.key[shared..];
        let value = entry.value.unwrap_or_default();
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, rest.len() as u64);
        put_varint(&mut self.bytes, entry.seq);
        put_varint(
            &mut self.bytes,
            entry.value.map_or(0, |value| 1 + value.len() as u64),
        );
        self.bytes.extend_from_slice(rest);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(rest);
    }

    /// The bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() + 4 * (self.restarts.len() + 1)
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.restarts.is_empty()
    }

    /// Appends the payload to `out` and starts anew.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.bytes);
        for restart in &self.restarts {
            out.extend_from_slice(&restart.to_le_bytes());
        }
        out.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        self.restarts.clear();
        self.last_key.clear();
        self.run = 0;
    }
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

impl Block {
    /// Looks at the end of a payload to find where its entries are.
    pub(super) fn new(bytes: Bytes) -> Result<Block, DecodeError> {
        let error = |what| DecodeError { what, offset: 0 };
        let (body, count) = bytes
            .split_last_chunk::<4>()
            .ok_or(error("a block with a number of restarts"))?;
        let restarts = u32::from_le_bytes(*count) as usize;
        let entries_end = restarts
            .checked_mul(4)
            .and_then(|length| body.len().checked_sub(length))
            .ok_or(error("a block with its restarts"))?;
        if restarts == 0 || entries_end == 0 {
            return Err(error("a block with an entry"));
        }
        Ok(Block {
            bytes,
            entries_end,
            restarts,
        })
    }

    /// The offset of a restart. `number` must be below their count.
    fn restart(&self, number: usize) -> Result<usize, DecodeError> {
        let from = self.entries_end + 4 * number;
        let offset = self
            .bytes
            .get(from..)
            .and_then(|tail| tail.first_chunk::<4>())
            .map(|bytes| u32::from_le_bytes(*bytes) as usize)
            .filter(|offset| *offset < self.entries_end);
        offset.ok_or(DecodeError {
            what: "a restart that leads to an entry",
            offset: from,
        })
    }
}

impl BlockCursor {
    /// A cursor before the first entry.
    pub(super) fn new(block: Block) -> Self {
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
    pub(super) fn reset(&mut self, block: Block) {
        self.block = block;
        self.rewind(0);
    }

    /// The entry under the cursor; none before the first and behind the last.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        self.on_entry.then(|| Entry {
            key: &self.key,
            seq: self.seq,
            value: self.value.clone().map(|range| &self.block.bytes[range]),
        })
    }

    /// The value under the cursor, which shares the block's memory; none for a tombstone, and where
    /// there is no entry.
    pub(super) fn value(&self) -> Option<Bytes> {
        let value = self.value.clone().filter(|_| self.on_entry);
        value.map(|range| self.block.bytes.slice(range))
    }

    /// Moves to the first version at or behind `(key, seq)`.
    pub(super) fn seek(&mut self, key: &[u8], seq: Seq) -> Result<(), DecodeError> {
        // The last restart in front of the target: what is wanted lies behind it, and before the
        // next restart or right on it.
        let (mut low, mut high) = (0, self.block.restarts);
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            self.rewind(self.block.restart(middle)?);
            self.advance()?;
            match order((&self.key, self.seq), (key, seq)).is_lt() {
                true => low = middle,
                false => high = middle,
            }
        }
        self.rewind(self.block.restart(low)?);
        self.advance()?;
        while self.on_entry && order((&self.key, self.seq), (key, seq)).is_lt() {
            self.advance()?;
        }
        Ok(())
    }

    /// Moves to the next entry, or behind the last.
    pub(super) fn advance(&mut self) -> Result<(), DecodeError> {
        self.on_entry = false;
        if self.next < self.block.entries_end {
            self.decode().ok_or(DecodeError {
                what: "an entry of a block",
                offset: self.next,
            })?;
            self.on_entry = true;
        }
        Ok(())
    }

    /// Goes to just before the entry at `offset`, which is a restart.
    fn rewind(&mut self, offset: usize) {
        self.next = offset;
        self.key.clear();
        self.value = None;
        self.on_entry = false;
    }

    /// Reads the entry at `next`. None if it is not one.
    fn decode(&mut self) -> Option<()> {
        let entries = &self.block.bytes[..self.block.entries_end];
        let input = entries.get(self.next..)?;
        let (shared, input) = split_length(input)?;
        let (rest, input) = split_length(input)?;
        let (seq, input) = split_varint(input)?;
        let (tag, input) = split_length(input)?;
        if shared > self.key.len() {
            return None;
        }
        let (rest, input) = input.split_at_checked(rest)?;
        let from = entries.len() - input.len();
        let to = from + tag.saturating_sub(1);
        if to > entries.len() {
            return None;
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(rest);
        self.seq = seq;
        self.value = (tag > 0).then_some(from..to);
        self.next = to;
        Some(())
    }
}

fn split_length(input: &[u8]) -> Option<(usize, &[u8])> {
    let (length, input) = split_varint(input)?;
    // Nothing in memory is longer; so sums of two lengths do not overflow.
    let length = u32::try_from(length).ok()?;
    Some((length as usize, input))
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BTreeMap};

    use proptest::{collection::btree_map, option, prelude::*};

    use super::*;

    type Versions = BTreeMap<(Vec<u8>, Reverse<Seq>), Option<Vec<u8>>>;

    fn build(versions: &Versions, restart_interval: usize) -> Bytes {
        let mut builder = BlockBuilder::new(restart_interval);
        for ((key, seq), value) in versions {
            let (seq, value) = (seq.0, value.as_deref());
            builder.add(Entry { key, seq, value });
        }
        let (mut out, length) = (Vec::new(), builder.len());
        builder.finish(&mut out);
        assert_eq!(out.len(), length);
        out.into()
    }

    /// The entries from the cursor's on, until the end or an error.
    fn rest(mut cursor: BlockCursor) -> Vec<(Vec<u8>, Seq, Option<Vec<u8>>)> {
        let mut rest = Vec::new();
        while let Some(entry) = cursor.entry() {
            let value = cursor.value().map(|value| value.to_vec());
            assert_eq!(value.as_deref(), entry.value);
            rest.push((entry.key.to_vec(), entry.seq, value));
            if cursor.advance().is_err() {
                break;
            }
        }
        assert!(cursor.entry().is_none() && cursor.value().is_none());
        rest
    }

    proptest! {
        #[test]
        fn a_search_ends_at_the_first_version_behind_the_target(
            versions in btree_map(
                ("[ab]{0,5}".prop_map(String::into_bytes), (0_u64..9).prop_map(Reverse)),
                option::of(prop::collection::vec(any::<u8>(), 0..9)),
                1..60,
            ),
            restart_interval in 1_usize..20,
            probes in prop::collection::vec(("[abc]{0,6}", 0_u64..10), 20),
        ) {
            let block = Block::new(build(&versions, restart_interval)).expect("a block");
            // One cursor for all searches: none may leave anything to the next.
            let mut cursor = BlockCursor::new(block);
            for (key, seq) in probes {
                let key = key.into_bytes();
                cursor.seek(&key, seq).expect("a search");
                let expected: Vec<_> = versions
                    .range((key, Reverse(seq))..)
                    .map(|((key, seq), value)| (key.clone(), seq.0, value.clone()))
                    .collect();
                prop_assert_eq!(rest(cursor.clone()), expected);
            }
        }

        #[test]
        fn any_payload_is_read_or_refused(payload: Vec<u8>, restarts in 0_u32..4, key: Vec<u8>) {
            let ends = [payload.clone(), [&payload[..], &restarts.to_le_bytes()].concat()];
            for payload in ends {
                let Ok(block) = Block::new(payload.into()) else {
                    continue;
                };
                let mut cursor = BlockCursor::new(block);
                if cursor.advance().is_ok() {
                    rest(cursor.clone());
                }
                if cursor.seek(&key, 7).is_ok() {
                    rest(cursor);
                }
            }
        }
    }
}
