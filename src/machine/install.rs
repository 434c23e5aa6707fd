//! Receiving a snapshot, and putting it in the place of what is there.

use bytes::Bytes;

use super::{
    Machine, MachineError, Standing,
    chunk::Chunks,
    mvcc,
    reader::View,
    state::{FIRST_REVISION, State},
    stream::{Item, StreamReader},
};
use crate::{
    codec::DecodeError,
    lsm::{self, Seq},
    types::LogPosition,
};

/// A snapshot that is being received. What has arrived lies beside the machine's data and changes
/// nothing of it; dropping this forgets it.
pub struct Install {
    ingest: lsm::Ingest,
    chunks: Chunks,
    stream: StreamReader,
    /// The note and the state it says, once it has arrived.
    state: Option<(Bytes, State)>,
    /// The last version that arrived.
    last: Option<(Bytes, Seq)>,
}

impl Machine {
    /// Prepares to receive a snapshot.
    pub async fn install(&self) -> Result<Install, MachineError> {
        Ok(Install {
            ingest: self.db.ingest().await,
            chunks: Chunks::default(),
            stream: StreamReader::default(),
            state: None,
            last: None,
        })
    }

    /// Replaces the machine's state by the snapshot, durably and in one step, and answers where the
    /// machine stands then. A snapshot of no later entry than the machine's last one is dropped.
    /// The future must not be dropped before it is done: readers wait for its end.
    pub async fn finish_install(&mut self, install: Install) -> Result<LogPosition, MachineError> {
        let Install {
            ingest,
            chunks,
            stream,
            state,
            ..
        } = install;
        let complete = stream.has_ended();
        let Some((note, state)) = state.filter(|_| complete) else {
            return Err(chunks.bad("the snapshot ends before its end"));
        };
        if state.applied.index <= self.state.applied.index {
            return Ok(self.state.applied);
        }
        self.view.send_modify(|view| view.installs += 1);
        let finished = ingest.finish(note).await;
        if finished.is_ok() {
            self.become_installed(state);
        }
        self.view.send_modify(|view| view.installs += 1);
        finished?;
        Ok(self.state.applied)
    }

    fn become_installed(&mut self, state: State) {
        self.frozen = state.applied;
        self.db.set_floor(state.floor);
        self.view.send_modify(|view| {
            *view = View {
                installs: view.installs,
                ..View::of(&state)
            };
        });
        self.state = state;
    }
}

impl Install {
    /// Takes the next chunk. One that arrived damaged changes nothing and may come again; after
    /// any other error this is of no more use.
    pub async fn add_chunk(&mut self, chunk: Bytes) -> Result<(), MachineError> {
        let piece = self.chunks.take(&chunk)?;
        self.stream.push(&piece);
        while let Some(item) = self.stream.next().map_err(|error| self.chunks.bad(error))? {
            self.take(item).await?;
        }
        Ok(())
    }

    /// How much has arrived; `None` as long as there is nothing to continue.
    pub fn standing(&self) -> Option<Standing> {
        let (_, state) = self.state.as_ref()?;
        let (items, checksum) = self.stream.progress();
        let last = self.last.clone().unwrap_or_default();
        Some(Standing::of(state, items, checksum, last))
    }

    /// From here on somebody else sends the rest, or the same one anew: what comes next is the
    /// first chunk behind [`standing`](Install::standing), which there must be (panics otherwise).
    pub fn rewind(&mut self) {
        let standing = self.standing().expect("there is something to continue");
        self.chunks = Chunks::resumed(standing.at);
        self.stream.rewind();
    }

    async fn take(&mut self, item: Item) -> Result<(), MachineError> {
        match item {
            Item::Note(note) => self.take_note(note),
            Item::Version(key, seq, value) => {
                self.check(&key, seq, value.as_ref())
                    .map_err(|what| self.chunks.bad(what))?;
                self.ingest.add(&key, seq, value.as_deref()).await?;
                self.last = Some((key, seq));
                Ok(())
            }
            Item::Rest(key, seq) => {
                if (key, seq) != self.last.clone().unwrap_or_default() {
                    return Err(self.chunks.bad("the rest of something else"));
                }
                Ok(())
            }
            Item::End => Ok(()),
        }
    }

    fn take_note(&mut self, note: Bytes) -> Result<(), MachineError> {
        if self.state.is_some() {
            return Err(self.chunks.bad("a second note"));
        }
        let state = State::decode(note.clone()).map_err(|error| self.chunks.bad(error))?;
        if Some(state.applied) != self.chunks.at() {
            return Err(self.chunks.bad("the note of another entry"));
        }
        self.state = Some((note, state));
        Ok(())
    }

    /// Whether a version may come here: in order, of this state, and a record.
    fn check(&self, key: &Bytes, seq: Seq, value: Option<&Bytes>) -> Result<(), DecodeError> {
        let wrong = |what| Err(DecodeError { what, offset: 0 });
        let Some((_, state)) = &self.state else {
            return wrong("a version before the note");
        };
        if !(FIRST_REVISION + 1..=state.revision).contains(&seq) {
            return wrong("a version of a revision that the state does not have");
        }
        let in_order = |(last, before): &(Bytes, Seq)| match last.cmp(key) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => *before > seq,
            std::cmp::Ordering::Greater => false,
        };
        if !self.last.as_ref().is_none_or(in_order) {
            return wrong("versions out of order");
        }
        mvcc::user_key(key)?;
        value.map_or(Ok(()), |value| mvcc::record(value.clone()).map(drop))
    }
}
