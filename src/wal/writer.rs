//! The one writer of a log.

use std::{collections::VecDeque, io::ErrorKind, sync::Arc};

use super::{
    Recovered, SegmentId, WalError,
    record::{Header, Stamp, put_record},
    recovery::{Found, recover},
    segment::{Current, make_dir, remove_files},
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
    /// Closed segments of which something is not durable yet, ascending.
    unsynced: VecDeque<(SegmentId, Arc<dyn File>)>,
    /// Up to this position the log is durable.
    durable: u64,
    /// Records that wait for the next write.
    buffer: Vec<u8>,
    health: Health,
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
        Wal::open_from(disk, dir, segment_bytes, SegmentId(0)).await
    }

    /// As [`Self::open`], from a segment on that is known to be there: those before it are removed
    /// unread, whatever their state. All segments are wanted from the segment 0 on, which never
    /// exists.
    pub async fn open_from(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
        first: SegmentId,
    ) -> Result<(Wal, Recovered), WalError> {
        make_dir(disk.as_ref(), dir).await?;
        let found = recover(disk.as_ref(), dir, first).await?;
        let useless = found.useless.iter().copied();
        remove_files(disk.as_ref(), dir, useless).await?;
        let header = first_header(&found);
        let current = Current::create(disk.as_ref(), dir, header).await?;
        let wal = Wal {
            disk,
            dir: dir.to_owned(),
            segment_bytes,
            closed: found.segments.into(),
            durable: current.end_position(),
            current,
            unsynced: VecDeque::new(),
            buffer: Vec::new(),
            health: Health::Good,
        };
        Ok((wal, found.recovered))
    }

    /// Adds a record to the next batch; its payload is the `parts` one after the other. Panics if
    /// they are longer than [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    pub fn append(&mut self, kind: u8, shard: ShardId, parts: &[&[u8]]) {
        let stamp = Stamp {
            epoch: self.current.header.epoch,
            position: self.current.end_position() + self.buffer.len() as u64,
            batch: self.durable,
        };
        put_record(&mut self.buffer, stamp, kind, shard, parts);
    }

    /// Makes everything that was appended durable, by one write and one sync (and one more for each
    /// older segment that was written without). After an error, or if the future is dropped
    /// half-way, every later call fails.
    pub async fn commit(&mut self) -> Result<(), WalError> {
        self.begin()?;
        let result = self.write_and_sync().await;
        self.end(result)
    }

    /// Hands everything that was appended to the operating system: it survives the end of this
    /// process, and becomes durable with the next commit. Errors are as those of a commit.
    pub async fn write(&mut self) -> Result<(), WalError> {
        self.begin()?;
        let result = self.write_buffer().await;
        self.end(result)
    }

    /// As [`Self::write`], before it returns; none, and nothing is done, if the disk cannot do that.
    pub fn write_now(&mut self) -> Option<Result<(), WalError>> {
        if let Err(error) = self.begin() {
            return Some(Err(error));
        }
        let result = self.current.write_now(&self.buffer);
        match result {
            Some(result) => {
                self.forget_buffer();
                Some(self.end(result))
            }
            None => {
                self.health = Health::Good;
                None
            }
        }
    }

    async fn write_buffer(&mut self) -> DiskResult<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.current.write(&self.buffer).await;
        self.forget_buffer();
        result
    }

    async fn write_and_sync(&mut self) -> DiskResult<()> {
        self.write_buffer().await?;
        let end = self.current.end_position();
        if self.durable == end {
            return Ok(());
        }
        while let Some((_, file)) = self.unsynced.front() {
            file.sync().await?;
            self.unsynced.pop_front();
        }
        self.current.file.sync().await?;
        self.durable = end;
        Ok(())
    }

    fn forget_buffer(&mut self) {
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES_MAX);
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

    /// How many bytes were ever written, headers included.
    pub fn position(&self) -> u64 {
        self.current.end_position()
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

    /// Begins a new segment. What was written without a sync stays so. Panics if there are appended
    /// records that were not written.
    pub async fn rotate(&mut self) -> Result<(), WalError> {
        self.begin()?;
        assert!(self.buffer.is_empty(), "a batch is split by a rotation");
        let full = (self.segment(), self.current.end);
        let header = self.current.next_header(self.durable);
        let created = Current::create(self.disk.as_ref(), &self.dir, header).await;
        let result = created.map(|next| {
            let is_durable = self.durable == self.current.end_position();
            let current = std::mem::replace(&mut self.current, next);
            self.closed.push_back(full);
            match is_durable {
                // The new header is durable as well.
                true => self.durable = self.current.end_position(),
                false => self.unsynced.push_back((full.0, current.file)),
            }
        });
        self.end(result)
    }

    /// Removes the segments before this one. Panics if the current one is among them.
    pub async fn remove_before(&mut self, first_kept: SegmentId) -> Result<(), WalError> {
        while let Some((oldest, _)) = self.closed.front().copied()
            && oldest < first_kept
        {
            self.begin()?;
            let result = remove_files(self.disk.as_ref(), &self.dir, [oldest]).await;
            self.end(result)?;
            self.forget_before(oldest.next());
        }
        assert!(first_kept <= self.segment(), "the current segment is kept");
        Ok(())
    }

    /// Knows nothing any more of the segments before this one: somebody else removes their files.
    /// The log may then only be opened from there on. Panics if the current one is among them.
    pub fn forget_before(&mut self, first_kept: SegmentId) {
        assert!(first_kept <= self.segment(), "the current segment is kept");
        let is_gone = |segment: SegmentId| segment < first_kept;
        while self
            .closed
            .front()
            .is_some_and(|(oldest, _)| is_gone(*oldest))
        {
            self.closed.pop_front();
        }
        self.unsynced.retain(|(segment, _)| !is_gone(*segment));
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

impl Header {
    /// The header of the next segment of the same opening, when this one has `end` bytes and the
    /// log is durable up to `durable`.
    pub(super) fn after(&self, end: u64, durable: u64) -> Header {
        Header {
            sequence: self.sequence.next(),
            epoch: self.epoch,
            position: self.position + end,
            previous_end: end,
            durable,
        }
    }
}

/// The header of the segment that an opening begins.
fn first_header(found: &Found) -> Header {
    match (found.last, found.segments.last()) {
        (Some(last), Some((_, end))) => Header {
            epoch: last.epoch + 1,
            // Recovery has made durable what it found.
            ..last.after(*end, last.position + end)
        },
        _ => Header {
            sequence: SegmentId(1),
            epoch: 1,
            position: 0,
            previous_end: 0,
            durable: 0,
        },
    }
}
