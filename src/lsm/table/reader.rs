//! Reading a table: opening it, finding a key in it.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    super::{
        block::{Block, BlockCursor},
        bloom::Bloom,
        entry::Seq,
        error::{LsmError, Result},
        memtable::Hit,
        names,
    },
    format::{BadFooter, FOOTER_BYTES, Footer, Handle, Properties, TRAILER_BYTES, VERSION, unseal},
};
use crate::{
    codec::DecodeError,
    env::{Disk, File},
};

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

/// An open table.
pub(in crate::lsm) struct Table {
    info: TableInfo,
    path: String,
    file: Arc<dyn File>,
    /// Where the data blocks end.
    data_bytes: u64,
    index: Block,
    filter: Bloom,
}

impl Table {
    /// Opens the table that `info` describes and checks that it is that table.
    pub(in crate::lsm) async fn open(disk: &dyn Disk, dir: &str, info: TableInfo) -> Result<Table> {
        let path = names::path(dir, &names::table(info.id));
        let file = disk.open(&path).await?;
        let footer = read_footer(file.as_ref(), &path, &info).await?;
        let tail = read_tail(file.as_ref(), &path, &footer).await?;
        let offset = footer.filter_offset + u64::from(footer.filter_length);
        let index_offset = offset + u64::from(footer.properties_length);
        let corrupt = |offset| move |error| (offset, error);
        let parts = || {
            let [filter, properties, index] = tail;
            let filter = Bloom::decode(filter).map_err(corrupt(footer.filter_offset))?;
            let properties = Properties::decode(properties).map_err(corrupt(offset))?;
            let index = Block::new(index).map_err(corrupt(index_offset))?;
            Ok((filter, properties, index))
        };
        let (filter, properties, index) =
            parts().map_err(|(offset, error)| LsmError::decode(&path, offset, error))?;
        if properties != info.properties {
            let what = "the properties that the manifest knows";
            return Err(LsmError::corrupt(&path, offset, what));
        }
        Ok(Table {
            info,
            path,
            file,
            data_bytes: footer.filter_offset,
            index,
            filter,
        })
    }

    /// What is known of it outside.
    pub(in crate::lsm) fn info(&self) -> &TableInfo {
        &self.info
    }

    /// The newest version of `key` at or below `at`.
    pub(in crate::lsm) async fn get(&self, key: &[u8], at: Seq) -> Result<Option<Hit>> {
        if at < self.info.properties.seq_min || !self.filter.may_contain(key) {
            return Ok(None);
        }
        let mut index = self.index();
        index
            .seek(key, at)
            .map_err(|error| self.index_error(error))?;
        let Some(handle) = self.handle(&index)? else {
            return Ok(None);
        };
        let mut cursor = BlockCursor::new(self.block(handle).await?);
        cursor
            .seek(key, at)
            .map_err(|error| self.block_error(handle, error))?;
        let found = cursor.entry().filter(|entry| entry.key == key);
        Ok(found.map(|entry| (entry.seq, cursor.value())))
    }

    /// A cursor over the index, before its first entry.
    pub(super) fn index(&self) -> BlockCursor {
        BlockCursor::new(self.index.clone())
    }

    /// The block that the index entry under the cursor stands for; none behind the last.
    pub(super) fn handle(&self, index: &BlockCursor) -> Result<Option<Handle>> {
        let Some(value) = index.value() else {
            return Ok(None);
        };
        let handle = Handle::decode(value).map_err(|error| self.index_error(error))?;
        let end = handle.offset.checked_add(handle.length);
        let within = end.is_some_and(|end| end <= self.data_bytes);
        if !within || handle.length < TRAILER_BYTES as u64 {
            let what = "an index entry of a block in this table";
            return Err(LsmError::corrupt(&self.path, self.data_bytes, what));
        }
        Ok(Some(handle))
    }

    /// Reads a block. Every data block comes through here.
    pub(super) async fn block(&self, handle: Handle) -> Result<Block> {
        let bytes = self
            .file
            .read_at(handle.offset, handle.length as usize)
            .await?;
        let block = match bytes.len() as u64 == handle.length {
            true => unseal(&bytes, self.info.id, handle.offset).and_then(Block::new),
            false => Err(short_read()),
        };
        block.map_err(|error| self.block_error(handle, error))
    }

    /// An error in a data block.
    pub(super) fn block_error(&self, handle: Handle, error: DecodeError) -> LsmError {
        LsmError::decode(&self.path, handle.offset, error)
    }

    /// An error in the index. Its exact place is of no use to anyone.
    pub(super) fn index_error(&self, error: DecodeError) -> LsmError {
        LsmError::decode(&self.path, self.data_bytes, error)
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

/// Reads the payloads of the filter, the properties and the index, which lie in a row.
async fn read_tail(file: &dyn File, path: &str, footer: &Footer) -> Result<[Bytes; 3]> {
    let lengths = [
        footer.filter_length,
        footer.properties_length,
        footer.index_length,
    ];
    let total = footer.tail_bytes() as usize - FOOTER_BYTES;
    let mut offset = footer.filter_offset;
    let mut bytes = file.read_at(offset, total).await?;
    if bytes.len() != total {
        return Err(LsmError::decode(path, offset, short_read()));
    }
    let mut payloads = [const { Bytes::new() }; 3];
    for (payload, length) in payloads.iter_mut().zip(lengths) {
        let block = bytes.split_to(length as usize);
        *payload = unseal(&block, footer.id, offset)
            .map_err(|error| LsmError::decode(path, offset, error))?;
        offset += u64::from(length);
    }
    Ok(payloads)
}

fn short_read() -> DecodeError {
    DecodeError {
        what: "a file that is as long as it was",
        offset: 0,
    }
}
