//! Reading a table: opening it when it is first needed, finding a key in it.

use std::{
    result,
    sync::{Arc, OnceLock, atomic::Ordering},
};

use bytes::Bytes;

use super::{
    super::{
        block::Block,
        bloom::Bloom,
        entry::Seq,
        error::{LsmError, Result},
        memtable::Hit,
        names,
        tombstones::RangeTombstones,
    },
    access::Access,
    cache::Caching,
    format::{BadFooter, FOOTER_BYTES, Footer, Handle, Properties, VERSION, unseal},
    fragments,
    index::Index,
};
use crate::{codec::DecodeError, env::File};

/// What must be known of a table to open it, to decide when to read it, and to count what there is
/// without opening it. The manifest keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct TableInfo {
    /// Names the table's file; ids are never used twice.
    pub(in crate::lsm) id: u64,
    /// The file's length.
    pub(in crate::lsm) bytes: u64,
    /// What the table says about itself.
    pub(in crate::lsm) properties: Properties,
}

/// A table. It is opened by the first read.
pub(in crate::lsm) struct Table {
    info: TableInfo,
    /// Its file.
    pub(super) path: String,
    access: Arc<Access>,
    /// Present once the table has been read from.
    tail: OnceLock<Tail>,
}

/// What stays in memory of an open table.
pub(super) struct Tail {
    /// Where each block is.
    pub(super) index: Index,
    /// Denies keys that the table does not have.
    pub(super) filter: Bloom,
    /// Its range tombstones.
    pub(super) tombstones: Arc<RangeTombstones>,
}

impl Table {
    /// The table that `info` describes. Nothing is read yet.
    pub(in crate::lsm) fn new(access: Arc<Access>, info: TableInfo) -> Table {
        let path = names::path(&access.dir, &names::table(info.id));
        Table {
            info,
            path,
            access,
            tail: OnceLock::new(),
        }
    }

    /// What is known of it outside.
    pub(in crate::lsm) fn info(&self) -> &TableInfo {
        &self.info
    }

    /// What it shares with other tables.
    #[cfg(test)]
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Its range tombstones.
    pub(in crate::lsm) async fn tombstones(&self) -> Result<Arc<RangeTombstones>> {
        Ok(Arc::clone(&self.tail().await?.tombstones))
    }

