//! Replicas with their disks and state machines, the network, and the steps that they can take.

mod clock;
mod image;

use std::collections::BTreeMap;

use bytes::Bytes;
use sisyphus::raft::{
    Base, Body, Change, Config, Membership, MembershipError, Message, NotLeader, PRIORITY_MAX,
    Persist, ProposeError, Raft, Ready, RoleName, Room, TransferError,
};
use sisyphus::rng::Rng;
use sisyphus::types::{Index, LogPosition, NodeId};

use crate::oracle::Oracle;
use crate::show;
pub use clock::{Clock, TICK_US};
use image::Image;

/// A replica with its disk and its state machine.
pub struct Replica {
    /// The core; none while the process is down.
    pub raft: Option<Raft>,
    pub image: Image,
    /// The batch that is being written.
    pub writing: Option<Persist>,
    /// Where the state machine stands, and where it would stand after a crash.
    pub applied: Base,
    pub flushed: Base,
    /// What this replica takes for the time.
    pub clock: Clock,
    config: Config,
    starts: u64,
}

/// A snapshot on its way.
#[derive(Clone, Debug)]
pub struct Transfer {
    pub from: NodeId,
    pub to: NodeId,
    /// The start of the sending process, which forgets its transfers when it crashes.
    start: u64,
    base: Base,
}

/// Everything there is.
pub struct Cluster {
    pub founders: Membership,
    pub replicas: BTreeMap<NodeId, Replica>,
    pub network: Vec<Message>,
    pub transfers: Vec<Transfer>,
    pub oracle: Oracle,
    /// Which side of a partition each replica is on; none means all together.
    pub sides: BTreeMap<NodeId, u8>,
    /// The true time in microseconds, which nobody knows.
    pub now_us: u64,
    /// What became of reads: the index at which each may be served, or none if it was lost.
    pub reads_ended: Vec<(u64, Option<Index>)>,
    /// How each replica looked last, if what happens is to be said aloud.
    pub aloud: Option<BTreeMap<NodeId, String>>,
    rng: Rng,
    reads: u64,
}

impl Replica {
    /// Whether the replica would still have the entry at `position` after a crash.
    pub fn has_durably(&self, position: LogPosition) -> bool {
        self.flushed.at.index >= position.index || self.image.has(position)
    }
}

impl Cluster {
    /// Replicas 1 to `count` with empty disks, not started yet, and after them `spare` ones that are
    /// no members.
    pub fn new(count: u64, spare: u64, seed: u64, mut configure: impl FnMut(&mut Config)) -> Self {
        let founders = Membership::of_voters((1..=count).map(NodeId));
        let mut replica = |id: NodeId| {
            let membership = match founders.contains(id) {
                true => founders.clone(),
                false => Membership::default(),
            };
            let at = LogPosition::default();
            let base = Base { at, membership };
            let mut config = Config {
                id,
                heartbeat_ticks: 1,
                election_ticks: 3,
                append_bytes_max: 200,
                inflight_max: 3,
                inflight_bytes_max: 400,
                priority: PRIORITY_MAX,
                uncommitted_bytes_max: 2000,
                promise_us: 0,
                lease_drift_ppm: None,
            };
            configure(&mut config);
            Replica {
                raft: None,
                image: Image {
                    base: base.clone(),
                    ..Image::default()
                },
                writing: None,
                applied: base.clone(),
                flushed: base,
                clock: Clock::default(),
                config,
                starts: 0,
            }
        };
        Cluster {
            founders: founders.clone(),
            replicas: (1..=count + spare)
                .map(|id| (NodeId(id), replica(NodeId(id))))
                .collect(),
            network: Vec::new(),
            transfers: Vec::new(),
            oracle: Oracle::new(founders.clone()),
            sides: BTreeMap::new(),
            now_us: 0,
            reads_ended: Vec::new(),
            aloud: None,
            rng: Rng::new(seed),
            reads: 0,
        }
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.replicas.keys().copied().collect()
    }

    /// All that believe to lead, deposed or not.
    pub fn leaders(&self) -> Vec<NodeId> {
        let up = self.replicas.values().filter_map(|r| r.raft.as_ref());
        let leaders = up.map(Raft::brief).filter(|s| s.role == RoleName::Leader);
        leaders.map(|s| s.id).collect()
    }

    fn replica(&mut self, id: NodeId) -> &mut Replica {
        self.replicas.get_mut(&id).expect("a replica of this id")
    }

    /// The core of a replica that is up.
    pub fn raft(&mut self, id: NodeId) -> Option<&mut Raft> {
        self.replica(id).raft.as_mut()
    }

