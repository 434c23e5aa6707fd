//! Filling a block.

use super::{super::entry::Entry, common_prefix};
use crate::codec::put_varint;

/// The payload of a block that is being filled.
#[derive(Debug)]
pub(in crate::lsm) struct BlockBuilder {
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    /// Every so many entries one stands on its own.
    restart_interval: usize,
    /// Entries since the last restart.
    run: usize,
    last_key: Vec<u8>,
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
    pub(in crate::lsm) fn len(&self) -> usize {
        self.bytes.len() + 4 * (self.restarts.len() + 1)
    }

    /// Whether nothing was added.
    pub(in crate::lsm) fn is_empty(&self) -> bool {
        self.restarts.is_empty()
    }

    /// Appends the payload to `out` and starts anew.
    pub(in crate::lsm) fn finish(&mut self, out: &mut Vec<u8>) {
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