    /// The newest version of `key` at or below `at`, whatever range tombstones say.
    /// Its value shares the memory of its block.
    pub(in crate::lsm) async fn get(&self, key: &[u8], at: Seq) -> Result<Option<Hit>> {
        if at < self.info.properties.seq_min {
            return Ok(None);
        }
        let tail = self.tail().await?;
        let filters = &self.access.filters;
        if !filters.answered(tail.filter.may_contain(key)) {
            return Ok(None);
        }
        let found = self.search(tail, key, at).await?;
        if found.is_none() {
            filters.misled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(found)
    }

    async fn search(&self, tail: &Tail, key: &[u8], at: Seq) -> Result<Option<Hit>> {
        let slot = self.find(tail, key, at)?;
        let Some(handle) = tail.index.handle(slot) else {
            return Ok(None);
        };
        let block = self.block(handle, Caching::Fill).await?;
        let found = block.find(key, at);
        found.map_err(|error| self.block_error(handle, error))
    }

    /// The first block that may have versions at or behind `(key, seq)`.
    pub(super) fn find(&self, tail: &Tail, key: &[u8], seq: Seq) -> Result<usize> {
        let slot = tail.index.find(key, seq);
        // Its exact place is of no use to anyone.
        slot.map_err(|error| LsmError::corrupt(&self.path, self.info.bytes, error.what))
    }

    /// Index, filter and range tombstones; the first call opens the table and checks that it is the right one.
    pub(super) async fn tail(&self) -> Result<&Tail> {
        match self.tail.get() {
            Some(tail) => Ok(tail),
            None => {
                // Two who come at once read it twice; one copy is kept.
                let tail = Box::pin(self.read_tail()).await?;
                Ok(self.tail.get_or_init(|| tail))
            }
        }
    }

    /// Opens the table and checks that it is the right one.
    pub(super) async fn read_tail(&self) -> Result<Tail> {
        let file = self.access.file(self.info.id, &self.path).await?;
        let footer = read_footer(file.as_ref(), &self.path, &self.info).await?;
        let [filter, properties, index, tombstones] =
            self.read_payloads(file.as_ref(), &footer).await?;
        let corrupt = |offset| move |error| LsmError::decode(&self.path, offset, error);
        let (filter_offset, filter) = filter;
        let filter = Bloom::decode(filter).map_err(corrupt(filter_offset))?;
        let (offset, properties) = properties;
        if Properties::decode(properties).map_err(corrupt(offset))? != self.info.properties {
            let what = "the properties that the manifest knows";
            return Err(LsmError::corrupt(&self.path, offset, what));
        }
        let (offset, index) = index;
        let index = match self.info.properties.entries {
            0 => Index::empty(),
            _ => Index::decode(index, filter_offset).map_err(corrupt(offset))?,
        };
        let (offset, tombstones) = tombstones;
        let tombstones = fragments::decode(tombstones).map_err(corrupt(offset))?;
        if tombstones.fragments().len() as u64 != self.info.properties.range_tombstones {
            let what = "as many range tombstones as the properties say";
            return Err(LsmError::corrupt(&self.path, offset, what));
        }
        Ok(Tail {
            index,
            filter,
            tombstones: Arc::new(tombstones),
        })
    }

    /// Reads the payloads of the filter, the properties, the index and the range tombstones, which
    /// lie in a row, each with the offset of its block. What is missing is empty.
    async fn read_payloads(&self, file: &dyn File, footer: &Footer) -> Result<[(u64, Bytes); 4]> {
        let lengths = [
            footer.filter_length,
            footer.properties_length,
            footer.index_length,
            footer.tombstones_length,
        ];
        let total = footer.tail_bytes() as usize - FOOTER_BYTES;
        let mut offset = footer.filter_offset;
        let mut bytes = file.read_at(offset, total).await?;
        if bytes.len() != total {
            return Err(LsmError::decode(&self.path, offset, short_read()));
        }
        let mut payloads = [const { (0, Bytes::new()) }; 4];
        for (payload, length) in payloads.iter_mut().zip(lengths) {
            if length == 0 {
                payload.0 = offset;
                continue;
            }
            let block = bytes.split_to(length as usize);
            let expanded = self.payload(&block, offset);
            let expanded = expanded.map_err(|error| LsmError::decode(&self.path, offset, error))?;
            *payload = (offset, expanded);
            offset += u64::from(length);
        }
        Ok(payloads)
    }

    /// A data block, from the cache or from the disk. Every data block comes through here.
    pub(super) async fn block(&self, handle: Handle, caching: Caching) -> Result<Block> {
        let (cache, id) = (&self.access.cache, self.info.id);
        if let Some(block) = cache.get(id, handle.offset, caching) {
            return Ok(block);
        }
        // In a box, as all that waits for a disk: every caller up to the node would else carry it about, though
        // most blocks are in the cache.
        let block = Box::pin(self.read_block(handle)).await?;
        if caching == Caching::Fill {
            cache.insert(id, handle.offset, &block);
        }
        Ok(block)
    }

    /// Reads a block from the disk.
    pub(super) async fn read_block(&self, handle: Handle) -> Result<Block> {
        let file = self.access.file(self.info.id, &self.path).await?;
        let bytes = file.read_at(handle.offset, handle.length as usize).await?;
        let block = match bytes.len() as u64 == handle.length {
            true => self.payload(&bytes, handle.offset).and_then(Block::new),
            false => Err(short_read()),
        };
        block.map_err(|error| self.block_error(handle, error))
    }

    /// The payload of a block that was read.
    fn payload(&self, block: &Bytes, offset: u64) -> result::Result<Bytes, DecodeError> {
        let (compression, stored) = unseal(block, self.info.id, offset)?;
        self.access.expander.expand(compression, stored)
    }

    /// An error in a data block.
    pub(super) fn block_error(&self, handle: Handle, error: DecodeError) -> LsmError {
        LsmError::decode(&self.path, handle.offset, error)
    }
}

/// Reads and checks the end of the file.
async fn read_footer(file: &dyn File, path: &str, info: &TableInfo) -> Result<Footer> {
    let length = file.length().await?;
    if length != info.bytes || length < FOOTER_BYTES as u64 {
        return Err(LsmError::corrupt(
            path,
            length,
            "the length that the manifest knows",
        ));
    }
    let offset = length - FOOTER_BYTES as u64;
    let bytes = file.read_at(offset, FOOTER_BYTES).await?;
    let footer = Footer::decode(bytes).map_err(|bad| match bad {
        BadFooter::Corrupt(error) => LsmError::decode(path, offset, error),
        BadFooter::Version(found) => LsmError::Version {
            file: path.to_owned(),
            found,
            supported: VERSION,
        },
    })?;
    if footer.id != info.id {
        return Err(LsmError::corrupt(path, offset, "the id of this table"));
    }
    if footer.filter_offset.checked_add(footer.tail_bytes()) != Some(length) {
        return Err(LsmError::corrupt(path, offset, "lengths that fit the file"));
    }
    Ok(footer)
}

fn short_read() -> DecodeError {
    DecodeError {
        what: "a file that is as long as it was",
        offset: 0,
    }
}
