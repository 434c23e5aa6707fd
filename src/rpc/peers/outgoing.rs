//! The sending end: a task per peer and lane that keeps a stream open, and the door in front of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::Mutex;
use tonic::transport::{Channel, Endpoint};

use super::{
    BACKOFF_MAX, BACKOFF_MIN, CONNECT_WITHIN, KEEP_ALIVE, Me,
    queue::{Queue, queue},
    room,
};
use crate::{
    env::{
        Clock, Lane, Transport,
        task::{Tasks, timeout},
    },
    rpc::proto::peer::{Hello, peer_client::PeerClient},
    types::NodeId,
};

/// The way to all peers. Ends its streams when dropped.
#[derive(Debug)]
pub struct Outgoing {
    slots: BTreeMap<(NodeId, Lane), Slot>,
    _tasks: Tasks,
}

/// Where the queue of a lane stands while it is connected. The lock is held for a push.
type Slot = Arc<Mutex<Option<Queue>>>;

/// One lane to one peer, as its task sees it.
struct Link {
    to: NodeId,
    lane: Lane,
    address: String,
    hello: Hello,
    slot: Slot,
    clock: Clock,
}

impl Outgoing {
    /// Begins to connect to all members but this one.
    pub fn start(me: &Me, clock: &Clock) -> Self {
        let mut tasks = Tasks::default();
        let peers = me.addresses.iter().filter(|(id, _)| **id != me.node);
        let lanes = peers.flat_map(|peer| Lane::ALL.map(|lane| (peer, lane)));
        let slots = lanes.map(|((to, address), lane)| {
            let slot = Slot::default();
            let link = Link {
                to: *to,
                lane,
                address: address.clone(),
                hello: me.hello(*to),
                slot: slot.clone(),
                clock: clock.clone(),
            };
            tasks.spawn(link.run());
            ((*to, lane), slot)
        });
        Outgoing {
            slots: slots.collect(),
            _tasks: tasks,
        }
    }
}

impl Transport for Outgoing {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        if let Some(slot) = self.slots.get(&(to, lane))
            && let Some(queue) = &*slot.lock()
        {
            // A full queue drops the frame: that is the contract.
            queue.push(frame);
        }
    }
}

impl Link {
    /// Connects, sends until the stream ends, and begins again, for ever.
    async fn run(self) {
        let mut backoff = BACKOFF_MIN;
        let mut complained = false;
        loop {
            let began_us = self.clock.now_us();
            let ended = self.connect_and_send().await;
            *self.slot.lock() = None;
            let lasted = Duration::from_micros(self.clock.now_us() - began_us);
            if lasted > BACKOFF_MAX + CONNECT_WITHIN {
                (backoff, complained) = (BACKOFF_MIN, false);
            }
            // Once for an outage, not twice a second while it lasts.
            if !complained {
                tracing::warn!(
                    peer = self.to.0,
                    lane = ?self.lane,
                    address = self.address,
                    "no stream: {ended}"
                );
                complained = true;
            }
            self.clock.sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// One connection from its beginning to its end; says why it ended.
    async fn connect_and_send(&self) -> String {
        let channel = match timeout(CONNECT_WITHIN, self.connect()).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return chain(&error),
            Err(_) => return format!("no connection within {CONNECT_WITHIN:?}"),
        };
        let (queue, batches) = queue(self.hello, room(self.lane));
        *self.slot.lock() = Some(queue);
        tracing::debug!(peer = self.to.0, lane = ?self.lane, address = self.address, "connected");
        match PeerClient::new(channel).deliver(batches).await {
            Ok(_) => "the peer ended it".to_owned(),
            Err(status) => status.message().to_owned(),
        }
    }

    async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        Endpoint::from_shared(format!("http://{}", self.address))?
            .connect_timeout(CONNECT_WITHIN)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .connect()
            .await
    }
}

/// An error with its causes: tonic's own words are only "transport error".
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
