//! Reading a log back: the longest prefix that can be trusted, or the place where trust ends.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Record, SegmentId, WalError,
    record::{ALIGNMENT, HEADER_BYTES, Header, NoHeader, Parsed, read_record},
};
use crate::env::{Disk, File};

/// What a log held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// All records, in the order in which they were appended.
    pub records: Vec<Placed>,
    /// Bytes of the torn tail that was left behind: written before the last crash, never promised.
    pub torn_bytes: u64,
}

/// A record and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The segment; its `Display` is the file's name.
    pub segment: SegmentId,
    /// The record's first byte in the file.
    pub offset: u64,
    /// The record.
    pub record: Record,
}

/// The segments that are there, as far as the writer must know.
pub(super) struct Found {
    pub recovered: Recovered,
    /// Every segment with the length of its valid part, ascending.
    pub segments: Vec<(SegmentId, u64)>,
    /// The last segment's header.
    pub last: Option<Header>,
    /// A segment whose creation never finished; to be removed.
    pub unfinished: Option<SegmentId>,
}

/// A segment in memory.
struct Segment {
    path: String,
    file: Arc<dyn File>,
    header: Header,
    bytes: Bytes,
}

/// Reads all segments in `dir`. What it returns is durable.
pub(super) async fn recover(disk: &dyn Disk, dir: &str) -> Result<Found, WalError> {
    let ids = segment_ids(disk, dir).await?;
    let mut segments = Vec::with_capacity(ids.len());
    let mut unfinished = None;
    for (rank, id) in ids.iter().enumerate() {
        // Nothing is removed before the segments behind it are complete.
        let may_be_unfinished = rank + 1 == ids.len() && (rank > 0 || *id == SegmentId(1));
        match load(disk, dir, *id, may_be_unfinished).await? {
            Some(segment) => segments.push(segment),
            None => unfinished = Some(*id),
        }
    }
    check_chain(&segments)?;
    let mut found = Found {
        recovered: Recovered::default(),
        segments: Vec::with_capacity(segments.len()),
        last: segments.last().map(|segment| segment.header),
        unfinished,
    };
    for (rank, segment) in segments.iter().enumerate() {
        let next = segments.get(rank + 1).map(|next| next.header.previous_end);
        let end = segment.scan(next, &mut found.recovered)?;
        found.segments.push((segment.header.sequence, end));
    }
    if let Some(last) = segments.last() {
        // The tail may have been written by a process that crashed before its sync.
        last.file.sync().await?;
    }
    Ok(found)
}

/// The segments in the directory, ascending and without gaps.
async fn segment_ids(disk: &dyn Disk, dir: &str) -> Result<Vec<SegmentId>, WalError> {
    let mut ids: Vec<SegmentId> = Vec::new();
    for name in disk.list(dir).await? {
        let foreign = || WalError::Foreign {
            file: format!("{dir}/{name}"),
        };
        let id = SegmentId::from_name(&name).ok_or_else(foreign)?;
        if let Some(expected) = ids.last().map(|last| last.next())
            && id != expected
        {
            let path = format!("{dir}/{expected}");
            return Err(corrupt(&path, 0, "the segment is missing"));
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Reads one segment; `None` if its creation never finished.
async fn load(
    disk: &dyn Disk,
    dir: &str,
    id: SegmentId,
    may_be_unfinished: bool,
) -> Result<Option<Segment>, WalError> {
    let path = format!("{dir}/{id}");
    let file = disk.open(&path).await?;
    let length = file.length().await?;
    let bytes = file.read_at(0, length as usize).await?;
    match Header::decode(&bytes) {
        Ok(header) if header.sequence == id => Ok(Some(Segment {
            path,
            file,
            header,
            bytes,
        })),
        Ok(_) => Err(corrupt(&path, 16, "the sequence is not that of the name")),
        Err(NoHeader::Version(found)) => Err(WalError::Version { file: path, found }),
        // No record is written before the header is durable.
        Err(NoHeader::Bad(_)) if may_be_unfinished && bytes.len() <= HEADER_BYTES => Ok(None),
        Err(NoHeader::Bad(what)) => Err(corrupt(&path, 0, what)),
    }
}

/// Each segment must begin where the one before it ends.
fn check_chain(segments: &[Segment]) -> Result<(), WalError> {
    for pair in segments.windows(2) {
        let (before, after) = (&pair[0].header, &pair[1].header);
        let position = before.position + after.previous_end;
        if position != after.position || after.epoch < before.epoch {
            let what = "the header does not continue the segment before";
            return Err(corrupt(&pair[1].path, 0, what));
        }
    }
    Ok(())
}

impl Segment {
    /// Collects the valid records and returns where they end. `promised` is where they must end,
    /// if a later segment says so.
    fn scan(&self, promised: Option<u64>, into: &mut Recovered) -> Result<u64, WalError> {
        let mut offset = HEADER_BYTES;
        while promised != Some(offset as u64) {
            match self.record_at(offset) {
                Ok(parsed) => {
                    into.records.push(Placed {
                        segment: self.header.sequence,
                        offset: offset as u64,
                        record: parsed.record,
                    });
                    offset += parsed.length;
                }
                Err(what) if promised.is_some() || self.was_durable(offset) => {
                    return Err(corrupt(&self.path, offset, what));
                }
                Err(_) => {
                    into.torn_bytes = (self.bytes.len() - offset) as u64;
                    break;
                }
            }
        }
        Ok(offset as u64)
    }

    /// Whether a valid record behind `bad` says that the log had been durable beyond it. The bad
    /// record's own length is not to be trusted, so every place where a record may begin is tried.
    fn was_durable(&self, bad: usize) -> bool {
        let bad_position = self.position(bad);
        (bad + ALIGNMENT..self.bytes.len())
            .step_by(ALIGNMENT)
            .any(|offset| {
                let later = self.record_at(offset);
                later.is_ok_and(|parsed| parsed.batch > bad_position)
            })
    }

    fn record_at(&self, offset: usize) -> Result<Parsed, &'static str> {
        let position = self.position(offset);
        read_record(&self.bytes, offset, self.header.epoch, position)
    }

    /// The position of a byte of this segment.
    fn position(&self, offset: usize) -> u64 {
        self.header.position + offset as u64
    }
}

fn corrupt(file: &str, offset: usize, what: &'static str) -> WalError {
    WalError::Corrupt {
        file: file.to_owned(),
        offset: offset as u64,
        what,
    }
}
