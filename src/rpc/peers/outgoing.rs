//! The sending end: a task per peer and lane that keeps a stream open, one that follows the list of
//! members, and the door in front of them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};

use super::{
    BACKOFF_MAX, BACKOFF_MIN, CONNECT_WITHIN, KEEP_ALIVE,
    queue::{Queue, queue},
    room,
};
use crate::{
    env::{
        Clock, Lane, Transport,
        task::{Tasks, timeout},
    },
    rpc::{Directory, proto::peer::peer_client::PeerClient},
    types::NodeId,
};

/// The way to all peers. Ends its streams when dropped.
#[derive(Debug)]
pub struct Outgoing {
    slots: Slots,
    _tasks: Tasks,
}

/// Where the queue of a lane stands while it is connected. The lock is held for a push.
type Slot = Arc<Mutex<Option<Queue>>>;

/// The slots of all lanes there are now. Written when the members change.
type Slots = Arc<RwLock<BTreeMap<(NodeId, Lane), Slot>>>;

/// The streams to one peer, which end when this is dropped.
struct Links {
    address: String,
    _tasks: Tasks,
}

/// One lane to one peer, as its task sees it.
struct Link {
    to: NodeId,
    lane: Lane,
    address: String,
    slot: Slot,
    clock: Clock,
    directory: Directory,
}

impl Outgoing {
    /// Connects to all members but this one, now and whenever they change.
    pub fn start(directory: &Directory, clock: &Clock) -> Self {
        let slots = Slots::default();
        let mut tasks = Tasks::default();
        tasks.spawn(follow(directory.clone(), clock.clone(), slots.clone()));
        Outgoing {
            slots,
            _tasks: tasks,
        }
    }
}

impl Transport for Outgoing {
    fn send(&self, to: NodeId, lane: Lane, frame: Bytes) {
        if let Some(slot) = self.slots.read().get(&(to, lane))
            && let Some(queue) = &*slot.lock()
        {
            // A full queue drops the frame: that is the contract.
            queue.push(frame);
        }
    }
}

/// Keeps one set of links for each peer that the directory has, for ever.
async fn follow(directory: Directory, clock: Clock, slots: Slots) {
    let mut changes = directory.watch();
    let mut links = BTreeMap::<NodeId, Links>::new();
    loop {
        let wanted = changes.borrow_and_update().addresses();
        links.retain(|id, links| wanted.get(id) == Some(&links.address));
        slots.write().retain(|(id, _), _| links.contains_key(id));
        for (to, address) in wanted {
            let open = || open(to, &address, &directory, &clock, &slots);
            links.entry(to).or_insert_with(open);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Begins to connect to a peer in all lanes.
fn open(to: NodeId, address: &str, directory: &Directory, clock: &Clock, slots: &Slots) -> Links {
    let mut tasks = Tasks::default();
    for lane in Lane::ALL {
        let slot = Slot::default();
        slots.write().insert((to, lane), slot.clone());
        let link = Link {
            to,
            lane,
            address: address.to_owned(),
            slot,
            clock: clock.clone(),
            directory: directory.clone(),
        };
        tasks.spawn(link.run());
    }
    Links {
        address: address.to_owned(),
        _tasks: tasks,
    }
}

impl Link {
    /// Connects, sends until the stream ends, and begins again, for ever.
    async fn run(self) {
        let mut backoff = BACKOFF_MIN;
        let mut complained = None;
        loop {
            let began_us = self.clock.now_us();
            let ended = self.connect_and_send().await;
            *self.slot.lock() = None;
            let lasted = Duration::from_micros(self.clock.now_us() - began_us);
            if lasted > BACKOFF_MAX + CONNECT_WITHIN {
                (backoff, complained) = (BACKOFF_MIN, None);
            }
            // Once for each reason of an outage, not twice a second while it lasts, and not for
            // each lane: they share their fate.
            if self.lane == Lane::Urgent && complained.as_ref() != Some(&ended) {
                tracing::warn!(
                    peer = self.to.0,
                    address = self.address,
                    "no stream: {ended}"
                );
                complained = Some(ended);
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
        let (queue, batches) = queue(self.directory.hello(self.to), room(self.lane));
        *self.slot.lock() = Some(queue);
        tracing::debug!(peer = self.to.0, lane = ?self.lane, address = self.address, "connected");
        match PeerClient::new(channel).deliver(batches).await {
            Ok(_) => "the peer ended it".to_owned(),
            Err(status) => {
                if status.code() == Code::PermissionDenied {
                    self.directory.tell_to_leave(status.message());
                }
                status.message().to_owned()
            }
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
