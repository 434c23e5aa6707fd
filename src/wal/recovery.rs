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
    /// Segments to remove, in this order: those that were not asked for, one whose creation never
    /// finished, and those behind a torn tail.
    pub useless: Vec<SegmentId>,
}

/// A segment in memory.
struct Segment {
    path: String,
    file: Arc<dyn File>,
    header: Header,
    bytes: Bytes,
}

/// How far the records of a segment can be trusted.
enum Scan {
    /// All of it: its length.
    Whole(usize),
    /// Up to an offset where something is not as it should be.
    Bad(usize, &'static str),
}

/// Reads the segments in `dir` from `first` on. What it returns is durable.
pub(super) async fn recover(
    disk: &dyn Disk,
    dir: &str,
    first: SegmentId,
) -> Result<Found, WalError> {
    let (mut useless, ids) = segment_ids(disk, dir, first).await?;
    let mut segments = Vec::with_capacity(ids.len());
    for (rank, id) in ids.iter().enumerate() {
        // Nothing is removed before the segments behind it are complete.
        let may_be_unfinished = rank + 1 == ids.len() && (rank > 0 || *id == SegmentId(1));
        match load(disk, dir, *id, may_be_unfinished).await? {
            Some(segment) => segments.push(segment),
            None => useless.push(*id),
        }
    }
    check_chain(&segments)?;
    let Scanned {
        recovered,
        ends,
        durable,
    } = scan(&segments)?;
    let torn = segments.split_off(ends.len());
    // The newest first, so that those that are left follow each other.
    useless.extend(torn.iter().rev().map(|segment| segment.header.sequence));
    make_durable(&segments, &ends, durable).await?;
    // A segment whose name is not durable yet must not go when the next one's stays.
    disk.sync_dir(dir).await?;
    let ids = segments.iter().map(|segment| segment.header.sequence);
    Ok(Found {
        recovered,
        segments: ids.zip(ends).collect(),
        last: segments.last().map(|segment| segment.header),
        useless,
    })
}

/// What the segments hold.
struct Scanned {
    recovered: Recovered,
    /// Where the valid part of each segment ends; none for those behind a torn tail, from which
    /// nothing is taken.
    ends: Vec<u64>,
    /// Up to this position the log is known to be durable.
    durable: u64,
}

fn scan(segments: &[Segment]) -> Result<Scanned, WalError> {
    let (mut recovered, mut durable) = (Recovered::default(), 0);
    let mut ends = Vec::with_capacity(segments.len());
    for (rank, segment) in segments.iter().enumerate() {
        durable = durable.max(segment.header.durable);
        let later = &segments[rank + 1..];
        let next = later.first().map(|next| next.header.previous_end);
        match segment.scan(next, &mut recovered.records, &mut durable) {
            Scan::Whole(end) => ends.push(end as u64),
            Scan::Bad(offset, what) if segment.was_durable(offset, later) => {
                return Err(corrupt(&segment.path, offset, what));
            }
            Scan::Bad(offset, _) => {
                let later: usize = later.iter().map(|segment| segment.bytes.len()).sum();
                recovered.torn_bytes = (segment.bytes.len() - offset + later) as u64;
                ends.push(offset as u64);
                break;
            }
        }
    }
    Ok(Scanned {
        recovered,
        ends,
        durable,
    })
}

/// Makes durable what may have been written by a process that did not come to its sync, or whose
/// sync failed. After a failed sync the page cache shows the bytes and takes them for clean, so
/// that another sync would not carry them to the disk: they are written once more.
async fn make_durable(segments: &[Segment], ends: &[u64], durable: u64) -> Result<(), WalError> {
    for (segment, end) in segments.iter().zip(ends) {
        if durable < segment.header.position + end {
            let from = durable.saturating_sub(segment.header.position);
            let bytes = &segment.bytes[from as usize..*end as usize];
            segment.file.write_at(from, bytes).await?;
            segment.file.sync().await?;
        }
    }
    Ok(())
}

/// The segments in the directory: those before `first`, and those from there on, ascending and
/// without gaps.
async fn segment_ids(
    disk: &dyn Disk,
    dir: &str,
    first: SegmentId,
) -> Result<(Vec<SegmentId>, Vec<SegmentId>), WalError> {
    let mut ids: Vec<SegmentId> = Vec::new();
    for name in disk.list(dir).await? {
        let foreign = || WalError::Foreign {
            file: format!("{dir}/{name}"),
        };
        ids.push(SegmentId::from_name(&name).ok_or_else(foreign)?);
    }
    let kept = ids.split_off(ids.partition_point(|id| *id < first));
    let missing = |id: SegmentId| corrupt(&format!("{dir}/{id}"), 0, "the segment is missing");
    let mut expected = match first {
        SegmentId(0) => kept.first().copied(),
        first => Some(first),
    };
    if let (Some(first), true) = (expected, kept.is_empty()) {
        return Err(missing(first));
    }
    for id in &kept {
        if let Some(expected) = expected.filter(|expected| expected != id) {
            return Err(missing(expected));
        }
        expected = Some(id.next());
    }
    Ok((ids, kept))
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
        // No record is written before the header is durable. A header that was torn in the middle
        // may look like one of another version.
        Err(_) if may_be_unfinished && bytes.len() <= HEADER_BYTES => Ok(None),
        Err(NoHeader::Version(found)) => Err(WalError::Version { file: path, found }),
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
    /// Collects the valid records, and up to where they say that the log is durable. `promised` is
    /// where they must end, if a later segment says so.
    fn scan(&self, promised: Option<u64>, into: &mut Vec<Placed>, durable: &mut u64) -> Scan {
        let mut offset = HEADER_BYTES;
        while promised != Some(offset as u64) {
            match self.record_at(offset) {
                Ok(parsed) => {
                    into.push(Placed {
                        segment: self.header.sequence,
                        offset: offset as u64,
                        record: parsed.record,
                    });
                    offset += parsed.length;
                    *durable = parsed.batch.max(*durable);
                }
                Err(what) => return Scan::Bad(offset, what),
            }
        }
        Scan::Whole(offset)
    }

    /// Whether anything valid that was written after the byte at `bad` says that the log had been
    /// durable beyond it: a record behind it, or the header or a record of a later segment.
    fn was_durable(&self, bad: usize, later: &[Segment]) -> bool {
        let bad_position = self.position(bad);
        let says_so = |segment: &Segment| {
            segment.header.durable > bad_position || segment.promises(HEADER_BYTES, bad_position)
        };
        self.promises(bad + ALIGNMENT, bad_position) || later.iter().any(says_so)
    }

    /// Whether a valid record at or behind `from` says that the log had been durable beyond a
    /// position. The length of a bad record is not to be trusted, so every place where a record
    /// may begin is tried.
    fn promises(&self, from: usize, position: u64) -> bool {
        (from..self.bytes.len()).step_by(ALIGNMENT).any(|offset| {
            let record = self.record_at(offset);
            record.is_ok_and(|parsed| parsed.batch > position)
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
