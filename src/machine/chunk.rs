//! The chunks that a snapshot travels in: pieces of its stream.
//!
//! ```text
//! chunk     magic u32 | format u8 = 1 | term u64 | index u64 | number u64 | length u32
//!           | checksum u32 | piece of the stream
//! ```
//!
//! The checksum covers the rest of the head and the piece. Term and index say of which state this
//! is a chunk, the number which chunk it is, from 0 at the beginning or where a snapshot is resumed.
//! So a chunk that is damaged, lost, repeated, out of order or of another state is noticed at once.

use bytes::Bytes;

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
/// The largest chunk that is taken.
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

/// Takes the chunks of a snapshot in a row.
#[derive(Debug, Default)]
pub(super) struct Chunks {
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
    /// The chunks that bring the rest of the snapshot at `at`.
    pub fn resumed(at: LogPosition) -> Self {
        Chunks {
            number: 0,
            at: Some(at),
        }
    }

    /// The piece in the next chunk. One that is damaged changes nothing; after any other error
    /// nothing that follows makes sense.
    pub fn take(&mut self, chunk: &Bytes) -> Result<Bytes, MachineError> {
        let head = chunk.slice(..chunk.len().min(HEAD_BYTES));
        let head = head_of(head).map_err(|error| self.damaged(&error.to_string()))?;
        let piece = chunk.slice(HEAD_BYTES..);
        if piece.len() != head.length {
            return Err(self.damaged("its length does not match"));
        }
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&chunk[..CHECKSUM_AT]), &piece);
        if checksum != head.checksum {
            return Err(self.damaged("its checksum does not match"));
        }
        if head.number != self.number {
            return Err(self.bad("another chunk arrived in its place"));
        }
        if *self.at.get_or_insert(head.at) != head.at {
            return Err(self.bad("it belongs to another snapshot"));
        }
        self.number += 1;
        Ok(piece)
    }

    /// Of which state the chunks are, once one has arrived.
    pub fn at(&self) -> Option<LogPosition> {
        self.at
    }

    /// The error that `what` is wrong with the chunk that is next, or was the last.
    pub fn bad(&self, what: impl ToString) -> MachineError {
        MachineError::BadSnapshot {
            chunk: self.number,
            what: what.to_string(),
        }
    }

    fn damaged(&self, what: &str) -> MachineError {
        MachineError::BadChunk {
            chunk: self.number,
            what: what.to_owned(),
        }
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
