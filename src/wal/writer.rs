//! The one writer of a log.

use std::{collections::VecDeque, io::ErrorKind, sync::Arc};

use super::{
    Recovered, Salvage, SegmentId, WalError,
    record::{HEADER_BYTES, SEGMENT_BYTES_MAX, Stamp, put_link, put_record},
    recovery::{Found, recover},
    segment::Current,
    yard::{Prepare, Remover, Retired, Yard, make_dir},
};
use crate::{
    env::{Disk, DiskError, DiskResult, File},
    types::ShardId,
};

/// A buffer that a single large batch made bigger than this is not kept.
const BUFFER_KEPT_BYTES_MAX: usize = 4 << 20;

/// The next segment is made ready when the current one has this part of its length: late enough that
/// there may be a file to use again, early enough to be done in time.
pub(super) const READY_AT: u64 = 4;

/// An open log. Appending is by one writer, in batches; see the [module](super).
pub struct Wal {
    yard: Yard,
    dir: String,
    /// A segment is asked to be closed when it has this length.
    segment_bytes: u64,
    /// The segment after the current one.
    next: Prepare,
    /// The segments before the current one, with the bytes that are valid in them.
    closed: VecDeque<(SegmentId, u64)>,
    current: Current,
    /// Closed segments of which something is not durable yet, ascending.
    unsynced: VecDeque<(SegmentId, Arc<dyn File>)>,
    /// Up to this position the log is written.
    written: u64,
    /// Up to this position it is durable.
    durable: u64,
    /// Bytes written since the log was opened.
    written_bytes: u64,
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
        Wal::open_from(disk, dir, segment_bytes, SegmentId(0), Retired::Kept).await
    }

    /// As [`Self::open`], from a segment on that is known to be there: those before it are removed
    /// unread, whatever their state. All segments are wanted from the segment 0 on, which never
    /// exists.
    pub async fn open_from(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
        first: SegmentId,
        retired: Retired,
    ) -> Result<(Wal, Recovered), WalError> {
        make_dir(disk.as_ref(), dir).await?;
        let Found {
            recovered,
            segments,
            epoch,
        } = recover(disk.as_ref(), dir, first).await?;
        let yard = Yard::new(disk, dir, segment_bytes, epoch + 1, retired);
        let mut wal = Wal::behind(yard, dir, segment_bytes, segments).await?;
        // From now on what recovery has made durable is promised.
        wal.begin_segment();
        wal.commit().await?;
        Ok((wal, recovered))
    }

    /// Begins a new segment behind a log that is corrupt, which stays as it is until its segments are
    /// removed. Until the first commit nothing says that the log is durable beyond the damage, so
    /// that, after a crash before it, nothing more of the log is taken for damaged than now.
    pub async fn open_behind(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
        salvage: &Salvage,
    ) -> Result<Wal, WalError> {
        disk.sync_dir(dir).await?;
        let epoch = salvage.epoch + 1;
        let yard = Yard::new(disk, dir, segment_bytes, epoch, Retired::Kept);
        let segments = salvage.segments.clone();
        let mut wal = Wal::behind(yard, dir, segment_bytes, segments).await?;
        wal.durable = salvage.durable;
        Ok(wal)
    }

    /// A log of these segments, all durable, and a new one.
    async fn behind(
        yard: Yard,
        dir: &str,
        segment_bytes: usize,
        segments: Vec<(SegmentId, u64)>,
    ) -> Result<Wal, WalError> {
        let (last, end) = segments.last().copied().unwrap_or((SegmentId(0), 0));
        let current = yard.make(last.next()).await?.begin(end);
        Ok(Wal {
            next: Prepare::start(yard.clone()),
            yard,
            dir: dir.to_owned(),
            segment_bytes: (segment_bytes as u64).min(SEGMENT_BYTES_MAX / 2),
            closed: segments.into(),
            current,
            unsynced: VecDeque::new(),
            written: last.position(end),
            durable: last.position(end),
            written_bytes: 0,
            buffer: Vec::new(),
            health: Health::Good,
        })
    }

    /// Adds a record to the next batch; its payload is the `parts` one after the other. Panics if
    /// they are longer than [`PAYLOAD_BYTES_MAX`](super::PAYLOAD_BYTES_MAX).
    pub fn append(&mut self, kind: u8, shard: ShardId, parts: &[&[u8]]) {
        self.begin_segment();
        let stamp = self.stamp();
        put_record(&mut self.buffer, stamp, kind, shard, parts);
    }

    /// Appends the link if nothing is in the current segment.
    fn begin_segment(&mut self) {
        if self.current.end == HEADER_BYTES as u64 && self.buffer.is_empty() {
            let stamp = self.stamp();
            put_link(&mut self.buffer, stamp, self.current.previous_end);
        }
    }

    /// The stamp of what is appended next.
    fn stamp(&self) -> Stamp {
        let offset = self.current.end + self.buffer.len() as u64;
        assert!(offset < SEGMENT_BYTES_MAX, "a segment of {offset} bytes");
        Stamp {
            epoch: self.current.header.epoch,
            position: self.segment().position(offset),
            batch: self.durable,
        }
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
        let result = self.write_buffer(false).await;
        self.end(result)
    }

    /// As [`Self::write`], before it returns; none if the disk cannot do that. What was appended is
    /// then forgotten.
    pub fn write_now(&mut self) -> Option<Result<(), WalError>> {
        self.put_now(false)
    }

    /// As [`Self::commit`], before it returns; none if the disk cannot do that now, or if more is to
    /// be synced than the current segment. What was appended is then forgotten.
    pub fn commit_now(&mut self) -> Option<Result<(), WalError>> {
        match self.unsynced.is_empty() {
            true => self.put_now(true),
            false => {
                self.buffer.clear();
                None
            }
        }
    }

    fn put_now(&mut self, to_sync: bool) -> Option<Result<(), WalError>> {
        if let Err(error) = self.begin() {
            return Some(Err(error));
        }
        let Some(result) = self.current.write_now(&mut self.buffer, to_sync) else {
            self.buffer.clear();
            self.health = Health::Good;
            return None;
        };
        self.wrote_buffer();
        if to_sync && result.is_ok() {
            self.durable = self.written;
        }
        Some(self.end(result))
    }

    async fn write_buffer(&mut self, to_sync: bool) -> DiskResult<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.current.write(&mut self.buffer, to_sync).await;
        self.wrote_buffer();
        result
    }

    async fn write_and_sync(&mut self) -> DiskResult<()> {
        self.write_buffer(true).await?;
        if self.durable == self.written {
            return Ok(());
        }
        while let Some((_, file)) = self.unsynced.front() {
            file.sync().await?;
            self.unsynced.pop_front();
        }
        self.current.file.sync().await?;
        self.durable = self.written;
        Ok(())
    }

    /// Called when the buffer was written, or failed to be and nothing will be written any more.
    fn wrote_buffer(&mut self) {
        self.written_bytes += self.buffer.len() as u64;
        if !self.buffer.is_empty() {
            self.written = self.current.end_position();
        }
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES_MAX);
        if self.current.end >= self.segment_bytes / READY_AT {
            self.next.ask(self.segment().next());
        }
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

    /// Bytes written since the log was opened.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Bytes of the log on the disk, without what its files hold beyond its end.
    pub fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|(_, bytes)| bytes).sum();
        closed + self.current.end
    }

    /// Whether the current segment has its length.
    pub fn should_rotate(&self) -> bool {
        self.current.end >= self.segment_bytes
    }

    /// Begins a new segment, unless nothing was written into the present one. What was written
    /// without a sync stays so. Panics if there are appended records that were not written.
    pub async fn rotate(&mut self) -> Result<(), WalError> {
        self.begin()?;
        assert!(self.buffer.is_empty(), "a batch is split by a rotation");
        let (full, end) = (self.segment(), self.current.end);
        if end == HEADER_BYTES as u64 {
            return self.end(Ok(()));
        }
        let made = self.next.take(full.next()).await;
        let result = made.map(|blank| {
            let before = std::mem::replace(&mut self.current, blank.begin(end));
            self.closed.push_back((full, end));
            if self.durable < self.written {
                self.unsynced.push_back((full, before.file));
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
            let result = self.yard.retire(oldest).await;
            self.end(result)?;
            self.forget_before(oldest.next());
        }
        assert!(first_kept <= self.segment(), "the current segment is kept");
        Ok(())
    }

    /// What removes the segments that [`Self::forget_before`] has given up.
    pub fn remover(&self) -> Remover {
        self.yard.remover()
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
