//! The one writer of a log.

use std::{collections::VecDeque, io::ErrorKind, sync::Arc};

use super::{
    Recovered, SegmentId, WalError,
    record::{HEADER_BYTES, Header, Stamp, put_record},
    recovery::{Found, recover},
};
use crate::{
    env::{Disk, DiskError, DiskResult, File},
    types::ShardId,
};

/// A buffer that a single large batch made bigger than this is not kept.
const BUFFER_KEPT_BYTES_MAX: usize = 4 << 20;

/// An open log. Appending is by one writer, in batches; see the [module](super).
pub struct Wal {
    disk: Arc<dyn Disk>,
    dir: String,
    /// Asked for a new segment from this length on.
    segment_bytes: usize,
    /// The segments before the current one, with the bytes that are valid in them.
    closed: VecDeque<(SegmentId, u64)>,
    current: Current,
    /// Records that wait for the next commit.
    buffer: Vec<u8>,
    health: Health,
}

/// The segment that is being written.
struct Current {
    file: Arc<dyn File>,
    header: Header,
    /// Its length; all of it is durable.
    end: u64,
}

/// Whether the state of the disk is known.
enum Health {
    Good,
    /// Something is being written. If it is found like this, its future was dropped half-way.
    Writing,
    Failed(DiskError),
}

impl Wal {
    /// Opens the log in `dir`, which is created if needed, and begins a new segment. Also returns
    /// everything that the log holds; it is durable. A segment is asked to be closed when it has
    /// `segment_bytes`.
    pub async fn open(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
    ) -> Result<(Wal, Recovered), WalError> {
        make_dir(disk.as_ref(), dir).await?;
        let found = recover(disk.as_ref(), dir).await?;
        if let Some(unfinished) = found.unfinished {
            disk.remove(&format!("{dir}/{unfinished}")).await?;
        }
        let header = first_header(&found);
        let current = Current::create(disk.as_ref(), dir, header).await?;
        let wal = Wal {
            disk,
            dir: dir.to_owned(),
            segment_bytes,
            closed: found.segments.into(),
            current,
            buffer: Vec::new(),
            health: Health::Good,
        };
        Ok((wal, found.recovered))
    }

    /// Adds a record to the next batch; its payload is the `parts` one after the other. Panics if
    /// they are longer than [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    pub fn append(&mut self, kind: u8, shard: ShardId, parts: &[&[u8]]) {
        let durable = self.current.header.position + self.current.end;
        let stamp = Stamp {
            epoch: self.current.header.epoch,
            position: durable + self.buffer.len() as u64,
            batch: durable,
        };
        put_record(&mut self.buffer, stamp, kind, shard, parts);
    }

    /// Makes everything that was appended durable, by one write and one sync. After an error, or if
    /// the future is dropped half-way, every later call fails.
    pub async fn commit(&mut self) -> Result<(), WalError> {
        self.begin()?;
        let result = self.current.write(&self.buffer).await;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES_MAX);
        self.end(result)
    }

    /// The segment that is being written.
    pub fn segment(&self) -> SegmentId {
        self.current.header.sequence
    }

    /// The oldest segment that is there.
    pub fn first_segment(&self) -> SegmentId {
        let closed = self.closed.front();
        closed.map_or(self.segment(), |(oldest, _)| *oldest)
    }

    /// Bytes of the log on the disk, without torn tails.
    pub fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|(_, bytes)| bytes).sum();
        closed + self.current.end
    }

    /// Whether the current segment has its length.
    pub fn should_rotate(&self) -> bool {
        self.current.end >= self.segment_bytes as u64
    }

    /// Begins a new segment. Panics if there are appended records that were not committed.
    pub async fn rotate(&mut self) -> Result<(), WalError> {
        self.begin()?;
        assert!(self.buffer.is_empty(), "a batch is split by a rotation");
        let full = (self.segment(), self.current.end);
        let header = self.current.header.after(self.current.end);
        let created = Current::create(self.disk.as_ref(), &self.dir, header).await;
        let result = created.map(|current| {
            self.closed.push_back(full);
            self.current = current;
        });
        self.end(result)
    }

    /// Removes the segments before this one. Panics if the current one is among them.
    pub async fn remove_before(&mut self, first_kept: SegmentId) -> Result<(), WalError> {
        assert!(first_kept <= self.segment(), "the current segment is kept");
        while let Some((oldest, _)) = self.closed.front()
            && *oldest < first_kept
        {
            let path = format!("{}/{oldest}", self.dir);
            self.begin()?;
            let result = remove(self.disk.as_ref(), &self.dir, &path).await;
            self.end(result)?;
            self.closed.pop_front();
        }
        Ok(())
    }

    /// Called before anything is done to the disk.
    fn begin(&mut self) -> Result<(), WalError> {
        match &self.health {
            Health::Good => self.health = Health::Writing,
            Health::Failed(error) => return Err(error.clone().into()),
            Health::Writing => {
                let reason = "an earlier write was abandoned half-way";
                let error = DiskError::because("write", &self.dir, ErrorKind::Interrupted, reason);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Called with the result of what was done to the disk.
    fn end(&mut self, result: DiskResult<()>) -> Result<(), WalError> {
        self.health = match &result {
            Ok(()) => Health::Good,
            Err(error) => Health::Failed(error.clone()),
        };
        Ok(result?)
    }
}

impl Current {
    /// Creates a segment that is durable before it is used.
    async fn create(disk: &dyn Disk, dir: &str, header: Header) -> DiskResult<Current> {
        let path = format!("{dir}/{}", header.sequence);
        let file = disk.create(&path).await?;
        file.append(&header.encode()).await?;
        file.sync().await?;
        disk.sync_dir(dir).await?;
        Ok(Current {
            file,
            header,
            end: HEADER_BYTES as u64,
        })
    }

    /// Writes a batch and makes it durable.
    async fn write(&mut self, batch: &[u8]) -> DiskResult<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let offset = self.file.append(batch).await?;
        assert_eq!(offset, self.end, "somebody else writes this segment");
        self.file.sync().await?;
        self.end += batch.len() as u64;
        Ok(())
    }
}

impl Header {
    /// The header of the next segment of the same opening, when this one has `end` bytes.
    fn after(&self, end: u64) -> Header {
        Header {
            sequence: self.sequence.next(),
            epoch: self.epoch,
            position: self.position + end,
            previous_end: end,
        }
    }
}

/// The header of the segment that an opening begins.
fn first_header(found: &Found) -> Header {
    match (found.last, found.segments.last()) {
        (Some(last), Some((_, end))) => Header {
            epoch: last.epoch + 1,
            ..last.after(*end)
        },
        _ => Header {
            sequence: SegmentId(1),
            epoch: 1,
            position: 0,
            previous_end: 0,
        },
    }
}

/// Creates the log's directory, durably. The names above are synced even if they were there: an
/// earlier process may have crashed before it came to that.
async fn make_dir(disk: &dyn Disk, dir: &str) -> DiskResult<()> {
    disk.create_dir(dir).await?;
    disk.sync_dir("").await?;
    for (at, _) in dir.match_indices('/') {
        disk.sync_dir(&dir[..at]).await?;
    }
    Ok(())
}

/// Removes a segment durably, so that a power failure cannot leave a gap.
async fn remove(disk: &dyn Disk, dir: &str, path: &str) -> DiskResult<()> {
    disk.remove(path).await?;
    disk.sync_dir(dir).await
}
