//! A replica's way to its peers: addresses envelopes, encodes them, and lets the observer see.

use std::sync::Arc;

use super::{
    Event, Observer,
    fate::{Fate, Waiter},
};
use crate::{
    env::Transport,
    raft::Message,
    rpc::{Envelope, ForwardReply, PeerBody, encode},
    types::{LogPosition, NodeId, ShardId},
};

/// What every stage of a replica needs to speak: who it is, and the transport.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) cluster: u64,
    pub(super) node: NodeId,
    pub(super) shard: ShardId,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl Link {
    /// Shows an event to the observer, if there is one.
    pub(super) fn observe(&self, event: Event<'_>) {
        if let Some(observer) = &self.observer {
            observer.event(self.node, self.shard, event);
        }
    }

    /// Sends a message of Raft.
    pub(super) fn send_raft(&self, message: Message) {
        self.observe(Event::Sent { message: &message });
        self.send(message.to, PeerBody::Raft(message));
    }

    /// Sends anything.
    pub(super) fn send(&self, to: NodeId, body: PeerBody) {
        let lane = body.lane();
        let envelope = Envelope {
            cluster: self.cluster,
            shard: self.shard,
            from: self.node,
            to,
            body,
        };
        self.transport.send(to, lane, encode(&envelope));
    }

    /// Tells whoever waits what became of its command.
    pub(super) fn answer(&self, waiter: Waiter, fate: Fate) {
        if let Fate::Done { at, .. } = &fate {
            self.acknowledged(*at);
        }
        match waiter {
            // A request that timed out has dropped its end; nobody needs the answer.
            Waiter::Local(sender) => drop(sender.send(fate)),
            Waiter::Remote { to, origin, number } => {
                let fate = fate.encode();
                self.send(
                    to,
                    PeerBody::ForwardReply(ForwardReply {
                        number,
                        origin,
                        fate,
                    }),
                );
            }
        }
    }

    fn acknowledged(&self, at: LogPosition) {
        self.observe(Event::Acknowledged { at });
    }
}
