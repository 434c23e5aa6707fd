//! Sending a snapshot to a peer that the log no longer reaches (§7).
//!
//! ```text
//! offer ───────────►            repeated until it is answered
//!        ◄─────────── welcome   with what the peer has of a snapshot already
//! chunk 0, 1, 2 … ──►           a window of them under way, at the rate of the node
//!        ◄─────────── next n    all before n are taken; missing: send n again
//! last chunk ───────►
//!        ◄─────────── installed
//! ```
//!
//! The peer takes chunks in order and keeps none that came early, so its memory is bounded by one
//! chunk and one version, and the sender's by the window. What is lost is sent again when the peer
//! misses it, or after a while of silence. Whatever goes wrong ends the transfer; Raft asks for
//! another one, which begins where this one ended.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{Event, Failure, link::Link, replica::Completion};
use crate::{
    env::{
        Clock, Rate, rare,
        task::{Receiver, Sender, select, yield_now},
    },
    lsm::LsmError,
    machine::{MachineError, Snapshot},
    rpc::{PeerBody, SnapshotAck, SnapshotChunk, SnapshotOffer, SnapshotWord},
    types::{LogPosition, NodeId, Term},
};

/// The most chunks under way: enough that a round trip costs nothing, and no more than a receiver
/// has places for (`start`).
pub(super) const WINDOW_CHUNKS: usize = 16;

/// The most bytes of chunks under way, but for a single chunk that is larger.
const WINDOW_BYTES: usize = 4 << 20;

/// After so long without an answer the first chunk that is not acknowledged is sent again; it
/// doubles while nothing comes.
const PATIENCE_MIN: Duration = Duration::from_millis(100);

/// The longest pause between two repetitions.
const PATIENCE_MAX: Duration = Duration::from_secs(1);

/// To read a chunk is work for the threads that serve clients. After it a transfer rests so many times as
/// long as the chunk took, and as the others took that had waited for their turn meanwhile: the
/// more there is to do, the less it takes of it.
const REST_SHARE: u32 = 3;

/// Shorter rests are not worth a timer.
const REST_MIN: Duration = Duration::from_millis(1);

/// The longest rest, so that a busy node still sends a few megabytes per second.
const REST_MAX: Duration = Duration::from_millis(20);

/// A peer that has taken nothing for so long is given up. The last chunk's acknowledgement comes
/// when the peer has installed everything, which may take its disk a while.
const GIVE_UP: Duration = Duration::from_secs(30);

/// A snapshot on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Who needs it.
    pub(super) peer: NodeId,
    /// Names this transfer; counts up within the sender's process.
    pub(super) id: u64,
    /// The term of the leader that sends it.
    pub(super) term: Term,
    /// The peer's acknowledgements.
    pub(super) acks: Receiver<SnapshotAck>,
}

/// What all transfers of a replica share.
#[derive(Clone)]
pub(super) struct Road {
    pub(super) link: Link,
    pub(super) clock: Clock,
    /// What all of them may send together.
    pub(super) rate: Arc<Rate>,
    pub(super) chunk_bytes: usize,
    /// Hears of data that is damaged.
    pub(super) failure: Failure,
}

/// A transfer at work.
struct Sending {
    outgoing: Outgoing,
    road: Road,
    /// Whether it goes on with what the peer has.
    resumed: bool,
    /// The chunks that are not acknowledged, in order.
    window: VecDeque<SnapshotChunk>,
    /// The number of the next chunk.
    next: u32,
    /// The chunk from which on the window was sent again because the peer missed it.
    repeated: Option<u32>,
    patience: Duration,
    /// When the peer last took something.
    progress_us: u64,
}

/// The end of a transfer: whether the peer has the snapshot.
struct Ended(bool);

/// Sends `snapshot`, then reports the end.
pub(super) async fn send(
    outgoing: Outgoing,
    mut snapshot: Snapshot,
    road: Road,
    done: Sender<Completion>,
) {
    let (peer, id, shard) = (outgoing.peer, outgoing.id, road.link.shard);
    let failure = road.failure.clone();
    let ok = match Sending::new(outgoing, road).run(&mut snapshot).await {
        Ok(Ended(true)) => true,
        Ok(Ended(false)) => {
            rare::probe("a snapshot was given up");
            false
        }
        Err(error) => {
            let what = format!("{shard}: the snapshot for {peer} cannot be read: {error}");
            match error {
                // The disk may answer the next time.
                MachineError::Storage(LsmError::Disk(_)) => tracing::warn!("{what}"),
                // A leader that cannot give away what it has keeps whoever lags behind for ever.
                _ => failure.report(what),
            }
            false
        }
    };
    // A closed channel means that the node is stopping.
    let _ = done.send(Completion::SnapshotSent { peer, id, ok }).await;
}

impl Sending {
    fn new(outgoing: Outgoing, road: Road) -> Self {
        Sending {
            progress_us: road.clock.now_us(),
            outgoing,
            road,
            resumed: false,
            window: VecDeque::new(),
            next: 0,
            repeated: None,
            patience: PATIENCE_MIN,
        }
    }

    async fn run(&mut self, snapshot: &mut Snapshot) -> Result<Ended, MachineError> {
        if let Some(ended) = self.offer(snapshot).await {
            return Ok(ended);
        }
        loop {
            while self.has_room() && !snapshot.is_at_end() {
                if self.next > 0 && rare::buggify("give a snapshot up") {
                    return Ok(Ended(false));
                }
                while let Ok(ack) = self.outgoing.acks.try_recv() {
                    if let Some(ended) = self.react(ack.word) {
                        return Ok(ended);
                    }
                }
                self.send_next(snapshot).await?;
            }
            if let Some(ended) = self.wait().await {
                return Ok(ended);
            }
        }
    }

