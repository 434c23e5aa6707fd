//! Reading a log back: the longest prefix that can be trusted, or the place where trust ends.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Record, SegmentId, WalError,
    record::{
        ALIGNMENT, HEADER_BYTES, Header, Link, NoHeader, Parsed, RECORDS_BEGIN, read_onward,
        read_record,
    },
    yard::is_spare,
};
use crate::env::{Disk, DiskResult, File, rare};

/// What a log held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// All records, in the order in which they were appended.
    pub records: Vec<Placed>,
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
    /// The newest epoch of all files; 0 if there are none.
    pub epoch: u64,
}

/// A segment in memory.
pub(super) struct Segment {
    pub path: String,
    pub file: Arc<dyn File>,
    pub header: Header,
    /// What its first batch says of those before; as it is written with that batch, it may be torn
    /// or missing in the last segment.
    pub link: Result<Link, &'static str>,
    pub bytes: Bytes,
    /// The header in the file is damaged; what it said is known by the link.
    pub lacks_header: bool,
}

/// The names in a log's directory.
#[derive(Default)]
pub(super) struct Listing {
    /// Files in which nothing counts, and segments that were not asked for; sorted.
    pub useless: Vec<String>,
    /// The segments, ascending and without gaps.
    pub segments: Vec<SegmentId>,
}

