//! Sending a snapshot to a peer that the log no longer reaches: one chunk at a time, each repeated
//! until it is acknowledged or patience ends. Raft starts over if it fails.

use std::time::Duration;

use bytes::Bytes;

use super::{link::Link, replica::Completion};
use crate::{
    env::{
        Clock,
        task::{Receiver, Sender, select},
    },
    machine::Snapshot,
    rpc::{PeerBody, SnapshotAck, SnapshotChunk},
    types::{LogPosition, NodeId, Term},
};

/// Bytes of a chunk. Small enough that heartbeats behind it are not late.
const CHUNK_BYTES: usize = 256 << 10;

/// A chunk that is not acknowledged within this time is sent again.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a chunk is sent before the peer is given up. The last chunk's acknowledgement comes
/// when the peer has installed everything, which may take its disk a while.
const ATTEMPTS_MAX: u32 = 100;

/// A snapshot on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Who needs it.
    pub(super) peer: NodeId,
    /// Names this transfer; unique within the sender's process and term.
    pub(super) id: u64,
    /// The term of the leader that sends it.
    pub(super) term: Term,
    /// The peer's acknowledgements.
    pub(super) acks: Receiver<SnapshotAck>,
}

/// Sends `snapshot`, then reports the end.
pub(super) async fn send(
    mut outgoing: Outgoing,
    mut snapshot: Snapshot,
    link: Link,
    clock: Clock,
    done: Sender<Completion>,
) {
    let (peer, id) = (outgoing.peer, outgoing.id);
    let ok = match send_all(&mut outgoing, &mut snapshot, &link, &clock).await {
        Ok(ok) => ok,
        Err(error) => {
            tracing::warn!(
                "{}: the snapshot for {peer} cannot be read: {error}",
                link.shard
            );
            false
        }
    };
    // A closed channel means that the node is stopping.
    let _ = done.send(Completion::SnapshotSent { peer, id, ok }).await;
}

async fn send_all(
    outgoing: &mut Outgoing,
    snapshot: &mut Snapshot,
    link: &Link,
    clock: &Clock,
) -> Result<bool, crate::machine::MachineError> {
    let at = snapshot.at;
    let mut sequence = 0;
    let mut next = snapshot.next_chunk(CHUNK_BYTES).await?;
    while let Some(bytes) = next {
        // Looked at one ahead, because a chunk says whether it is the last.
        next = snapshot.next_chunk(CHUNK_BYTES).await?;
        let chunk = outgoing.chunk(at, sequence, next.is_none(), bytes);
        if !outgoing.deliver(chunk, link, clock).await {
            return Ok(false);
        }
        sequence += 1;
    }
    Ok(true)
}

impl Outgoing {
    fn chunk(&self, at: LogPosition, sequence: u32, last: bool, bytes: Bytes) -> SnapshotChunk {
        SnapshotChunk {
            snapshot: self.id,
            at,
            term: self.term,
            sequence,
            last,
            bytes,
        }
    }

    /// Sends one chunk until it is acknowledged. False if it is refused or patience ends.
    async fn deliver(&mut self, chunk: SnapshotChunk, link: &Link, clock: &Clock) -> bool {
        for _ in 0..ATTEMPTS_MAX {
            link.send(self.peer, PeerBody::SnapshotChunk(chunk.clone()));
            match self.await_ack(chunk.sequence, clock).await {
                Some(ok) => return ok,
                None => continue,
            }
        }
        false
    }

    async fn await_ack(&mut self, sequence: u32, clock: &Clock) -> Option<bool> {
        let mut patience = std::pin::pin!(clock.sleep(PATIENCE));
        loop {
            select! {
                biased;
                ack = self.acks.recv() => match ack {
                    Some(ack) if !ack.ok => return Some(false),
                    Some(ack) if ack.sequence == sequence => return Some(true),
                    Some(_) => {}
                    // The replica gave the transfer up.
                    None => return Some(false),
                },
                () = &mut patience => return None,
            }
        }
    }
}
