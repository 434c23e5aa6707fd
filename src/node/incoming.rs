//! Receiving a snapshot, chunk by chunk. Nothing of the old state is touched before the last chunk
//! has arrived and everything checks out; then one atomic step of the storage engine puts the new
//! state in its place. Only after that does Raft hear of it, and cuts the log: a crash between the
//! two leaves a state machine ahead of its log, which the next start understands (`start`).

use super::applier::Applier;
use crate::{
    machine::{Install, MachineError},
    rpc::{PeerBody, SnapshotAck, SnapshotChunk},
    types::{LogPosition, NodeId},
};

/// A snapshot on its way in. A replica takes one at a time: the one that began last.
pub(super) struct Incoming {
    from: NodeId,
    snapshot: u64,
    next: u32,
    install: Install,
}

/// What a chunk led to.
enum Taken {
    /// It is in, or was before.
    Good,
    /// It cannot be used: the transfer is over.
    Bad,
    /// It came too early: one before it is missing, and will be repeated.
    Early,
    /// It was the last one, and the snapshot is in place.
    Installed(LogPosition),
}

impl Applier {
    /// Takes a chunk and acknowledges it. With the last one it installs the snapshot, whose
    /// position it then answers.
    pub(super) async fn take_chunk(
        &mut self,
        from: NodeId,
        chunk: SnapshotChunk,
    ) -> Result<Option<LogPosition>, MachineError> {
        let SnapshotChunk {
            snapshot, sequence, ..
        } = chunk;
        let taken = match self.place_chunk(from, chunk).await {
            Err(error) if error.is_about_the_input() => {
                tracing::warn!(
                    "{}: a snapshot of {from} is refused: {error}",
                    self.link.shard
                );
                Taken::Bad
            }
            taken => taken?,
        };
        let (ok, installed) = match taken {
            Taken::Early => return Ok(None),
            Taken::Good => (true, None),
            Taken::Bad => (false, None),
            Taken::Installed(at) => (true, Some(at)),
        };
        self.link.send(
            from,
            PeerBody::SnapshotAck(SnapshotAck {
                snapshot,
                sequence,
                ok,
            }),
        );
        Ok(installed)
    }

    async fn place_chunk(
        &mut self,
        from: NodeId,
        chunk: SnapshotChunk,
    ) -> Result<Taken, MachineError> {
        if chunk.at.index <= self.machine.applied().index {
            // Installed already, and only the last acknowledgement was lost; or not needed at all.
            return Ok(if chunk.last { Taken::Good } else { Taken::Bad });
        }
        let begun = self
            .incoming
            .as_ref()
            .is_some_and(|incoming| incoming.is_of(from, &chunk));
        if chunk.sequence == 0 && !begun {
            let install = self.machine.install().await?;
            self.incoming = Some(Incoming {
                from,
                snapshot: chunk.snapshot,
                next: 0,
                install,
            });
        }
        // Taken out, so that after an error the transfer is gone.
        let Some(mut incoming) = self
            .incoming
            .take_if(|incoming| incoming.is_of(from, &chunk))
        else {
            // The middle of a transfer whose beginning is not here: it must begin again.
            return Ok(Taken::Bad);
        };
        if chunk.sequence != incoming.next {
            let early = chunk.sequence > incoming.next;
            self.incoming = Some(incoming);
            return Ok(if early { Taken::Early } else { Taken::Good });
        }
        incoming.install.add_chunk(chunk.bytes).await?;
        if chunk.last {
            return Ok(Taken::Installed(
                self.machine.finish_install(incoming.install).await?,
            ));
        }
        incoming.next += 1;
        self.incoming = Some(incoming);
        Ok(Taken::Good)
    }
}

impl Incoming {
    fn is_of(&self, from: NodeId, chunk: &SnapshotChunk) -> bool {
        self.from == from && self.snapshot == chunk.snapshot
    }
}