/// How far the records of a segment can be trusted.
enum Scan {
    /// All of it: its length.
    Whole(usize),
    /// Up to an offset where something is not as it should be.
    Bad(usize, &'static str),
}

/// Reads the segments in `dir` from `first` on. What it returns is durable, and nothing else is left.
pub(super) async fn recover(
    disk: &dyn Disk,
    dir: &str,
    first: SegmentId,
) -> Result<Found, WalError> {
    let listing = list(disk, dir, first).await?;
    let mut segments = Vec::with_capacity(listing.segments.len());
    for id in &listing.segments {
        segments.push(load(disk, dir, *id).await?);
    }
    check_epochs(&segments)?;
    let newest = segments.iter().map(|segment| segment.header.epoch).max();
    let Scanned {
        recovered,
        ends,
        durable,
    } = scan(&segments)?;
    heal_headers(&segments).await?;
    make_durable(&segments, &ends, durable).await?;
    // A segment whose name is not durable yet must not go when the next one's stays.
    disk.sync_dir(dir).await?;
    let behind = segments.split_off(ends.len());
    // The newest first, so that those that are left follow each other.
    let behind = behind.iter().rev().map(|segment| segment.path.clone());
    remove(disk, dir, listing.useless.into_iter().chain(behind)).await?;
    if let (Some(last), Some(end)) = (segments.last(), ends.last()) {
        last.give_back_room(*end).await?;
    }
    let ids = segments.iter().map(|segment| segment.header.sequence);
    Ok(Found {
        recovered,
        segments: ids.zip(ends).collect(),
        epoch: newest.unwrap_or(0),
    })
}

/// What the segments hold.
struct Scanned {
    recovered: Recovered,
    /// Where the valid part of each segment ends; none for those behind the end of the log.
    ends: Vec<u64>,
    /// Up to this position the log is known to be durable.
    durable: u64,
}

fn scan(segments: &[Segment]) -> Result<Scanned, WalError> {
    let (mut recovered, mut durable) = (Recovered::default(), 0);
    let mut ends = Vec::with_capacity(segments.len());
    for (rank, segment) in segments.iter().enumerate() {
        let later = &segments[rank + 1..];
        match segment.scan(later.first(), &mut recovered.records, &mut durable) {
            Scan::Whole(end) => ends.push(end as u64),
            Scan::Bad(offset, what) => {
                segment.check_torn(offset, what, later)?;
                // A segment without a link is empty. The first one is kept, as it may be asked for.
                if offset > HEADER_BYTES || rank == 0 {
                    ends.push(offset as u64);
                }
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

/// Writes damaged headers again.
async fn heal_headers(segments: &[Segment]) -> DiskResult<()> {
    for segment in segments.iter().filter(|segment| segment.lacks_header) {
        tracing::warn!(
            "the header of {} was damaged; it is written again",
            segment.path
        );
        segment.file.write_at(0, &segment.header.encode()).await?;
        segment.file.sync().await?;
    }
    Ok(())
}

/// Makes durable what may have been written by a process that did not come to its sync, or whose
/// sync failed. After a failed sync the page cache shows the bytes and takes them for clean, so
/// that another sync would not carry them to the disk: they are written once more.
async fn make_durable(segments: &[Segment], ends: &[u64], durable: u64) -> Result<(), WalError> {
    for (segment, end) in segments.iter().zip(ends) {
        if durable < segment.position(*end as usize) {
            let from = durable.saturating_sub(segment.position(0));
            let bytes = &segment.bytes[from as usize..*end as usize];
            segment.file.write_at(from, bytes).await?;
            segment.file.sync().await?;
        }
    }
    Ok(())
}

/// What is in the directory: the segments from `first` on are wanted.
pub(super) async fn list(
    disk: &dyn Disk,
    dir: &str,
    first: SegmentId,
) -> Result<Listing, WalError> {
    let mut listing = Listing::default();
    for name in disk.list(dir).await? {
        let path = format!("{dir}/{name}");
        match SegmentId::from_name(&name) {
            Some(id) if id >= first => listing.segments.push(id),
            Some(_) => listing.useless.push(path),
            None if is_spare(&name) => listing.useless.push(path),
            None => return Err(WalError::Foreign { file: path }),
        }
    }
    check_complete(dir, first, &listing.segments)?;
    Ok(listing)
}

/// The segments must be there from `first` on, without gaps.
fn check_complete(dir: &str, first: SegmentId, segments: &[SegmentId]) -> Result<(), WalError> {
    let missing = |id: SegmentId| corrupt(&format!("{dir}/{id}"), 0, "the segment is missing");
    let mut expected = match first {
        SegmentId(0) => segments.first().copied(),
        first => Some(first),
    };
    if let (Some(first), true) = (expected, segments.is_empty()) {
        return Err(missing(first));
    }
    for id in segments {
        if let Some(expected) = expected.filter(|expected| expected != id) {
            return Err(missing(expected));
        }
        expected = Some(id.next());
    }
    Ok(())
}

/// Reads one segment. It got its name when its header was durable, so it has one. What a damaged one
/// said is told again by the file's name and its link, if it has one.
pub(super) async fn load(disk: &dyn Disk, dir: &str, id: SegmentId) -> Result<Segment, WalError> {
    let path = format!("{dir}/{id}");
    let file = disk.open(&path).await?;
    let length = file.length().await?;
    let bytes = file.read_at(0, length as usize).await?;
    let decoded = Header::decode(&bytes);
    let header = match decoded {
        Ok(header) if header.sequence == id => header,
        Ok(_) => return Err(corrupt(&path, 16, "the sequence is not that of the name")),
        Err(NoHeader::Version(found)) => return Err(WalError::Version { file: path, found }),
        Err(NoHeader::Bad(what)) => {
            Header::of_link(id, &bytes).ok_or_else(|| corrupt(&path, 0, what))?
        }
    };
    Ok(Segment {
        path,
        file,
        header,
        link: header.link(&bytes),
        bytes,
        lacks_header: decoded.is_err(),
    })
}

/// Openings are counted upwards.
pub(super) fn check_epochs(segments: &[Segment]) -> Result<(), WalError> {
    for pair in segments.windows(2) {
        if pair[1].header.epoch < pair[0].header.epoch {
            let what = "the epoch is older than that of the segment before";
            return Err(corrupt(&pair[1].path, 24, what));
        }
    }
    Ok(())
}

/// Removes files in this order, each durably before the next, so that a power failure cannot leave
/// a gap between the segments that stay.
pub(super) async fn remove(
    disk: &dyn Disk,
    dir: &str,
    paths: impl IntoIterator<Item = String>,
) -> DiskResult<()> {
    for path in paths {
        disk.remove(&path).await?;
        disk.sync_dir(dir).await?;
    }
    Ok(())
}

impl Segment {
    /// Collects the valid records, and up to where they say that the log is durable. If the segment
    /// behind this one has a link, that says where they must end.
    fn scan(&self, next: Option<&Segment>, into: &mut Vec<Placed>, durable: &mut u64) -> Scan {
        let link = next.and_then(|next| next.link.ok());
        let promised = link.map(|link| link.previous_end as usize);
        let mut offset = HEADER_BYTES;
        while promised != Some(offset) {
            let parsed = match (self.link, self.record_at(offset)) {
                (Err(what), _) | (_, Err(what)) => return Scan::Bad(offset, what),
                (Ok(_), Ok(parsed)) => parsed,
            };
            if offset >= RECORDS_BEGIN {
                into.push(Placed {
                    segment: self.header.sequence,
                    offset: offset as u64,
                    record: parsed.record,
                });
            }
            offset += parsed.length;
            *durable = parsed.batch.max(*durable);
        }
        Scan::Whole(offset)
    }

    /// Checks that what is bad at an offset was never promised.
    fn check_torn(
        &self,
        bad: usize,
        what: &'static str,
        later: &[Segment],
    ) -> Result<(), WalError> {
        let was_durable = |position| {
            let later = later.iter();
            let mut later = later.map(|segment| segment.promises(HEADER_BYTES, position));
            self.promises(bad, position) || later.any(|promises| promises)
        };
        if !was_durable(self.position(bad)) {
            if bad < self.bytes.len() && self.bytes[bad..].iter().any(|byte| *byte != 0) {
                rare::probe("the tail of a log was torn");
            }
            return Ok(());
        }
        // This segment may just end here, and what would say so be the bad thing.
        if let Some(next) = later.first()
            && let Err(what) = next.link
            && was_durable(next.position(HEADER_BYTES))
        {
            return Err(corrupt(&next.path, HEADER_BYTES, what));
        }
        Err(corrupt(&self.path, bad, what))
    }

    /// Whether a valid record at or behind `from` says that the log had been durable beyond a
    /// position. The length of a bad record is not to be trusted, so every place where a record
    /// may begin is tried.
    fn promises(&self, from: usize, position: u64) -> bool {
        let mut places = (from..self.bytes.len()).step_by(ALIGNMENT);
        places.any(|offset| self.claim(offset).is_some_and(|durable| durable > position))
    }

    /// Up to where the log was durable, as a valid record at an offset says: one that belongs there, or
    /// further on. A drive may put a block where another one should be; and whatever an earlier life of the
    /// file has left belongs to a place before.
    pub(super) fn claim(&self, offset: usize) -> Option<u64> {
        let (epoch, position) = (self.header.epoch, self.position(offset));
        let parsed = read_onward(&self.bytes, offset, epoch, position).ok()?;
        Some(parsed.batch)
    }

    pub(super) fn record_at(&self, offset: usize) -> Result<Parsed, &'static str> {
        let position = self.position(offset);
        read_record(&self.bytes, offset, self.header.epoch, position)
    }

    /// The position of a byte of this segment.
    pub(super) fn position(&self, offset: usize) -> u64 {
        self.header.sequence.position(offset as u64)
    }

    /// Gives the room behind the end of the log back. Nothing depends on it.
    async fn give_back_room(&self, end: u64) -> DiskResult<()> {
        match self.bytes.len() as u64 > end {
            true => self.file.truncate(end).await,
            false => Ok(()),
        }
    }
}

pub(super) fn corrupt(file: &str, offset: usize, what: &'static str) -> WalError {
    WalError::Corrupt {
        file: file.to_owned(),
        offset: offset as u64,
        what,
    }
}