    /// Starts a process on whatever its disk holds.
    pub fn start(&mut self, id: NodeId) {
        let (rng, now_us) = (self.rng.clone(), self.time_of(id));
        let replica = self.replica(id);
        if replica.raft.is_some() {
            return;
        }
        replica.starts += 1;
        let rng = rng.fork(&format!("{id} start {}", replica.starts));
        let restored = replica.image.restored(&replica.flushed);
        replica.applied = replica.flushed.clone();
        replica.raft = Some(Raft::new(replica.config.clone(), restored, rng, now_us));
        self.oracle.started(id);
        self.observe(id);
    }

    /// Power is lost; of the batch that was being written, the first `written` entries survive.
    pub fn crash(&mut self, id: NodeId, written: Option<usize>) {
        let replica = self.replica(id);
        if let (Some(batch), Some(count)) = (replica.writing.take(), written) {
            replica.image.write(&batch, count);
        }
        replica.raft = None;
        self.say(|| format!("{id} crashes"));
        self.oracle.crashed(id);
    }

    /// Power is lost, and with it the last `count` entries on the disk, which knows that.
    pub fn damage(&mut self, id: NodeId, count: usize) {
        self.crash(id, None);
        self.replica(id).image.lose(count);
        self.oracle.tally.damaged += 1;
        self.say(|| format!("{id} loses {count} entries"));
    }

    /// What the clock of a replica shows now.
    pub fn time_of(&self, id: NodeId) -> u64 {
        self.replicas[&id].clock.show(self.now_us)
    }

    pub fn tick(&mut self, id: NodeId) {
        let now_us = self.time_of(id);
        if let Some(raft) = self.raft(id) {
            raft.tick(now_us);
            self.observe(id);
        }
    }

    pub fn campaign(&mut self, id: NodeId) {
        let now_us = self.time_of(id);
        if let Some(raft) = self.raft(id) {
            raft.campaign(now_us);
            self.observe(id);
        }
    }

    pub fn propose(
        &mut self,
        id: NodeId,
        data: Bytes,
    ) -> Option<Result<LogPosition, ProposeError>> {
        let result = self.raft(id)?.propose(data);
        self.observe(id);
        Some(result)
    }

    /// Begins a change of who takes part.
    pub fn change(
        &mut self,
        id: NodeId,
        changes: &[Change],
    ) -> Option<Result<LogPosition, MembershipError>> {
        let result = self.raft(id)?.propose_membership(changes, Bytes::new());
        self.oracle.tally.changes += u64::from(result.is_ok());
        self.observe(id);
        Some(result)
    }

    /// Begins to hand leadership over.
    pub fn hand_over(
        &mut self,
        id: NodeId,
        to: Option<NodeId>,
    ) -> Option<Result<NodeId, TransferError>> {
        let result = self.raft(id)?.transfer_leadership(to);
        self.oracle.tally.transfers += u64::from(result.is_ok());
        self.observe(id);
        Some(result)
    }

    /// Begins a linearizable read; returns how it is called.
    pub fn read(&mut self, id: NodeId) -> Option<Result<u64, NotLeader>> {
        self.reads += 1;
        let read = self.reads;
        let result = self.raft(id)?.read(read);
        if result.is_ok() {
            self.oracle.read_began(id, read);
        }
        Some(result.map(|()| read))
    }

    /// Whether two replicas are on the same side.
    pub fn is_connected(&self, one: NodeId, other: NodeId) -> bool {
        self.sides.get(&one) == self.sides.get(&other)
    }

    /// Hands a message to its receiver, unless that is down or on the other side.
    pub fn deliver(&mut self, message: Message) {
        if !self.is_connected(message.from, message.to) {
            return;
        }
        let to = message.to;
        let now_us = self.time_of(to);
        self.say(|| show::message(&message));
        if let Some(raft) = self.raft(to) {
            raft.step(message, now_us);
            self.observe(to);
        }
    }

    /// The batch that is being written becomes durable.
    pub fn persisted(&mut self, id: NodeId) {
        let replica = self.replica(id);
        if let (Some(batch), Some(raft)) = (replica.writing.take(), &mut replica.raft) {
            replica.image.write(&batch, usize::MAX);
            raft.persisted(batch.ticket);
            self.observe(id);
        }
    }

