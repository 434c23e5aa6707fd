//! Writing a table.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    super::{
        block::BlockBuilder,
        bloom::BloomBuilder,
        compression::{Compression, Compressor},
        entry::{Entry, Seq, order},
        error::Result,
        options::Options,
        tombstones::{Fragment, RangeTombstones},
    },
    format::{Footer, Handle, Properties, seal},
    fragments,
    reader::TableInfo,
};
use crate::{codec::put_varint, env::File};

/// Every so many keys of a data block one is written in full. A search goes through half as many
/// entries one by one, which costs more than the search before it; more restarts take more space.
const RESTART_INTERVAL: usize = 4;

/// The index is searched by every read, so all of its keys are written in full.
const INDEX_RESTART_INTERVAL: usize = 1;

/// Blocks go to the file together once they have this many bytes.
const WRITE_BYTES: usize = 256 << 10;

/// The file is synced when so many bytes were added. All of a table at once would keep the disk busy for
/// as long as it takes, and the log of somebody who waits for a write stands in line behind it.
const SYNC_BYTES: u64 = 1 << 20;

/// A table that is being written.
pub(in crate::lsm) struct TableBuilder {
    id: u64,
    file: Arc<dyn File>,
    block_bytes: usize,
    bits_per_key: usize,
    /// Finished blocks that are not in the file yet.
    buffer: Vec<u8>,
    /// The length of the file.
    written: u64,
    /// Up to here the file is synced.
    synced: u64,
    block: BlockBuilder,
    index: BlockBuilder,
    bloom: BloomBuilder,
    compressor: Compressor,
    properties: Properties,
    tombstones: RangeTombstones,
    /// The memory of the range tombstones, which is about what they will take in the file.
    tombstones_bytes: usize,
    /// The last block, until the entry behind it tells how short its index entry can be.
    unindexed: Option<Handle>,
    last_key: Vec<u8>,
    last_seq: Seq,
    scratch: Vec<u8>,
}

impl TableBuilder {
    /// Begins table `id` in an empty file. It is meant for `level`, which decides how its data
    /// blocks are compressed.
    pub(in crate::lsm) fn new(
        id: u64,
        file: Arc<dyn File>,
        level: usize,
        options: &Options,
    ) -> Self {
        TableBuilder {
            id,
            file,
            block_bytes: options.block_bytes,
            bits_per_key: options.bloom_bits_per_key,
            buffer: Vec::new(),
            written: 0,
            synced: 0,
            block: BlockBuilder::new(RESTART_INTERVAL),
            index: BlockBuilder::new(INDEX_RESTART_INTERVAL),
            bloom: BloomBuilder::default(),
            compressor: Compressor::new(options.compression_of(level)),
            properties: Properties::default(),
            tombstones: RangeTombstones::default(),
            tombstones_bytes: 0,
            unindexed: None,
            last_key: Vec::new(),
            last_seq: 0,
            scratch: Vec::new(),
        }
    }

    /// Adds a version, which must stand behind all that were added. [`Self::drain`] is to follow.
    pub(in crate::lsm) fn add(&mut self, entry: Entry<'_>) {
        let is_first = self.properties.entries == 0;
        let last = (self.last_key.as_slice(), self.last_seq);
        assert!(
            is_first || order(last, (entry.key, entry.seq)).is_lt(),
            "versions are added to a table in their order"
        );
        let bytes = entry.key.len() + entry.value.map_or(0, <[u8]>::len);
        if bytes >= self.block_bytes && !self.block.is_empty() {
            self.cut_block();
        }
        if let Some(handle) = self.unindexed.take() {
            self.add_to_index(handle, Some(entry.key));
        }
        self.count(entry, is_first);
        self.block.add(entry);
        self.last_key.clear();
        self.last_key.extend_from_slice(entry.key);
        self.last_seq = entry.seq;
        if self.block.len() >= self.block_bytes {
            self.cut_block();
        }
    }

    /// Adds a fragment of range tombstones, which must stand behind all that were added.
    pub(in crate::lsm) fn cover(&mut self, fragment: Fragment) {
        self.tombstones_bytes += fragment.bytes();
        let is_behind = self.tombstones.push(fragment);
        assert!(is_behind, "fragments are added to a table in their order");
    }

    /// Cuts off what the range tombstones say of keys from `key` on, which begin in this table and
    /// belong into the next one.
    pub(in crate::lsm) fn uncover(&mut self, key: &[u8]) -> Option<Fragment> {
        self.tombstones.split_last(key)
    }

    /// Whether the last version added was one of this key.
    pub(in crate::lsm) fn ends_with(&self, key: &[u8]) -> bool {
        self.properties.entries > 0 && self.last_key == key
    }

    /// The length of the table so far, without what is still to come behind its blocks.
    pub(in crate::lsm) fn bytes(&self) -> usize {
        self.written as usize + self.buffer.len() + self.block.len() + self.tombstones_bytes
    }

