//! The segment that is being written, and how it comes by its blocks.
//!
//! A sync of bytes that lie in blocks of the file system's own, below the end of the file, writes
//! these bytes and nothing else; where the file grows, the sync must write down the new length and
//! the new blocks too, and costs half as much again. So a batch that is to be synced and grows the
//! file takes many blocks at once, filled with zeros, for those that follow. In a file that had an
//! earlier life the blocks are there.
//!
//! A write of part of a page that is not in memory makes the operating system read the page first.
//! So the first write into a page that holds an earlier life fills it to its end.

use std::{io::ErrorKind, sync::Arc};

use super::record::{HEADER_BYTES, Header};
use crate::env::{DiskError, DiskResult, File};

/// What the page cache reads and writes as one.
const PAGE_BYTES: u64 = 4 << 10;

/// A file grows by at most this much more than it must.
const GROWTH_BYTES_MAX: u64 = 1 << 20;

/// By how much a file that is to have `segment_bytes` grows at a time.
pub(super) fn growth(segment_bytes: u64) -> u64 {
    (segment_bytes / 8).clamp(PAGE_BYTES, GROWTH_BYTES_MAX)
}

/// The segment that is being written.
pub(super) struct Current {
    pub file: Arc<dyn File>,
    pub header: Header,
    /// Where the valid part of the segment before it ends; 0 if there is none.
    pub previous_end: u64,
    /// The next write begins here.
    pub end: u64,
    /// Up to here nothing of an earlier life is left.
    filled: u64,
    /// Up to here the file has blocks.
    allocated: u64,
    /// By how much it grows at a time.
    growth: u64,
}

impl Current {
    /// A segment whose file has this length, and its header.
    pub(super) fn new(
        file: Arc<dyn File>,
        header: Header,
        previous_end: u64,
        length: u64,
        growth: u64,
    ) -> Current {
        Current {
            file,
            header,
            previous_end,
            end: HEADER_BYTES as u64,
            filled: HEADER_BYTES as u64,
            allocated: length,
            growth,
        }
    }

    /// The position behind its last byte.
    pub(super) fn end_position(&self) -> u64 {
        self.header.sequence.position(self.end)
    }

    /// Writes a batch; it is not durable yet. The offset is our own count: nobody else writes the
    /// file, and to ask the disk for its length costs as much as a small write.
    pub(super) async fn write(&mut self, batch: &mut Vec<u8>, to_sync: bool) -> DiskResult<()> {
        let length = batch.len();
        let end = self.pad(batch, to_sync);
        let mut result = self.file.write_at(self.end, batch).await;
        batch.truncate(length);
        if self.lacks_room_for_zeros(&result, end, length) {
            result = self.file.write_at(self.end, batch).await;
        }
        self.wrote(result, length, end)
    }

    /// As [`Self::write`], with its sync if there is to be one, before it returns; none, and nothing
    /// is done, if the disk cannot do that.
    pub(super) fn write_now(
        &mut self,
        batch: &mut Vec<u8>,
        to_sync: bool,
    ) -> Option<DiskResult<()>> {
        let write = |batch: &[u8]| match to_sync {
            true => self.file.write_synced_now(self.end, batch),
            false => self.file.write_now(self.end, batch),
        };
        let length = batch.len();
        let end = self.pad(batch, to_sync);
        let mut result = write(batch);
        batch.truncate(length);
        if let Some(first) = &result
            && self.lacks_room_for_zeros(first, end, length)
        {
            result = write(batch);
        }
        Some(self.wrote(result?, length, end))
    }

    /// Adds the zeros to a batch that are to be written behind it. Answers where they end.
    fn pad(&self, batch: &mut Vec<u8>, to_sync: bool) -> u64 {
        let end = self.end + batch.len() as u64;
        let padded = match end {
            _ if end <= self.filled => end,
            _ if end <= self.allocated => end.next_multiple_of(PAGE_BYTES).min(self.allocated),
            _ if to_sync => end.next_multiple_of(self.growth),
            _ => end,
        };
        batch.resize((padded - self.end) as usize, 0);
        padded
    }

    /// Whether the batch alone may fit where it did not together with its zeros. Those that follow
    /// are then written without zeros, too, up to where these would have ended.
    fn lacks_room_for_zeros(&self, result: &DiskResult<()>, end: u64, length: usize) -> bool {
        let is_full = |error: &DiskError| error.kind == ErrorKind::StorageFull;
        end > self.end + length as u64 && result.as_ref().is_err_and(is_full)
    }

    fn wrote(&mut self, result: DiskResult<()>, length: usize, end: u64) -> DiskResult<()> {
        result?;
        self.end += length as u64;
        self.filled = self.filled.max(end);
        self.allocated = self.allocated.max(end);
        Ok(())
    }
}
