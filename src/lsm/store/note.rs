//! What becomes durable together with a flush: how much of the log it makes needless.
//!
//! ```text
//! segment u64 │ last number u64, both little-endian
//! ```

use bytes::Bytes;

use super::super::entry::Seq;
use crate::{
    codec::{DecodeError, Decoder},
    wal::SegmentId,
};

/// Where the log begins that belongs to what is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// The first segment with anything that is not flushed; it exists.
    pub(super) segment: SegmentId,
    /// The number of the last write that is flushed; 0 for none.
    pub(super) last: Seq,
}

impl Note {
    /// What a store begins with.
    const EMPTY: Note = Note {
        segment: SegmentId(0),
        last: 0,
    };

    /// The note as bytes.
    pub(super) fn encode(&self) -> Bytes {
        let numbers = [self.segment.0, self.last];
        numbers.map(u64::to_le_bytes).concat().into()
    }

    /// The note of these bytes; none at all are the note of a new store.
    pub(super) fn decode(bytes: &Bytes) -> Result<Note, DecodeError> {
        if bytes.is_empty() {
            return Ok(Note::EMPTY);
        }
        let mut decoder = Decoder::new(bytes.clone());
        let note = Note {
            segment: SegmentId(decoder.u64("the note's segment")?),
            last: decoder.u64("the note's last number")?,
        };
        decoder.finish()?;
        Ok(note)
    }
}
