//! Reading a log that is corrupt: what stands before the damage, and what stands behind it.
//!
//! A record is valid only in its epoch and at its position, so whatever is valid behind a damaged place
//! was written there, in this order. What is missing between two valid records is a *hole*. A hole was
//! promised if a valid record says that the log had been durable beyond it; only then it is damage,
//! else it is what a crash has torn.

use super::{
    Placed, SegmentId, WalError,
    record::{ALIGNMENT, HEADER_BYTES, RECORDS_BEGIN},
    recovery::{Listing, Segment, check_epochs, corrupt, list, load, remove},
};
use crate::env::Disk;

/// What is left of a corrupt log. Reading it changes nothing.
pub struct Salvage {
    /// The records before the first damaged place, in the order in which they were appended.
    pub before: Vec<Placed>,
    /// The valid records behind the last damaged place, in this order. Nothing that a commit had made
    /// durable is missing among them or behind them, except of the very last batch.
    pub behind: Vec<Placed>,
    /// Where the first damaged place is: a [`WalError::Corrupt`].
    pub damage: WalError,
    /// The segment of the first damaged place.
    pub segment: SegmentId,
    /// The position of the first damaged place: up to here the log is durable, and whole.
    pub(super) durable: u64,
    /// Every segment with the length of its valid part, ascending.
    pub(super) segments: Vec<(SegmentId, u64)>,
    /// The newest epoch of all files.
    pub(super) epoch: u64,
}

/// What is found from the first byte to the last.
#[derive(Default)]
struct Survey {
    /// The valid records with their positions.
    records: Vec<(u64, Placed)>,
    holes: Vec<Hole>,
    /// Up to this position the log had been durable.
    durable: u64,
}

/// Bytes that are not the record that should be there.
struct Hole {
    position: u64,
    segment: SegmentId,
    error: WalError,
}

impl Salvage {
    /// Reads the log in `dir`, which could not be opened because it is corrupt. Fails if a whole
    /// segment cannot be read or is missing.
    pub async fn read(disk: &dyn Disk, dir: &str) -> Result<Salvage, WalError> {
        let segments = read_segments(disk, dir).await?;
        let mut survey = Survey::default();
        let mut ends = Vec::with_capacity(segments.len());
        for (rank, segment) in segments.iter().enumerate() {
            let end = survey.segment(segment, segments.get(rank + 1));
            ends.push((segment.header.sequence, end as u64));
        }
        let epochs = segments.iter().map(|segment| segment.header.epoch);
        let epoch = epochs.max().unwrap_or(0);
        let what = "the damage is gone when it is read again";
        let gone = || corrupt(dir, 0, what);
        survey.split(ends, epoch).ok_or_else(gone)
    }
}

async fn read_segments(disk: &dyn Disk, dir: &str) -> Result<Vec<Segment>, WalError> {
    let Listing { segments: ids, .. } = list(disk, dir, SegmentId(0)).await?;
    let mut segments = Vec::with_capacity(ids.len());
    for id in ids {
        segments.push(load(disk, dir, id).await?);
    }
    check_epochs(&segments)?;
    Ok(segments)
}

/// Removes the segments before `first`, whatever is in them, each durably before the next. What
/// `first` itself holds is made durable before, as it was read: it may not have come to its sync.
pub async fn remove_before(disk: &dyn Disk, dir: &str, first: SegmentId) -> Result<(), WalError> {
    let Segment { file, bytes, .. } = load(disk, dir, first).await?;
    file.write_at(0, &bytes).await?;
    file.sync().await?;
    disk.sync_dir(dir).await?;
    let Listing { useless, .. } = list(disk, dir, first).await?;
    Ok(remove(disk, dir, useless).await?)
}

impl Survey {
    /// Takes what is valid in a segment. Answers where the last record ends.
    fn segment(&mut self, segment: &Segment, next: Option<&Segment>) -> usize {
        let link = next.and_then(|next| next.link.ok());
        let end = link.map_or(segment.bytes.len(), |link| link.previous_end as usize);
        let (mut offset, mut valid_end, mut in_hole) = (HEADER_BYTES, HEADER_BYTES, false);
        while offset < end {
            match self.record(segment, offset) {
                Ok(length) => {
                    offset += length;
                    (valid_end, in_hole) = (offset, false);
                    continue;
                }
                Err(what) if !in_hole => self.hole(segment, offset, what),
                Err(_) => {}
            }
            // What belongs elsewhere still says that there was more.
            self.durable = segment.claim(offset).unwrap_or(0).max(self.durable);
            in_hole = true;
            // The length of a bad record is not to be trusted.
            offset += ALIGNMENT;
            if offset >= segment.bytes.len() {
                break;
            }
        }
        valid_end
    }

    /// Takes the record at an offset. Answers its length.
    fn record(&mut self, segment: &Segment, offset: usize) -> Result<usize, &'static str> {
        let parsed = segment.record_at(offset)?;
        if offset < RECORDS_BEGIN {
            segment.link?;
        } else {
            let placed = Placed {
                segment: segment.header.sequence,
                offset: offset as u64,
                record: parsed.record,
            };
            self.records.push((segment.position(offset), placed));
        }
        self.durable = self.durable.max(parsed.batch);
        Ok(parsed.length)
    }

    fn hole(&mut self, segment: &Segment, offset: usize, what: &'static str) {
        self.holes.push(Hole {
            position: segment.position(offset),
            segment: segment.header.sequence,
            error: corrupt(&segment.path, offset, what),
        });
    }

    /// What stands before the first damaged place and behind the last one; none without damage.
    fn split(self, segments: Vec<(SegmentId, u64)>, epoch: u64) -> Option<Salvage> {
        let durable = self.durable;
        let holes = self.holes.into_iter();
        let mut damaged = holes.filter(|hole| hole.position < durable);
        let first = damaged.next()?;
        let last = damaged
            .next_back()
            .map_or(first.position, |last| last.position);
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        for (position, placed) in self.records {
            if position < first.position {
                before.push(placed);
            } else if position > last {
                behind.push(placed);
            }
        }
        Some(Salvage {
            before,
            behind,
            damage: first.error,
            segment: first.segment,
            durable: first.position,
            segments,
            epoch,
        })
    }
}