    /// The state machine becomes durable, and the log in memory and on disk forgets all but the
    /// last `kept` entries of what it holds.
    pub fn flush(&mut self, id: NodeId, kept: u64) {
        let replica = self.replica(id);
        if let Some(raft) = &mut replica.raft {
            replica.flushed = replica.applied.clone();
            let to = replica.flushed.at.index.saturating_sub(kept);
            let base = raft.base_at(to);
            raft.compact(to);
            // The file is cut after the batch that is being written, never before it.
            let image = &mut replica.image;
            let behind = replica.writing.is_none() && image.base.at.index < to;
            if let Some(base) = base.filter(|base| behind && image.has(base.at)) {
                image.compact(base);
            }
            self.observe(id);
        }
    }

    /// A transfer ends, by the installation of the snapshot or without.
    pub fn end_transfer(&mut self, transfer: Transfer, ok: bool) {
        let Transfer { from, to, base, .. } = transfer;
        let receiver = self.replica(to);
        let mut installed = false;
        if let (true, Some(raft)) = (ok, &mut receiver.raft) {
            installed = true;
            let news = base.at.index > receiver.applied.at.index;
            if news {
                receiver.applied = base.clone();
                receiver.flushed = base.clone();
            }
            raft.install(base);
            self.oracle.tally.installed += u64::from(news);
            self.observe(to);
        }
        let sender = self.replica(from);
        let same = sender.starts == transfer.start;
        if let (true, Some(raft)) = (same, &mut sender.raft) {
            raft.snapshot_ended(to, installed);
            self.observe(from);
        }
    }

    /// Takes what a replica has ready, and does what needs no time of its own. Returns whether
    /// there was anything.
    pub fn pump(&mut self, id: NodeId, apply_bytes: usize, tell: bool) -> bool {
        let now_us = self.time_of(id);
        let replica = self.replica(id);
        let Some(raft) = &mut replica.raft else {
            return false;
        };
        let room = Room {
            persist: replica.writing.is_none(),
            apply_bytes,
            tell,
        };
        let leased = raft.brief().lease_reads;
        let ready = raft.ready(room, now_us);
        let leased = raft.brief().lease_reads - leased;
        if is_idle(&ready) {
            return false;
        }
        for entry in &ready.apply {
            let applied = &mut replica.applied;
            assert_eq!(entry.at.index, applied.at.index + 1, "applied in order");
            applied.at = entry.at;
            if let Some(membership) = entry.payload.membership() {
                applied.membership = membership.clone();
            }
        }
        raft.applied(replica.applied.at.index);
        let start = replica.starts;
        let base = (!ready.snapshots.is_empty()).then(|| replica.applied.clone());
        let mut overwrites = false;
        if let Some(batch) = ready.persist {
            let first = batch.entries.first();
            overwrites = first.is_some_and(|e| replica.image.at(e.at.index).is_some());
            replica.writing = Some(batch);
        }
        self.oracle.tally.overwritten += u64::from(overwrites);
        for peer in ready.snapshots {
            self.transfers.push(Transfer {
                from: id,
                to: peer,
                start,
                base: base.clone().expect("cloned for this"),
            });
        }
        self.oracle.tally.leased += leased;
        self.oracle.applied(id, &ready.apply);
        self.oracle.reads_ended(&ready.reads, &ready.reads_lost);
        let answered = ready.reads.into_iter().map(|(read, at)| (read, Some(at)));
        let lost = ready.reads_lost.into_iter().map(|read| (read, None));
        self.reads_ended.extend(answered.chain(lost));
        for message in ready.send {
            let called = matches!(message.body, Body::Vote { called: true, .. });
            self.oracle.tally.called += u64::from(called);
            self.oracle.sent(&message, &self.replicas);
            self.network.push(message);
        }
        self.observe(id);
        true
    }

    fn observe(&mut self, id: NodeId) {
        if let Some(shown) = &mut self.aloud {
            let line = show::replica(id, self.replicas[&id].raft.as_ref(), &self.founders);
            if shown.get(&id) != Some(&line) {
                eprintln!("  {line}");
                shown.insert(id, line);
            }
        }
        self.oracle.observe(id, &self.replicas);
    }

    /// Looks at everything, even what should not have changed.
    pub fn observe_all(&mut self) {
        self.oracle.observe_all(&self.replicas);
    }

    /// Says what happens, if somebody listens.
    pub fn say(&self, what: impl Fn() -> String) {
        if self.aloud.is_some() {
            eprintln!("{}", what());
        }
    }
}

/// Whether there is nothing to do.
fn is_idle(ready: &Ready) -> bool {
    let Ready {
        send,
        persist,
        apply,
        reads,
        reads_lost,
        snapshots,
    } = ready;
    send.is_empty()
        && persist.is_none()
        && apply.is_empty()
        && reads.is_empty()
        && reads_lost.is_empty()
        && snapshots.is_empty()
}
