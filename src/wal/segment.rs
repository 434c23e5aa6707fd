//! The files of a log: begun, written, and removed, each step durable before the next where the
//! order counts.

use std::sync::Arc;

use super::{
    SegmentId,
    record::{HEADER_BYTES, Header},
};
use crate::env::{Disk, DiskResult, File};

/// The segment that is being written.
pub(super) struct Current {
    pub file: Arc<dyn File>,
    pub header: Header,
    /// Its length: the next write begins here.
    pub end: u64,
}

impl Current {
    /// Creates a segment that is durable before it is used.
    pub(super) async fn create(disk: &dyn Disk, dir: &str, header: Header) -> DiskResult<Current> {
        let path = format!("{dir}/{}", header.sequence);
        let file = disk.create(&path).await?;
        file.write_at(0, &header.encode()).await?;
        file.sync().await?;
        disk.sync_dir(dir).await?;
        Ok(Current {
            file,
            header,
            end: HEADER_BYTES as u64,
        })
    }

    /// The position behind its last byte.
    pub(super) fn end_position(&self) -> u64 {
        self.header.position + self.end
    }

    /// The header of the next segment of the same opening, when the log is durable up to `durable`.
    pub(super) fn next_header(&self, durable: u64) -> Header {
        self.header.after(self.end, durable)
    }

    /// Writes a batch; it is not durable yet. The offset is our own count: nobody else writes the
    /// file, and to ask the disk for its length costs as much as a small write.
    pub(super) async fn write(&mut self, batch: &[u8]) -> DiskResult<()> {
        self.file.write_at(self.end, batch).await?;
        self.end += batch.len() as u64;
        Ok(())
    }

    /// As [`Self::write`], before it returns; none if the disk cannot do that.
    pub(super) fn write_now(&mut self, batch: &[u8]) -> Option<DiskResult<()>> {
        let result = self.file.write_now(self.end, batch)?;
        if result.is_ok() {
            self.end += batch.len() as u64;
        }
        Some(result)
    }
}

/// Creates the log's directory, durably. The names above are synced even if they were there: an
/// earlier process may have crashed before it came to that.
pub(super) async fn make_dir(disk: &dyn Disk, dir: &str) -> DiskResult<()> {
    disk.create_dir(dir).await?;
    disk.sync_dir("").await?;
    for (at, _) in dir.match_indices('/') {
        disk.sync_dir(&dir[..at]).await?;
    }
    Ok(())
}

/// Removes segments in this order, each durably before the next, so that a power failure cannot
/// leave a gap between those that stay.
pub(super) async fn remove_files(
    disk: &dyn Disk,
    dir: &str,
    segments: impl IntoIterator<Item = SegmentId>,
) -> DiskResult<()> {
    for segment in segments {
        disk.remove(&format!("{dir}/{segment}")).await?;
        disk.sync_dir(dir).await?;
    }
    Ok(())
}

/// Removes segments that their log has forgotten: those from `from` on and before `to`.
pub async fn remove_segments(
    disk: &dyn Disk,
    dir: &str,
    from: SegmentId,
    to: SegmentId,
) -> DiskResult<()> {
    remove_files(disk, dir, (from.0..to.0).map(SegmentId)).await
}
