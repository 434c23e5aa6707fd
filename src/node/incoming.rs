//! Receiving a snapshot, chunk by chunk (§7). Nothing of the old state is touched before the last
//! chunk has arrived and everything checks out; then one atomic step of the storage engine puts the
//! new state in its place. Only after that does Raft hear of it, and cuts the log: a crash between
//! the two leaves a state machine ahead of its log, which the next start understands (`start`).
//!
//! What has arrived stays when the sender falls silent, until the rest comes, from whomever, or
//! another snapshot begins, or the log has brought the machine as far. It does not outlive the
//! process: its tables are in no manifest, and the next opening removes them.

use super::applier::Applier;
use crate::{
    machine::{Install, MachineError, Standing},
    rpc::{PeerBody, SnapshotAck, SnapshotChunk, SnapshotOffer, SnapshotWord},
    types::{LogPosition, NodeId, Term},
};

/// A snapshot on its way in. A replica takes one at a time: the one that was offered last.
pub(super) struct Incoming {
    from: NodeId,
    /// The term and the number of the transfer.
    transfer: (Term, u64),
    /// The chunk that is waited for.
    next: u32,
    /// What has arrived; `None` before the first chunk.
    install: Option<Install>,
}

/// What a chunk led to.
enum Taken {
    /// A word to the sender.
    Word(SnapshotWord),
    /// It was the last one, and the snapshot is in place.
    Installed(LogPosition),
}

impl Applier {
    /// Takes an offer, and answers what is here already.
    pub(super) fn take_offer(&mut self, from: NodeId, offer: SnapshotOffer) {
        if offer.at.index <= self.machine.applied().index {
            return self.say(from, offer.transfer, SnapshotWord::Installed);
        }
        let transfer = (offer.term, offer.transfer);
        let before = self.incoming.take();
        let word = match before {
            // A repetition, or one that was overtaken by its successor.
            Some(incoming) if incoming.from == from && incoming.transfer >= transfer => {
                let word = incoming.answer_again(transfer);
                self.incoming = Some(incoming);
                match word {
                    Some(word) => word,
                    None => return,
                }
            }
            before => {
                let incoming = Incoming::offered(from, transfer, before);
                let standing = incoming.standing();
                self.incoming = Some(incoming);
                SnapshotWord::Welcome { standing }
            }
        };
        self.say(from, offer.transfer, word);
    }

    /// Takes a chunk and acknowledges it. With the last one it installs the snapshot, whose
    /// position it then answers.
    pub(super) async fn take_chunk(
        &mut self,
        from: NodeId,
        chunk: SnapshotChunk,
    ) -> Result<Option<LogPosition>, MachineError> {
        let transfer = chunk.transfer;
        let taken = match self.place_chunk(from, chunk).await {
            Err(error) if error.is_about_the_input() => {
                tracing::warn!(
                    "{}: a snapshot of {from} is refused: {error}",
                    self.link.shard
                );
                Taken::Word(SnapshotWord::Refused)
            }
            taken => taken?,
        };
        let (word, installed) = match taken {
            Taken::Word(word) => (word, None),
            Taken::Installed(at) => (SnapshotWord::Installed, Some(at)),
        };
        self.say(from, transfer, word);
        Ok(installed)
    }

    /// Forgets a snapshot that did not arrive whole once the machine has come as far without it.
    pub(super) fn forget_overtaken(&mut self) {
        let applied = self.machine.applied().index;
        let standing = self.incoming.as_ref().and_then(Incoming::standing);
        if standing.is_some_and(|standing| standing.at.index <= applied) {
            self.incoming = None;
        }
    }

    async fn place_chunk(
        &mut self,
        from: NodeId,
        chunk: SnapshotChunk,
    ) -> Result<Taken, MachineError> {
        if chunk.at.index <= self.machine.applied().index {
            // Installed already, and only the last acknowledgement was lost; or not needed at all.
            return Ok(Taken::Word(SnapshotWord::Installed));
        }
        let transfer = (chunk.term, chunk.transfer);
        let is_ours =
            |incoming: &mut Incoming| (incoming.from, incoming.transfer) == (from, transfer);
        // Taken out, so that after an error the snapshot is gone.
        let Some(mut incoming) = self.incoming.take_if(is_ours) else {
            // The middle of a transfer whose beginning is not here: it must begin again.
            return Ok(Taken::Word(SnapshotWord::Refused));
        };
        if chunk.sequence != incoming.next {
            let word = incoming.next_word(chunk.sequence > incoming.next);
            self.incoming = Some(incoming);
            return Ok(Taken::Word(word));
        }
        if chunk.sequence == 0 && !chunk.resumed {
            incoming.install = Some(self.machine.install().await?);
        }
        let Some(install) = &mut incoming.install else {
            return Ok(Taken::Word(SnapshotWord::Refused));
        };
        match install.add_chunk(chunk.bytes).await {
            Err(error) if error.is_damage() => {
                tracing::warn!("{}: from {from}: {error}", self.link.shard);
                let word = incoming.next_word(true);
                self.incoming = Some(incoming);
                return Ok(Taken::Word(word));
            }
            taken => taken?,
        }
        if let Some(install) = incoming.install.take_if(|_| chunk.last) {
            let at = self.machine.finish_install(install).await?;
            return Ok(Taken::Installed(at));
        }
        incoming.next += 1;
        let word = incoming.next_word(false);
        self.incoming = Some(incoming);
        Ok(Taken::Word(word))
    }

    fn say(&self, to: NodeId, transfer: u64, word: SnapshotWord) {
        let ack = SnapshotAck { transfer, word };
        self.link.send(to, PeerBody::SnapshotAck(ack));
    }
}

impl Incoming {
    /// A transfer that was offered while this much of a snapshot was here.
    fn offered(from: NodeId, transfer: (Term, u64), before: Option<Incoming>) -> Self {
        let mut install = before.and_then(|before| before.install);
        install = install.filter(|install| install.standing().is_some());
        // Chunks of an earlier transfer that are still on their way do not count any more.
        install.iter_mut().for_each(Install::rewind);
        Incoming {
            from,
            transfer,
            next: 0,
            install,
        }
    }

    /// What to say to an offer of this transfer or of an earlier one.
    fn answer_again(&self, transfer: (Term, u64)) -> Option<SnapshotWord> {
        let is_unanswered = self.transfer == transfer && self.next == 0;
        let standing = self.standing();
        is_unanswered.then_some(SnapshotWord::Welcome { standing })
    }

    /// How much is here.
    fn standing(&self) -> Option<Standing> {
        self.install.as_ref().and_then(Install::standing)
    }

    fn next_word(&self, missing: bool) -> SnapshotWord {
        let sequence = self.next;
        SnapshotWord::Next { sequence, missing }
    }
}
