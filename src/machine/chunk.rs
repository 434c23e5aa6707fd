//! The chunks that a snapshot travels in: pieces of its stream.
//!
//! ```text
//! chunk     magic u32 | format u8 = 1 | term u64 | index u64 | number u64 | length u32
//!           | checksum u32 | piece of the stream
//! ```
//!
//! The checksum covers the rest of the head and the piece. Term and index say of which state this
//! is a chunk, the number which chunk it is, from 0. So a chunk that is damaged, lost, repeated, out
//! of order or of another state is noticed at once.

use bytes::{Bytes, BytesMut};

use super::MachineError;
use crate::{
    codec::{DecodeError, Decoder},
    types::LogPosition,
};

/// "SisS", read as little-endian.
const MAGIC: u32 = u32::from_le_bytes(*b"SisS");
/// The format that is written, and the only one that is read.
const FORMAT: u8 = 1;
/// What a chunk takes beside its piece of the stream.
pub(super) const HEAD_BYTES: usize = 4 + 1 + 8 + 8 + 8 + 4 + 4;
/// Where the checksum stands in the head: behind all that it covers of it.
const CHECKSUM_AT: usize = HEAD_BYTES - 4;
/// The largest chunk that is taken: a length beyond is damage, not a reason to wait for more.
pub(super) const CHUNK_BYTES_MAX: usize = 16 << 20;

/// A chunk with `piece` of the stream, of the snapshot at `at`.
pub(super) fn encode(at: LogPosition, number: u64, piece: &[u8]) -> Bytes {
    assert!(
        HEAD_BYTES + piece.len() <= CHUNK_BYTES_MAX,
        "a chunk that nobody takes"
    );
    let mut out = Vec::with_capacity(HEAD_BYTES + piece.len());
    out.extend_from_slice(&MAGIC.to_le_bytes());
    out.push(FORMAT);
    [at.term, at.index, number]
        .iter()
        .for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
    out.extend_from_slice(&(piece.len() as u32).to_le_bytes());
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&out), piece);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(piece);
    out.into()
}

/// Puts chunks together again, however they were cut on their way.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    arrived: BytesMut,
    /// The number of the next chunk.
    number: u64,
    /// Of which snapshot the first chunk was.
    at: Option<LogPosition>,
}

/// The head of a chunk.
struct Head {
    at: LogPosition,
    number: u64,
    length: usize,
    checksum: u32,
}

impl Chunks {
    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// The piece of the next chunk, or `None` if more has to arrive first.
    pub fn next(&mut self) -> Result<Option<Bytes>, MachineError> {
        if self.arrived.len() < HEAD_BYTES {
            return Ok(None);
        }
        let head = Bytes::copy_from_slice(&self.arrived[..HEAD_BYTES]);
        let head = head_of(head).map_err(|error| self.bad(error))?;
        if self.arrived.len() < HEAD_BYTES + head.length {
            return Ok(None);
        }
        let chunk = self.arrived.split_to(HEAD_BYTES + head.length).freeze();
        let piece = chunk.slice(HEAD_BYTES..);
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&chunk[..CHECKSUM_AT]), &piece);
        self.expect(checksum == head.checksum, "its checksum does not match")?;
        self.expect(
            head.number == self.number,
            "another chunk arrived in its place",
        )?;
        let at = *self.at.get_or_insert(head.at);
        self.expect(head.at == at, "it belongs to another snapshot")?;
        self.number += 1;
        Ok(Some(piece))
    }

    /// Of which state the chunks are, once one has arrived.
    pub fn at(&self) -> Option<LogPosition> {
        self.at
    }

    /// Whether nothing has arrived that was not taken.
    pub fn is_empty(&self) -> bool {
        self.arrived.is_empty()
    }

    /// The error that `what` is wrong with the chunk that is next, or was the last.
    pub fn bad(&self, what: impl ToString) -> MachineError {
        MachineError::BadSnapshot {
            chunk: self.number,
            what: what.to_string(),
        }
    }

    fn expect(&self, holds: bool, what: &str) -> Result<(), MachineError> {
        if holds { Ok(()) } else { Err(self.bad(what)) }
    }
}

fn head_of(head: Bytes) -> Result<Head, DecodeError> {
    let mut input = Decoder::new(head);
    if input.u32("a magic")? != MAGIC {
        return Err(input.error("not a chunk of a snapshot"));
    }
    if input.u8("a format")? != FORMAT {
        return Err(input.error("a chunk of an unknown format"));
    }
    let at = LogPosition {
        term: input.u64("a term")?,
        index: input.u64("an index")?,
    };
    let number = input.u64("a number")?;
    let length = input.u32("a length")? as usize;
    if length > CHUNK_BYTES_MAX - HEAD_BYTES {
        return Err(input.error("a chunk that is too long"));
    }
    Ok(Head {
        at,
        number,
        length,
        checksum: input.u32("a checksum")?,
    })
}