    /// Asks the peer where it stands, and lets the snapshot begin there.
    async fn offer(&mut self, snapshot: &mut Snapshot) -> Option<Ended> {
        loop {
            let offer = SnapshotOffer {
                transfer: self.outgoing.id,
                term: self.outgoing.term,
                at: snapshot.at(),
            };
            self.send(PeerBody::SnapshotOffer(offer));
            match self.hear().await {
                Ok(Some(SnapshotWord::Welcome { standing })) => {
                    self.made_progress();
                    self.resumed = standing.is_some_and(|standing| snapshot.resume(&standing));
                    if self.resumed {
                        rare::probe("a snapshot was resumed");
                    }
                    return None;
                }
                Ok(Some(word)) => {
                    if let Some(ended) = self.react(word) {
                        return Some(ended);
                    }
                }
                Ok(None) => {}
                Err(ended) => return Some(ended),
            }
        }
    }

    /// Waits for a word, or sends the first chunk again when none comes.
    async fn wait(&mut self) -> Option<Ended> {
        match self.hear().await {
            Ok(Some(word)) => self.react(word),
            Ok(None) => {
                if let Some(chunk) = self.window.front() {
                    self.send(PeerBody::SnapshotChunk(chunk.clone()));
                }
                None
            }
            Err(ended) => Some(ended),
        }
    }

    /// The peer's next word, or nothing after a while of silence; an error if there is no hope.
    async fn hear(&mut self) -> Result<Option<SnapshotWord>, Ended> {
        let Road { clock, .. } = &self.road;
        select! {
            biased;
            // No more words: the replica gave the transfer up.
            ack = self.outgoing.acks.recv() => ack.map(|ack| Some(ack.word)).ok_or(Ended(false)),
            () = clock.sleep(self.patience) => {
                self.patience = (self.patience * 2).min(PATIENCE_MAX);
                let silent_us = self.road.clock.now_us() - self.progress_us;
                match silent_us > GIVE_UP.as_micros() as u64 {
                    true => Err(Ended(false)),
                    false => Ok(None),
                }
            }
        }
    }

    fn react(&mut self, word: SnapshotWord) -> Option<Ended> {
        match word {
            SnapshotWord::Next { sequence, missing } => {
                self.acknowledged(sequence);
                if missing {
                    rare::probe("a chunk of a snapshot was missed");
                    self.repeat_from(sequence);
                }
                None
            }
            // The answer to a repetition of the offer.
            SnapshotWord::Welcome { .. } => None,
            SnapshotWord::Refused => Some(Ended(false)),
            SnapshotWord::Installed => Some(Ended(true)),
        }
    }

    fn acknowledged(&mut self, sequence: u32) {
        while self.window.front().is_some_and(|c| c.sequence < sequence) {
            self.window.pop_front();
            self.made_progress();
        }
    }

    /// Sends the window again, once: the peer says of every chunk that came early what it misses.
    fn repeat_from(&mut self, sequence: u32) {
        let is_first = self.window.front().is_some_and(|c| c.sequence == sequence);
        if is_first && self.repeated.replace(sequence) != Some(sequence) {
            for chunk in &self.window {
                self.send(PeerBody::SnapshotChunk(chunk.clone()));
            }
        }
    }

    fn made_progress(&mut self) {
        self.patience = PATIENCE_MIN;
        self.progress_us = self.road.clock.now_us();
    }

    fn has_room(&self) -> bool {
        let (chunks, bytes) = (self.window.len(), self.road.chunk_bytes);
        chunks == 0 || (chunks < WINDOW_CHUNKS && (chunks + 1) * bytes <= WINDOW_BYTES)
    }

    /// Sends the next chunk as soon as others leave time for it and the rate allows.
    async fn send_next(&mut self, snapshot: &mut Snapshot) -> Result<(), MachineError> {
        let began_us = self.road.clock.now_us();
        let chunk = snapshot.next_chunk(self.road.chunk_bytes).await?;
        let bytes = chunk.expect("the snapshot has not ended");
        self.rest(began_us).await;
        self.road.rate.take(bytes.len() as u64).await;
        let chunk = self.chunk(snapshot.at(), snapshot.is_at_end(), bytes);
        self.next += 1;
        self.road.link.observe(Event::ChunkSent {
            to: self.outgoing.peer,
            sequence: chunk.sequence,
        });
        self.send(PeerBody::SnapshotChunk(chunk.clone()));
        self.window.push_back(chunk);
        Ok(())
    }

    /// Lets others have their turn, and some time, after work that began then.
    async fn rest(&self, began_us: u64) {
        let clock = &self.road.clock;
        yield_now().await;
        let took = Duration::from_micros(clock.now_us() - began_us);
        let rest = (took * REST_SHARE).min(REST_MAX);
        if rest >= REST_MIN {
            clock.sleep(rest).await;
        }
    }

    fn chunk(&self, at: LogPosition, last: bool, bytes: bytes::Bytes) -> SnapshotChunk {
        SnapshotChunk {
            transfer: self.outgoing.id,
            term: self.outgoing.term,
            at,
            sequence: self.next,
            resumed: self.resumed,
            last,
            bytes,
        }
    }

    fn send(&self, body: PeerBody) {
        self.road.link.send(self.outgoing.peer, body);
    }
}
