//! Sending the state as it stood at one entry.

use bytes::Bytes;

use super::{
    MachineError,
    chunk::{self, CHUNK_BYTES_MAX, HEAD_BYTES},
    stream::StreamWriter,
};
use crate::{lsm, types::LogPosition};

/// The state as it stood at one entry, chunk by chunk. Keeps the files it reads from being removed
/// until it is dropped; the machine goes on meanwhile.
pub struct Snapshot {
    /// The last entry whose effect is in it.
    pub at: LogPosition,
    entries: lsm::Entries,
    stream: StreamWriter,
    /// The number of the next chunk.
    number: u64,
    has_ended: bool,
}

/// The smallest chunk that carries more than its own head.
pub const SNAPSHOT_CHUNK_BYTES_MIN: usize = 2 * HEAD_BYTES;

impl Snapshot {
    pub(super) fn new(at: LogPosition, note: &Bytes, entries: lsm::Entries) -> Self {
        let mut stream = StreamWriter::default();
        stream.note(note);
        Snapshot {
            at,
            entries,
            stream,
            number: 0,
            has_ended: false,
        }
    }

    /// The next chunk, of at most `bytes_max` bytes (at least [`SNAPSHOT_CHUNK_BYTES_MIN`], or it
    /// panics); `None` after the last one.
    pub async fn next_chunk(&mut self, bytes_max: usize) -> Result<Option<Bytes>, MachineError> {
        assert!(
            bytes_max >= SNAPSHOT_CHUNK_BYTES_MIN,
            "chunks of {bytes_max} bytes"
        );
        let piece_max = bytes_max.min(CHUNK_BYTES_MAX) - HEAD_BYTES;
        while self.stream.out.len() < piece_max && !self.has_ended {
            self.read_on().await?;
        }
        let piece = self
            .stream
            .out
            .split_to(piece_max.min(self.stream.out.len()));
        if piece.is_empty() {
            return Ok(None);
        }
        let chunk = chunk::encode(self.at, self.number, &piece);
        self.number += 1;
        Ok(Some(chunk))
    }

    /// Puts the next version into the stream, or its end.
    async fn read_on(&mut self) -> Result<(), MachineError> {
        match self.entries.next().await? {
            Some((key, seq, value)) => self.stream.version(&key, seq, value.as_deref()),
            None => {
                self.stream.end();
                self.has_ended = true;
            }
        }
        Ok(())
    }
}
