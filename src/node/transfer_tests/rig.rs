//! Two replicas and the wire between them, which does as it is told.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::super::{
    Failure, Roster,
    applier::{Applier, ApplierJob},
    link::Link,
    outgoing::{self, Outgoing, Road},
    replica::Completion,
};
use crate::{
    config::Limits,
    env::{
        Clock, Disk, Lane, MemDisk, Rate, Transport,
        task::{Receiver, Sender, Tasks, channel, spawn, watch, yield_now},
    },
    machine::{Command, Machine, Op, Txn},
    rpc::{self, PeerBody, SnapshotAck, SnapshotChunk},
    types::{LogPosition, NodeId, ShardId, Term},
};

const FROM: NodeId = NodeId(1);
const TO: NodeId = NodeId(2);

/// Bytes of a chunk: the state takes a few dozen.
pub const CHUNK_BYTES: usize = 1 << 10;

/// The entries in the snapshot.
const ENTRIES: u64 = 200;

/// One end of the wire: what was sent and not taken yet.
#[derive(Clone, Default)]
pub struct Wire(Arc<Mutex<Vec<Bytes>>>);

impl Transport for Wire {
    fn send(&self, _to: NodeId, _lane: Lane, frame: Bytes) {
        self.0.lock().push(frame);
    }
}

impl Wire {
    pub fn take(&self) -> Vec<PeerBody> {
        let frames = std::mem::take(&mut *self.0.lock());
        let bodies = frames.into_iter().map(rpc::decode);
        bodies.map(|frame| frame.expect("a frame").body).collect()
    }
}

fn limits() -> Limits {
    Limits::test_min()
}

fn link(node: NodeId, wire: &Wire) -> Link {
    Link {
        cluster: 1,
        node,
        shard: ShardId(0),
        transport: Arc::new(wire.clone()),
        observer: None,
    }
}

fn road(node: NodeId, wire: &Wire, bytes_per_second: u64) -> Road {
    let clock = Clock::system();
    Road {
        link: link(node, wire),
        rate: Arc::new(Rate::new(clock.clone(), bytes_per_second)),
        clock,
        chunk_bytes: CHUNK_BYTES,
        failure: Failure::default(),
    }
}

pub async fn open(disk: &MemDisk) -> Machine {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let machine = Machine::open(disk, "m", &limits()).await;
    machine.expect("opened")
}

fn entry(index: u64) -> Bytes {
    let put = Op::Put {
        key: format!("key {:03}", index * 7 % ENTRIES).into(),
        value: vec![index as u8; 100].into(),
        want_previous: false,
    };
    let txn = Txn {
        success: vec![put],
        ..Txn::default()
    };
    let command = Command {
        request: None,
        proposed_ms: 0,
        txn,
    };
    command.encode()
}

/// Applies all entries up to an index.
pub async fn apply_to(machine: &mut Machine, last: u64) {
    for index in machine.applied().index + 1..=last {
        let at = LogPosition { term: 1, index };
        let applied = machine.apply(at, &entry(index)).await;
        applied.expect("applied").expect("done");
        machine.settle().await.expect("settled");
    }
}

pub async fn filled() -> Machine {
    let mut machine = open(&MemDisk::new()).await;
    apply_to(&mut machine, ENTRIES).await;
    machine
}

/// The receiving replica.
pub struct Receiving {
    pub disk: MemDisk,
    pub wire: Wire,
    pub applier: Applier,
}

impl Receiving {
    pub async fn new(disk: MemDisk) -> Self {
        let wire = Wire::default();
        let (_, jobs) = channel::<ApplierJob>(1);
        let machine = open(&disk).await;
        let applier = Applier {
            roster: watch::channel(Roster::of(&machine, 0)).0,
            machine,
            link: link(TO, &wire),
            disk: Arc::new(disk.clone()),
            jobs,
            failure: Failure::default(),
            memtable_bytes: limits().memtable_bytes,
            incoming: None,
            log_bytes: 0,
            senders: Tasks::default(),
            road: road(TO, &wire, 0),
        };
        Receiving {
            disk,
            wire,
            applier,
        }
    }

    /// The process ends and starts again.
    pub async fn restart(self) -> Self {
        let disk = self.disk.restart_keeping_unsynced();
        Receiving::new(disk).await
    }

    /// Takes a message, and answers its acknowledgement if there is one.
    pub async fn take(&mut self, body: PeerBody) -> Option<SnapshotAck> {
        match body {
            PeerBody::SnapshotOffer(offer) => self.applier.take_offer(FROM, offer),
            PeerBody::SnapshotChunk(chunk) => {
                let taken = self.applier.take_chunk(FROM, chunk).await;
                taken.expect("the disk works");
            }
            other => panic!("{other:?}"),
        }
        match self.wire.take().pop() {
            None => None,
            Some(PeerBody::SnapshotAck(ack)) => Some(ack),
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// The sending side of one transfer.
pub struct Transfer {
    pub wire: Wire,
    pub acks: Sender<SnapshotAck>,
    pub done: Receiver<Completion>,
    /// Chunks that were sent, repetitions included.
    pub sent: usize,
    /// Whether the first chunk went on with what was there.
    pub resumed: Option<bool>,
}

impl Transfer {
    pub fn begin(machine: &Machine, term: Term, id: u64) -> Self {
        Transfer::at_rate(machine, term, id, 0)
    }

    pub fn at_rate(machine: &Machine, term: Term, id: u64, bytes_per_second: u64) -> Self {
        let wire = Wire::default();
        let (acks, acknowledged) = channel(64);
        let (completions, done) = channel(1);
        let outgoing = Outgoing {
            peer: TO,
            id,
            term,
            acks: acknowledged,
        };
        let road = road(FROM, &wire, bytes_per_second);
        spawn(outgoing::send(
            outgoing,
            machine.snapshot(),
            road,
            completions,
        ));
        Transfer {
            wire,
            acks,
            done,
            sent: 0,
            resumed: None,
        }
    }

    /// Carries messages both ways until the transfer ends, and says how; `fate` says what becomes
    /// of a chunk on its way.
    pub async fn run(
        &mut self,
        to: &mut Receiving,
        mut fate: impl FnMut(SnapshotChunk) -> Option<SnapshotChunk>,
    ) -> bool {
        loop {
            if let Ok(Completion::SnapshotSent { ok, .. }) = self.done.try_recv() {
                return ok;
            }
            for body in self.wire.take() {
                let body = match body {
                    PeerBody::SnapshotChunk(chunk) => {
                        self.sent += 1;
                        self.resumed = self.resumed.or(Some(chunk.resumed));
                        fate(chunk).map(PeerBody::SnapshotChunk)
                    }
                    body => Some(body),
                };
                let Some(body) = body else { continue };
                if let Some(ack) = to.take(body).await {
                    let _ = self.acks.send(ack).await;
                }
            }
            yield_now().await;
        }
    }

    /// Carries messages until `count` chunks have arrived; then the stream breaks.
    pub async fn break_after(mut self, to: &mut Receiving, count: usize) {
        let mut arrived = 0;
        while arrived < count {
            for body in self.wire.take() {
                arrived += usize::from(matches!(body, PeerBody::SnapshotChunk(_)));
                if let Some(ack) = to.take(body).await {
                    let _ = self.acks.send(ack).await;
                }
                if arrived == count {
                    break;
                }
            }
            yield_now().await;
        }
        // The replica gives the transfer up.
        drop(self.acks);
        while self.done.recv().await.is_some() {}
    }
}
