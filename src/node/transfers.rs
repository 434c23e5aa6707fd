//! The snapshots that this replica is sending: who gets their acknowledgements.

use std::collections::BTreeMap;

use super::outgoing::Outgoing;
use crate::{
    env::task::{Sender, channel},
    rpc::SnapshotAck,
    types::{NodeId, Term},
};

/// Acknowledgements that wait for the sending task. It waits for one chunk at a time, so more are
/// repetitions and may be dropped.
const ACKS: usize = 8;

/// The transfers under way.
#[derive(Debug)]
pub(super) struct Transfers {
    next: u64,
    acks: BTreeMap<u64, (NodeId, Sender<SnapshotAck>)>,
}

impl Transfers {
    /// No transfers. Ids count up from `start`, which differs from process to process, so that a
    /// late frame of an earlier one is not taken for ours.
    pub(super) fn new(start: u64) -> Self {
        Transfers {
            next: start,
            acks: BTreeMap::new(),
        }
    }

    /// A new transfer. One that still runs to the same peer is given up.
    pub(super) fn begin(&mut self, peer: NodeId, term: Term) -> Outgoing {
        self.acks.retain(|_, (to, _)| *to != peer);
        self.next = self.next.wrapping_add(1);
        let (sender, acks) = channel(ACKS);
        self.acks.insert(self.next, (peer, sender));
        Outgoing {
            peer,
            id: self.next,
            term,
            acks,
        }
    }

    /// An acknowledgement arrived.
    pub(super) fn acknowledged(&mut self, from: NodeId, ack: SnapshotAck) {
        if let Some((peer, sender)) = self.acks.get(&ack.snapshot)
            && *peer == from
        {
            let _ = sender.try_send(ack);
        }
    }

    /// The transfer is over. False if it had been given up for a newer one before.
    pub(super) fn end(&mut self, id: u64) -> bool {
        self.acks.remove(&id).is_some()
    }
}