    /// Writes finished blocks to the file if there are enough of them.
    pub(in crate::lsm) async fn drain(&mut self) -> Result<()> {
        match self.buffer.len() < WRITE_BYTES {
            true => Ok(()),
            false => self.write().await,
        }
    }

    /// Completes the table, durably. Its name in the directory is not durable yet.
    pub(in crate::lsm) async fn finish(mut self) -> Result<TableInfo> {
        if !self.block.is_empty() {
            self.cut_block();
        }
        if let Some(last) = self.unindexed.take() {
            self.add_to_index(last, None);
            // Nothing fits between a key and the same key with a zero byte behind it.
            self.properties.end = [&self.last_key[..], &[0]].concat().into();
        }
        self.properties.cover(self.tombstones.fragments());
        let properties = &self.properties;
        assert!(
            properties.entries > 0 || properties.range_tombstones > 0,
            "a table holds something"
        );
        self.add_tail();
        self.write().await?;
        self.file.sync().await?;
        Ok(TableInfo {
            id: self.id,
            bytes: self.written,
            properties: self.properties,
        })
    }

    /// Filter, properties, index and footer. They are read once and then stay in memory, so
    /// compressing them would save little.
    fn add_tail(&mut self) {
        let mut payload = Vec::new();
        self.bloom.finish(self.bits_per_key, &mut payload);
        let filter = self.add_block(&mut payload, Compression::None);
        self.properties.encode(&mut payload);
        let properties = self.add_block(&mut payload, Compression::None);
        let index = (self.properties.entries > 0).then(|| {
            self.index.finish(&mut payload);
            self.add_block(&mut payload, Compression::None)
        });
        let tombstones = (!self.tombstones.is_empty()).then(|| {
            fragments::encode(&self.tombstones, &mut payload);
            self.add_block(&mut payload, Compression::None)
        });
        let length = |block: Handle| u32::try_from(block.length).expect("under 4 GiB");
        let footer = Footer {
            filter_offset: filter.offset,
            filter_length: length(filter),
            properties_length: length(properties),
            index_length: index.map_or(0, length),
            tombstones_length: tombstones.map_or(0, length),
            id: self.id,
        };
        self.buffer.extend_from_slice(&footer.encode());
    }

    fn count(&mut self, entry: Entry<'_>, is_first: bool) {
        let properties = &mut self.properties;
        if is_first {
            properties.smallest = Bytes::copy_from_slice(entry.key);
            properties.seq_min = entry.seq;
        }
        if is_first || self.last_key != entry.key {
            properties.keys += 1;
            self.bloom.add(entry.key);
        }
        properties.entries += 1;
        properties.tombstones += u64::from(entry.value.is_none());
        properties.seq_min = properties.seq_min.min(entry.seq);
        properties.seq_max = properties.seq_max.max(entry.seq);
    }

    /// Ends the current block.
    fn cut_block(&mut self) {
        let mut payload = std::mem::take(&mut self.scratch);
        self.block.finish(&mut payload);
        let compression = self.compressor.compress(&mut payload);
        self.unindexed = Some(self.add_block(&mut payload, compression));
        self.scratch = payload;
    }

    /// Appends a block to the buffer and empties `stored`.
    fn add_block(&mut self, stored: &mut Vec<u8>, compression: Compression) -> Handle {
        let offset = self.written + self.buffer.len() as u64;
        seal(stored, compression, self.id, offset);
        let length = stored.len() as u64;
        self.buffer.append(stored);
        Handle { offset, length }
    }

    /// Adds the index entry of a block that ends with the last version, and is followed by one of
    /// key `next`.
    fn add_to_index(&mut self, block: Handle, next: Option<&[u8]>) {
        let mut value = Vec::new();
        put_varint(&mut value, block.length);
        // Between two keys the shortest that divides them will do; its number stands before all
        // versions that a key may have, so that it is not behind any version of the next key.
        let divider = next
            .filter(|next| *next != self.last_key)
            .map(|next| (divider(&self.last_key, next), Seq::MAX));
        let (key, seq) = divider.unwrap_or((&self.last_key, self.last_seq));
        self.index.add(Entry {
            key,
            seq,
            value: Some(&value),
        });
    }

    async fn write(&mut self) -> Result<()> {
        let offset = self.file.append(&self.buffer).await?;
        assert_eq!(offset, self.written, "a table has one writer");
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        if self.written - self.synced >= SYNC_BYTES {
            self.file.sync().await?;
            self.synced = self.written;
        }
        Ok(())
    }
}

/// The shortest prefix of `next` that is greater than `last`, given that `next` is.
fn divider<'a>(last: &[u8], next: &'a [u8]) -> &'a [u8] {
    let shared = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    &next[..next.len().min(shared + 1)]
}
