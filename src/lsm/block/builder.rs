//! Filling a block.

use std::ops::Range;

use super::{super::entry::Entry, END_BYTES, RESTART_BYTES, common_prefix, head};
use crate::codec::put_varint;

/// The payload of a block that is being filled.
#[derive(Debug)]
pub(in crate::lsm) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<Restart>,
    /// Every so many entries one stands on its own.
    restart_interval: usize,
    /// Entries since the last restart.
    run: usize,
    last_key: Vec<u8>,
}

/// An entry that is written in full.
#[derive(Debug)]
struct Restart {
    offset: u32,
    /// Where its key lies.
    key: Range<usize>,
}

impl BlockBuilder {
    /// An empty block in which every `restart_interval`-th key is written in full.
    pub(in crate::lsm) fn new(restart_interval: usize) -> Self {
        BlockBuilder {
            bytes: Vec::new(),
            restarts: Vec::new(),
            restart_interval,
            run: 0,
            last_key: Vec::new(),
        }
    }

    /// Adds a version, which must stand behind all that were added.
    pub(in crate::lsm) fn add(&mut self, entry: Entry<'_>) {
        let mut shared = common_prefix(&self.last_key, entry.key);
        let is_restart = self.restarts.is_empty() || self.run == self.restart_interval;
        if is_restart {
            self.run = 0;
            shared = 0;
        }
        self.run += 1;
        let offset = self.bytes.len();
        let rest = &entry.key[shared..];
        let value = entry.value.unwrap_or_default();
        put_varint(&mut self.bytes, shared as u64);
        put_varint(&mut self.bytes, rest.len() as u64);
        put_varint(&mut self.bytes, entry.seq);
        put_varint(
            &mut self.bytes,
            entry.value.map_or(0, |value| 1 + value.len() as u64),
        );
        if is_restart {
            self.restarts.push(Restart {
                offset: u32::try_from(offset).expect("a block under 4 GiB"),
                key: self.bytes.len()..self.bytes.len() + rest.len(),
            });
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(rest);
    }

    /// The bytes so far.
    pub(in crate::lsm) fn len(&self) -> usize {
        self.bytes.len() + RESTART_BYTES * self.restarts.len() + END_BYTES
    }

    /// Whether nothing was added.
    pub(in crate::lsm) fn is_empty(&self) -> bool {
        self.restarts.is_empty()
    }

    /// Appends the payload to `out` and starts anew.
    pub(in crate::lsm) fn finish(&mut self, out: &mut Vec<u8>) {
        // What the first and the last key have in common, all between them have.
        let first = self
            .restarts
            .first()
            .map(|first| &self.bytes[first.key.clone()]);
        let common = first.map_or(0, |first| common_prefix(first, &self.last_key));
        out.extend_from_slice(&self.bytes);
        for restart in &self.restarts {
            let head = head(&self.bytes[restart.key.clone()], common);
            out.extend_from_slice(&restart.offset.to_le_bytes());
            out.extend_from_slice(&head.to_le_bytes());
        }
        for number in [common, self.restarts.len()] {
            out.extend_from_slice(&(number as u32).to_le_bytes());
        }
        self.bytes.clear();
        self.restarts.clear();
        self.last_key.clear();
        self.run = 0;
    }
}
