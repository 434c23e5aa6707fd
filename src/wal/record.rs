//! The bytes of a segment. All numbers are little-endian; everything begins at a multiple of 8.
//!
//! ```text
//! segment: header, link, records without gaps, then whatever was there before or zeros
//!
//! header (32 bytes)                              record (40 bytes, payload, padding)
//!  0  magic         8 bytes "sisywal\n"           0  length    u32  bytes of the payload
//!  8  version       u32                           4  checksum  u32  CRC32C of all but itself
//! 12  checksum      u32  CRC32C of all but itself  8  epoch     u64  as in the header
//! 16  sequence      u64  as in the file's name    16  position  u64  of its own first byte
//! 24  epoch         u64  counts openings          24  batch     u64  the log was durable up to
//!                                                                    this position when the
//! link: the record behind the header,                                record was written
//!       of kind 0 and shard 0                     32  shard     u32
//! 40  previous end  u64  length of the valid      36  kind      u8
//!                        part of the segment      37  zeros     3 bytes
//!                        before; 0 if none        40  payload, then zeros to a multiple of 8
//! ```
//!
//! The header's first 16 bytes, and what the checksum covers, are the same in all versions: so another
//! version and a damaged header can be told apart.
//!
//! A position is a place in the whole log: the segment's sequence in the upper bits, the offset in
//! its file in the lower 34. So the header is known, and can be on the disk, long before the segment
//! is needed; what is not known until then stands in the link, which is written with the first
//! batch. And no two records of the same epoch ever have the same position, whichever files they are
//! in: bytes that a file kept from an earlier life are not records of the present one.

use std::fmt;

use bytes::Bytes;

use crate::types::ShardId;

#[cfg(test)]
mod tests;

/// The only format version there is.
pub(super) const VERSION: u32 = 1;
/// Bytes of a segment's header.
pub(super) const HEADER_BYTES: usize = 32;
/// Where the records of the log's writer begin: behind the header and the link.
pub(super) const RECORDS_BEGIN: usize = HEADER_BYTES + RECORD_HEAD_BYTES + 8;
/// No segment is longer: the next one's positions begin there.
pub(super) const SEGMENT_BYTES_MAX: u64 = 1 << OFFSET_BITS;
/// The longest payload of a record: far above any command, far below what would overflow a length.
pub const PAYLOAD_BYTES_MAX: usize = 256 << 20;

/// Epochs are at most this, so that there is always a next one.
const EPOCH_MAX: u64 = u64::MAX >> 1;
/// The lower bits of a position: the offset.
const OFFSET_BITS: u32 = 34;
/// The last sequence: at 100 MB a second, segments of 64 MiB last for twenty years.
const SEQUENCE_MAX: u64 = (1 << (u64::BITS - OFFSET_BITS)) - 2;
const MAGIC: [u8; 8] = *b"sisywal\n";
const RECORD_HEAD_BYTES: usize = 40;
/// Records begin at multiples of this.
pub(super) const ALIGNMENT: usize = 8;

/// The number of a segment, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentId(pub u64);

/// A record as its writer handed it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What the payload is; chosen by the writer.
    pub kind: u8,
    /// Whose it is.
    pub shard: ShardId,
    /// The content: a slice of the segment it was read from.
    pub payload: Bytes,
}

/// What a segment says about itself before anything is written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The segment's number, as in the file's name.
    pub sequence: SegmentId,
    /// The number of the opening that made the segment.
    pub epoch: u64,
}

/// What the first batch of a segment says about those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Where the valid part of the segment before this one ends, in bytes of that file; 0 if there
    /// is none.
    pub previous_end: u64,
    /// The log was durable up to this position when the link was written.
    pub durable: u64,
}

/// Why bytes are not a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoHeader {
    /// Whole, and another version's.
    Version(u32),
    /// Torn or damaged.
    Bad(&'static str),
}

/// Where and when a record is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub epoch: u64,
    /// Of the record's first byte.
    pub position: u64,
    /// Up to where the log is durable.
    pub batch: u64,
}

/// A valid record and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub record: Record,
    pub batch: u64,
    /// Bytes of the whole record, padding included.
    pub length: usize,
}

impl fmt::Display for SegmentId {
    /// The name of the segment's file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.wal", self.0)
    }
}

impl SegmentId {
    /// The segment whose file has this name, if it is the name of one.
    pub(super) fn from_name(name: &str) -> Option<SegmentId> {
        let digits = name.strip_suffix(".wal")?;
        let id = SegmentId(u64::from_str_radix(digits, 16).ok()?);
        // Only the one spelling that we write ourselves.
        ((1..=SEQUENCE_MAX).contains(&id.0) && id.to_string() == name).then_some(id)
    }

    /// The segment after this one. Panics if there is none, which takes decades.
    pub(super) fn next(self) -> SegmentId {
        assert!(self.0 < SEQUENCE_MAX, "the last segment");
        SegmentId(self.0 + 1)
    }

