//! The files of a log: made ready before they are needed, removed, and used again.
//!
//! A segment has its name from the moment on when its header is durable, so whatever has the name
//! of a segment has a header. On the way there, and on the way back, a file is a *spare*: nothing
//! in it counts, and the next opening removes it. An opening takes over no spares, because it could
//! not know which records they still hold, and of which epoch; a file is used again only by the
//! opening that has seen its earlier life end.

use std::{collections::VecDeque, io::ErrorKind, sync::Arc};

use parking_lot::Mutex;

use super::{
    SegmentId,
    record::{HEADER_BYTES, Header},
    segment::{Current, growth},
};
use crate::env::{
    Disk, DiskError, DiskResult, File, rare,
    task::{Receiver, Sender, Tasks, channel},
};

/// How many files are kept to be used again.
const SPARES_MAX: usize = 2;

/// What the names of spares end in.
const SPARE: &str = ".spare";

/// What becomes of the files of segments that are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retired {
    /// A few are kept to be used again, and new ones begin with some zeros: for logs that are synced.
    Kept,
    /// They are removed: a log that is hardly ever synced would gain nothing for the room they take.
    Removed,
}

/// Where the files of a log are made and unmade. Clones share it.
#[derive(Clone)]
pub(super) struct Yard {
    disk: Arc<dyn Disk>,
    dir: Arc<str>,
    /// The length that segments are expected to have.
    segment_bytes: u64,
    /// Of this opening.
    epoch: u64,
    retired: Retired,
    /// Segments that are no more and whose files wait to be used again, the oldest first.
    spares: Arc<Mutex<VecDeque<SegmentId>>>,
}

/// A segment that has a name and a header, and nothing in it that counts.
pub(super) struct Blank {
    file: Arc<dyn File>,
    header: Header,
    /// The length of the file.
    length: u64,
    growth: u64,
}

/// Removes segments beside the log's writer, who has forgotten them.
pub struct Remover {
    yard: Yard,
}

impl Yard {
    /// The files in `dir`, for the opening of this epoch.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: &str,
        segment_bytes: usize,
        epoch: u64,
        retired: Retired,
    ) -> Yard {
        Yard {
            disk,
            dir: dir.into(),
            segment_bytes: segment_bytes as u64,
            epoch,
            retired,
            spares: Arc::default(),
        }
    }

    /// Makes a segment, durably.
    pub(super) async fn make(&self, sequence: SegmentId) -> DiskResult<Blank> {
        let header = Header {
            sequence,
            epoch: self.epoch,
        };
        let spare = self.spares.lock().pop_front();
        let (path, file, length) = match spare {
            Some(spare) => self.reuse(spare, header).await?,
            None => self.create(header).await?,
        };
        file.sync().await?;
        // Not a renaming, which would replace a file that somebody else has put there.
        self.disk.link(&path, &self.path(sequence)).await?;
        self.disk.remove(&path).await?;
        self.disk.sync_dir(&self.dir).await?;
        Ok(Blank {
            file,
            header,
            length,
            growth: growth(self.segment_bytes),
        })
    }

    /// Puts the header into the file of a segment that is no more.
    async fn reuse(
        &self,
        spare: SegmentId,
        header: Header,
    ) -> DiskResult<(String, Arc<dyn File>, u64)> {
        rare::probe("a segment of the log was used again");
        let path = self.spare_path(spare);
        let file = self.disk.open(&path).await?;
        let mut length = file.length().await?;
        if length > self.segment_bytes {
            // One huge batch need not take its room for ever.
            length = self.segment_bytes.max(HEADER_BYTES as u64);
            file.truncate(length).await?;
        }
        file.write_at(0, &header.encode()).await?;
        Ok((path, file, length))
    }

    /// Puts the header into a new file, and zeros behind it if they are of use and there is room.
    async fn create(&self, header: Header) -> DiskResult<(String, Arc<dyn File>, u64)> {
        let path = self.spare_path(header.sequence);
        let file = self.create_file(&path).await?;
        let mut bytes = header.encode().to_vec();
        if self.retired == Retired::Kept {
            bytes.resize(growth(self.segment_bytes) as usize, 0);
        }
        let mut written = file.write_at(0, &bytes).await;
        if is_of(&written, ErrorKind::StorageFull) {
            bytes.truncate(HEADER_BYTES);
            file.truncate(0).await?;
            written = file.write_at(0, &bytes).await;
        }
        written?;
        Ok((path, file, bytes.len() as u64))
    }

    /// Creates a spare; what an attempt that failed has left of it makes way.
    async fn create_file(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        let created = self.disk.create(path).await;
        if !is_of(&created, ErrorKind::AlreadyExists) {
            return created;
        }
        self.disk.remove(path).await?;
        self.disk.create(path).await
    }

    /// Removes a segment durably; its file may be kept to be used again.
    pub(super) async fn retire(&self, segment: SegmentId) -> DiskResult<()> {
        let path = self.path(segment);
        let has_room = self.spares.lock().len() < SPARES_MAX;
        let is_kept = self.retired == Retired::Kept && has_room;
        match is_kept {
            true => self.disk.rename(&path, &self.spare_path(segment)).await?,
            false => self.disk.remove(&path).await?,
        }
        // Before anything is written into a spare, it must not be a segment any more.
        self.disk.sync_dir(&self.dir).await?;
        if is_kept {
            self.spares.lock().push_back(segment);
        }
        Ok(())
    }

    /// What removes segments beside the writer.
    pub(super) fn remover(&self) -> Remover {
        Remover { yard: self.clone() }
    }

    fn path(&self, segment: SegmentId) -> String {
        format!("{}/{segment}", self.dir)
    }

    fn spare_path(&self, segment: SegmentId) -> String {
        format!("{}/{:016x}{SPARE}", self.dir, segment.0)
    }
}

