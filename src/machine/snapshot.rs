//! Sending the state as it stood at one entry.

use bytes::Bytes;

use super::{
    Machine, MachineError, Standing,
    chunk::{self, CHUNK_BYTES_MAX, HEAD_BYTES},
    state::State,
    stream::StreamWriter,
};
use crate::{
    lsm,
    types::{LogPosition, Revision},
};

/// The state as it stood at one entry, chunk by chunk. Keeps the files and memtables it reads from
/// being removed until it is dropped; the machine goes on meanwhile.
pub struct Snapshot {
    at: LogPosition,
    hash: u64,
    /// Versions of later revisions came after that entry.
    revision: Revision,
    floor: Revision,
    pinned: lsm::Snapshot,
    entries: lsm::Entries,
    stream: StreamWriter,
    /// The number of the next chunk.
    number: u64,
    has_ended: bool,
}

/// The smallest chunk that carries more than its own head.
pub const SNAPSHOT_CHUNK_BYTES_MIN: usize = 2 * HEAD_BYTES;

impl Machine {
    /// Pins the state as it is, to be sent elsewhere. Nobody waits for it: what is applied from now
    /// on has higher revisions, by which it is told apart.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(&self.state, self.db.pin())
    }
}

impl Snapshot {
    fn new(state: &State, pinned: lsm::Snapshot) -> Self {
        let mut stream = StreamWriter::default();
        stream.note(&state.encode());
        Snapshot {
            at: state.applied,
            hash: state.hash,
            revision: state.revision,
            floor: state.floor,
            entries: pinned.entries(),
            pinned,
            stream,
            number: 0,
            has_ended: false,
        }
    }

    /// The last entry whose effect is in it.
    pub fn at(&self) -> LogPosition {
        self.at
    }

    /// Becomes the rest of the snapshot of which `standing` has arrived, if this replica has that
    /// rest; false if not, and then nothing has changed. The caller knows from the log that this
    /// replica has applied that entry. To be called before the first chunk.
    pub fn resume(&mut self, standing: &Standing) -> bool {
        let here = (self.at, self.hash, self.revision);
        let there = (standing.at, standing.hash, standing.revision);
        let is_past = standing.at.index < self.at.index && standing.revision <= self.revision;
        // A floor that was raised since took versions away.
        if !(is_past || here == there) || standing.floor != self.floor {
            return false;
        }
        let (key, seq) = standing.last.clone();
        self.entries = self.pinned.entries_behind(key, seq);
        self.stream = StreamWriter::resumed(standing.items, standing.checksum, &standing.last);
        (self.at, self.hash, self.revision) = there;
        true
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

    /// Whether the last chunk has been taken.
    pub fn is_at_end(&self) -> bool {
        self.has_ended && self.stream.out.is_empty()
    }

    /// Puts the next version into the stream, or its end.
    async fn read_on(&mut self) -> Result<(), MachineError> {
        match self.entries.next().await? {
            Some((_, seq, _)) if seq > self.revision => {}
            Some((key, seq, value)) => self.stream.version(&key, seq, value.as_deref()),
            None => {
                self.stream.end();
                self.has_ended = true;
            }
        }
        Ok(())
    }
}