    /// The position of a byte of this segment's file.
    pub(super) fn position(self, offset: u64) -> u64 {
        (self.0 << OFFSET_BITS) + offset
    }
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[16..24].copy_from_slice(&self.sequence.0.to_le_bytes());
        out[24..].copy_from_slice(&self.epoch.to_le_bytes());
        let checksum = checksum(&out[..12], &out[16..]);
        out[12..16].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads the header at the start of `segment`.
    pub(super) fn decode(segment: &[u8]) -> Result<Header, NoHeader> {
        let head = segment
            .first_chunk::<HEADER_BYTES>()
            .ok_or(NoHeader::Bad("the header is cut off"))?;
        if head[..8] != MAGIC {
            return Err(NoHeader::Bad("the header's magic"));
        }
        // Before the version is looked at: a flipped bit in it is damage, not another program's work.
        if u32_at(head, 12) != Some(checksum(&head[..12], &head[16..])) {
            return Err(NoHeader::Bad("the header's checksum"));
        }
        match u32_at(head, 8) {
            Some(VERSION) => {}
            other => return Err(NoHeader::Version(other.unwrap_or(0))),
        }
        let number = |at, max| {
            let number = u64_at(head, at).filter(|number| *number <= max);
            number.ok_or(NoHeader::Bad("the header's numbers"))
        };
        Ok(Header {
            sequence: SegmentId(number(16, SEQUENCE_MAX)?),
            epoch: number(24, EPOCH_MAX)?,
        })
    }

    /// What the damaged header of the segment `sequence` said, by the link behind it: the link's
    /// position shows that it belongs to this very segment, and so does its epoch then.
    pub(super) fn of_link(sequence: SegmentId, segment: &Bytes) -> Option<Header> {
        let epoch = u64_at(segment, HEADER_BYTES + 8).filter(|epoch| *epoch <= EPOCH_MAX)?;
        let header = Header { sequence, epoch };
        header.link(segment).is_ok().then_some(header)
    }

    /// Reads the link behind this header.
    pub(super) fn link(&self, segment: &Bytes) -> Result<Link, &'static str> {
        let position = self.sequence.position(HEADER_BYTES as u64);
        let parsed = read_record(segment, HEADER_BYTES, self.epoch, position)?;
        let payload = &parsed.record.payload;
        match (parsed.record.kind, u64_at(payload, 0)) {
            (0, Some(previous_end)) if payload.len() == 8 => Ok(Link {
                previous_end,
                durable: parsed.batch,
            }),
            _ => Err("the link to the segment before"),
        }
    }
}

/// Appends the link of a segment; its stamp is that of its first byte.
pub(super) fn put_link(out: &mut Vec<u8>, stamp: Stamp, previous_end: u64) {
    put_record(out, stamp, 0, ShardId(0), &[&previous_end.to_le_bytes()]);
}

/// Appends a record whose payload is the `parts` one after the other. Panics on a payload that is
/// longer than [`PAYLOAD_BYTES_MAX`].
pub(super) fn put_record(
    out: &mut Vec<u8>,
    stamp: Stamp,
    kind: u8,
    shard: ShardId,
    parts: &[&[u8]],
) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    assert!(length <= PAYLOAD_BYTES_MAX, "a record of {length} bytes");
    let start = out.len();
    out.extend_from_slice(&(length as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    for number in [stamp.epoch, stamp.position, stamp.batch] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&shard.0.to_le_bytes());
    out.extend_from_slice(&[kind, 0, 0, 0]);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out.resize(start + record_bytes(length), 0);
    let record = &mut out[start..];
    let checksum = checksum(&record[..4], &record[8..]);
    record[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads the record at `offset` of a segment, which must be of this epoch and position. The error
/// says what is not as it should be.
pub(super) fn read_record(
    segment: &Bytes,
    offset: usize,
    epoch: u64,
    position: u64,
) -> Result<Parsed, &'static str> {
    match segment.get(offset..).and_then(|rest| u64_at(rest, 16)) {
        Some(found) if found != position => Err("the record's position"),
        _ => read_onward(segment, offset, epoch, position),
    }
}

/// Reads the record at `offset` of a segment, which must be of this epoch, and belong to this position or to
/// one further on: a drive may put a block where another one should be.
pub(super) fn read_onward(
    segment: &Bytes,
    offset: usize,
    epoch: u64,
    position: u64,
) -> Result<Parsed, &'static str> {
    let rest = segment.get(offset..).unwrap_or_default();
    let head = rest
        .first_chunk::<RECORD_HEAD_BYTES>()
        .ok_or("the record's head is cut off")?;
    // The cheap comparisons come first: the search for later records tries every offset, and a file
    // that is used again is full of whole records of its earlier life.
    if u64_at(head, 16).is_none_or(|found| found < position) {
        return Err("the record's position");
    }
    if u64_at(head, 8) != Some(epoch) {
        return Err("the record's epoch");
    }
    let payload_bytes = u32_at(head, 0).map_or(usize::MAX, |length| length as usize);
    if payload_bytes > PAYLOAD_BYTES_MAX {
        return Err("the record's length");
    }
    let length = record_bytes(payload_bytes);
    let whole = rest.get(..length).ok_or("the record is cut off")?;
    if u32_at(head, 4) != Some(checksum(&whole[..4], &whole[8..])) {
        return Err("the record's checksum");
    }
    let payload = offset + RECORD_HEAD_BYTES;
    Ok(Parsed {
        record: Record {
            kind: head[36],
            shard: ShardId(u32_at(head, 32).ok_or("the record's shard")?),
            payload: segment.slice(payload..payload + payload_bytes),
        },
        batch: u64_at(head, 24).ok_or("the record's batch")?,
        length,
    })
}

/// Bytes of a record with a payload of this length.
fn record_bytes(payload: usize) -> usize {
    (RECORD_HEAD_BYTES + payload).next_multiple_of(ALIGNMENT)
}

/// CRC32C of what stands before a checksum and what stands behind it.
fn checksum(before: &[u8], behind: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(before), behind)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let chunk = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*chunk))
}