impl Blank {
    /// The segment as it is written: behind one whose valid part ends at `previous_end`.
    pub(super) fn begin(self, previous_end: u64) -> Current {
        Current::new(
            self.file,
            self.header,
            previous_end,
            self.length,
            self.growth,
        )
    }
}

impl Remover {
    /// Removes segments that their log has forgotten: those from `from` on and before `to`, each
    /// durably before the next.
    pub async fn remove(&self, from: SegmentId, to: SegmentId) -> DiskResult<()> {
        for sequence in from.0..to.0 {
            self.yard.retire(SegmentId(sequence)).await?;
        }
        Ok(())
    }
}

/// Makes the next segment while the present one is written.
pub(super) struct Prepare {
    yard: Yard,
    asks: Sender<SegmentId>,
    answers: Receiver<DiskResult<Blank>>,
    /// An answer is on its way.
    is_asked: bool,
    _tasks: Tasks,
}

impl Prepare {
    /// Starts the task that makes segments.
    pub(super) fn start(yard: Yard) -> Prepare {
        let (asks, mut asked) = channel::<SegmentId>(1);
        let (answer, answers) = channel(1);
        let mut tasks = Tasks::default();
        let maker = yard.clone();
        tasks.spawn(async move {
            while let Some(sequence) = asked.recv().await {
                let made = maker.make(sequence).await;
                if answer.send(made).await.is_err() {
                    return;
                }
            }
        });
        Prepare {
            yard,
            asks,
            answers,
            is_asked: false,
            _tasks: tasks,
        }
    }

    /// Has this segment made, if that was not asked for before. The next one taken must be it.
    pub(super) fn ask(&mut self, sequence: SegmentId) {
        if !self.is_asked {
            self.is_asked = self.asks.try_send(sequence).is_ok();
        }
    }

    /// The segment, which may be there; else it is made now. What found the disk full is tried once
    /// more, for that may be long ago.
    pub(super) async fn take(&mut self, sequence: SegmentId) -> DiskResult<Blank> {
        if !std::mem::take(&mut self.is_asked) {
            return self.yard.make(sequence).await;
        }
        match self.answers.recv().await {
            Some(Ok(blank)) => {
                assert_eq!(blank.header.sequence, sequence, "the segment that was made");
                Ok(blank)
            }
            Some(Err(error)) if error.kind != ErrorKind::StorageFull => Err(error),
            _ => self.yard.make(sequence).await,
        }
    }
}

/// Whether something failed in this way.
fn is_of<T>(result: &DiskResult<T>, kind: ErrorKind) -> bool {
    result
        .as_ref()
        .is_err_and(|error: &DiskError| error.kind == kind)
}

/// Whether a file in a log's directory is a spare.
pub(super) fn is_spare(name: &str) -> bool {
    let digits = name.strip_suffix(SPARE);
    let id = digits.and_then(|digits| SegmentId::from_name(&format!("{digits}.wal")));
    id.is_some()
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
