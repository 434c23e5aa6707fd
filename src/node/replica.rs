//! The replica loop: the one task that owns a shard's `Raft`. It takes what comes in, asks the core
//! what is to be done, and hands that on; it never waits for a disk or a peer.

use std::time::Duration;

use super::{
    Announced, Event, Failure, Roster,
    applier::ApplierJob,
    divergence::Divergence,
    fate::{Fate, Waiter},
    forwards::Forwards,
    inbox::Letters,
    link::Link,
    pending::Pending,
    reads::Reads,
    requests::Request,
    resign::Resignation,
    retention::{self, Retention},
    status::{Board, RaftStatus},
    transfers::Transfers,
    writer::WriterJob,
};
use crate::{
    config::Limits,
    env::{
        Clock, Timer, rare,
        task::{Receiver, Sender, select, watch},
    },
    raft::{Base, Membership, Message, PeerState, PeerStatus, Raft, Ready, Room},
    rpc::{ForwardReply, PeerBody, SnapshotAck, StateHash},
    types::{Index, LogPosition, NodeId, Term},
};

/// How much is taken from each queue before the core is asked what to do: the bound of a batch.
const DRAIN_MAX: usize = 256;

/// The end of a piece of work that another stage did for the replica.
#[derive(Debug)]
pub(super) enum Completion {
    /// A batch of the log is durable.
    Persisted {
        /// The core's name for it.
        ticket: u64,
    },
    /// A batch of entries is applied.
    Applied {
        /// How far the machine is.
        applied: Index,
        /// How far it is on disk.
        durable: LogPosition,
        /// What the machine came to, where that is to be compared.
        states: Vec<StateHash>,
    },
    /// A snapshot is in the place of the state machine, durably.
    Installed {
        /// The last entry in it, and who takes part as of that.
        base: Base,
    },
    /// A snapshot was sent, or given up.
    SnapshotSent {
        /// To whom.
        peer: NodeId,
        /// Which.
        id: u64,
        /// Whether all of it was acknowledged.
        ok: bool,
    },
}

/// The queues that feed a replica.
pub(super) struct Inputs {
    pub(super) completions: Receiver<Completion>,
    pub(super) peers: Letters,
    pub(super) requests: Receiver<Request>,
}

/// One shard on one node.
pub(super) struct Replica {
    pub(super) raft: Raft,
    pub(super) link: Link,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) writer: Sender<WriterJob>,
    pub(super) applier: Sender<ApplierJob>,
    /// Whether the log writer has a batch of ours.
    pub(super) writing: bool,
    /// Whether the applier has a batch of ours.
    pub(super) applying: bool,
    /// A tick has passed since the core was asked last.
    pub(super) ticked: bool,
    pub(super) durable: LogPosition,
    pub(super) pending: Pending,
    pub(super) reads: Reads,
    pub(super) forwards: Forwards,
    pub(super) transfers: Transfers,
    pub(super) resignation: Resignation,
    pub(super) divergence: Divergence,
    pub(super) failure: Failure,
    pub(super) board: Board,
    /// Where others see the last list of members in the log.
    pub(super) announced: watch::Sender<Announced>,
    /// Who belongs to the cluster, as of what is applied.
    pub(super) roster: watch::Receiver<Roster>,
    /// The last entry with a list of members that this node proposed.
    pub(super) listed: LogPosition,
    /// The term in which this node was last seen as leader, and the last commit index shown to the
    /// observer.
    pub(super) seen: (Term, Index),
    /// The last members shown to the observer, if there is one.
    pub(super) seen_members: Membership,
}

impl Replica {
    /// Works until the node stops, or fails: others must not wait for a leader that cannot go on. One
    /// that was removed has handed its leadership over before it goes, or tried to.
    pub(super) async fn run(mut self, mut inputs: Inputs) {
        let mut next_tick = self.tick_timer();
        self.advance();
        while !self.failure.is_reported() || self.raft.is_handing_over() {
            // In this order, so that a flood of requests delays neither elections nor commits.
            select! {
                biased;
                () = &mut next_tick => {
                    self.tick();
                    next_tick = self.tick_timer();
                }
                Some(completion) = inputs.completions.recv() => self.complete(completion),
                Some((from, body)) = inputs.peers.recv() => self.hear(from, body),
                request = inputs.requests.recv() => match request {
                    Some(request) => self.request(request),
                    None => return,
                },
            }
            self.drain(&mut inputs);
            self.advance();
        }
    }

    fn tick_timer(&self) -> Timer {
        self.clock.timer(Duration::from_millis(self.limits.tick_ms))
    }

    /// Takes what else has queued up, so that it shares messages and a sync.
    fn drain(&mut self, inputs: &mut Inputs) {
        let most = match rare::buggify("take one message at a time") {
            true => 1,
            false => DRAIN_MAX,
        };
        for _ in 0..most {
            match inputs.completions.try_recv() {
                Ok(completion) => self.complete(completion),
                Err(_) => break,
            }
        }
        for _ in 0..most {
            match inputs.peers.try_recv() {
                Some((from, body)) => self.hear(from, body),
                None => break,
            }
        }
        for _ in 0..most {
            match inputs.requests.try_recv() {
                Ok(request) => self.request(request),
                Err(_) => break,
            }
        }
    }

    fn tick(&mut self) {
        self.ticked = true;
        self.raft.tick(self.clock.now_us());
        self.tick_resignation();
        self.send_snapshots();
        self.pending.sweep();
        for waiter in self.forwards.sweep(self.clock.now_us()) {
            self.refuse(Waiter::Local(waiter), "there is no leader");
        }
        for id in self.reads.tick(self.limits.election_ticks) {
            self.ask(id);
        }
    }

    fn complete(&mut self, completion: Completion) {
        match completion {
            Completion::Persisted { ticket } => {
                self.writing = false;
                self.disk_answered();
                self.raft.persisted(ticket);
            }
            Completion::Applied {
                applied,
                durable,
                states,
            } => {
                self.applying = false;
                self.durable = durable;
                self.raft.applied(applied);
                self.reads.applied(applied);
                for state in states {
                    self.tell_state(state);
                }
                self.compact();
            }
            Completion::Installed { base } => self.installed(base),
            Completion::SnapshotSent { peer, id, ok } => {
                let now_us = self.clock.now_us();
                if self.transfers.end(peer, id, ok, now_us) {
                    self.raft.snapshot_ended(peer, ok);
                }
            }
        }
    }

    /// A snapshot is in the machine: whoever waited for an entry inside it will not hear of it.
    fn installed(&mut self, base: Base) {
        let at = base.at;
        self.durable = at;
        self.raft.install(base);
        self.reads.applied(at.index);
        for waiter in self.pending.up_to(at.index) {
            rare::probe("a waiter's entry arrived in a snapshot");
            self.link.answer(
                waiter,
                Fate::Unknown("its effect arrived in a snapshot".into()),
            );
        }
    }

    fn hear(&mut self, from: NodeId, body: PeerBody) {
        match body {
            PeerBody::Raft(message) => self.step(message),
            PeerBody::Forward(forward) => self.take_forward(from, forward),
            PeerBody::ForwardReply(ForwardReply {
                number,
                origin,
                fate,
            }) => {
                self.forwards.replied(origin, number, fate);
            }
            // A full queue drops these two, and the sender repeats them.
            PeerBody::SnapshotOffer(offer) if self.leads(from, offer.term) => {
                self.applier_job(ApplierJob::Offer(from, offer));
            }
            PeerBody::SnapshotChunk(chunk) if self.leads(from, chunk.term) => {
                self.applier_job(ApplierJob::Chunk(from, chunk));
            }
            PeerBody::SnapshotOffer(_) | PeerBody::SnapshotChunk(_) => {}
            PeerBody::SnapshotAck(ack) => self.take_ack(from, ack),
            PeerBody::StateHash(state) => self.hear_state(from, state),
            PeerBody::Removed(index) => self.hear_of_removal(from, index),
        }
    }

    /// Whether `from` leads this node's own term. Of snapshots nobody else is listened to, so that
    /// the machine never gets ahead of the term.
    fn leads(&self, from: NodeId, term: Term) -> bool {
        term == self.raft.term() && self.raft.leader() == Some(from)
    }

    fn take_ack(&mut self, from: NodeId, ack: SnapshotAck) {
        let raft = &self.raft;
        let follows = |at: LogPosition| raft.base_at(at.index).is_some_and(|base| base.at == at);
        let now_us = self.clock.now_us();
        self.transfers.acknowledged(from, ack, follows, now_us);
    }

    /// Queues a job that may wait, leaving room for the one batch of entries. False if there is none.
    pub(super) fn applier_job(&self, job: ApplierJob) -> bool {
        self.applier.capacity() > 1 && self.applier.try_send(job).is_ok()
    }

    fn step(&mut self, message: Message) {
        self.link.observe(Event::Received { message: &message });
        let from = message.from;
        self.tell_removed(&message);
        // Read now, not when the loop woke: what the core promises or relies on begins here.
        self.raft.step(message, self.clock.now_us());
        if self.raft.leader() == Some(from) {
            self.board.heard(self.clock.now_us());
        }
    }

    /// Does what the core asks for, until it asks for nothing more.
    fn advance(&mut self) {
        let room = Room {
            persist: !self.writing,
            apply_bytes: if self.applying {
                0
            } else if rare::buggify("apply a single entry") {
                1
            } else {
                self.limits.append_bytes_max
            },
            tell: std::mem::take(&mut self.ticked),
        };
        if let Some(id) = self.reads.group() {
            self.ask(id);
        }
        if self.raft.leader() != Some(self.link.node) {
            self.transfers.clear();
        }
        let ready = self.raft.ready(room, self.clock.now_us());
        self.observe_progress();
        self.carry_out(ready);
        self.publish();
    }

    fn carry_out(&mut self, ready: Ready) {
        for message in ready.send {
            self.link.send_raft(message);
        }
        if let Some(persist) = ready.persist {
            self.writing = true;
            if let Some(announced) = Announced::among(&persist.entries) {
                self.announced.send_replace(announced);
            }
            // One batch under way at a time: there is room unless the node is stopping.
            let _ = self
                .writer
                .try_send(WriterJob::Persist(self.link.shard, persist));
        }
        if !ready.apply.is_empty() {
            self.applying = true;
            let batch = ready.apply.into_iter().map(|entry| {
                let waiter = self.pending.take(&self.link, entry.at);
                (entry, waiter)
            });
            let batch = batch.collect();
            let _ = self.applier.try_send(ApplierJob::Apply(batch));
        }
        for (id, index) in ready.reads {
            self.reads.confirmed(id, index, self.raft.brief().applied);
        }
        for id in ready.reads_lost {
            self.ask(id);
        }
        if !ready.snapshots.is_empty() {
            let (base, now_us) = (self.raft.brief().first - 1, self.clock.now_us());
            for peer in ready.snapshots {
                self.transfers.want(peer, base, now_us);
            }
            self.send_snapshots();
        }
    }

    /// Begins the transfers that are due. For those for which the applier has no time now there is
    /// another tick.
    fn send_snapshots(&mut self) {
        if self.transfers.is_empty() {
            return;
        }
        let progress = self.raft.status().progress;
        for peer in self.transfers.due(self.clock.now_us()) {
            let lacks = |peer: &PeerStatus| peer.state == PeerState::Snapshot;
            if !progress.get(&peer).is_some_and(lacks) {
                // It came by what it lacked in some other way.
                self.transfers.unwant(peer);
            } else if self.applier.capacity() > 1 {
                let (term, applied) = (self.raft.term(), self.raft.brief().applied);
                let outgoing = self.transfers.begin(peer, term, applied);
                self.applier_job(ApplierJob::SendSnapshot(outgoing));
            }
        }
    }

    /// Cuts the log below what the machine has on disk, less what is kept for followers.
    fn compact(&mut self) {
        let retention = Retention::of(&self.raft, &self.limits, self.durable.index);
        let held = self.held(retention.kept);
        let index = retention.cut(held);
        // Not when cuts come faster than syncs: the next one covers this one, and batches need
        // their room in the queue.
        let due = retention::is_due(&self.raft, &self.limits, index)
            || (index >= self.raft.brief().first && rare::buggify("cut the log early"));
        if !due || self.writer.capacity() <= self.writer.max_capacity() / 2 {
            return;
        }
        let index = retention::step(self.raft.brief().first, index);
        if let Some(base) = self.raft.base_at(index)
            && self
                .writer
                .try_send(WriterJob::Compact(self.link.shard, base))
                .is_ok()
        {
            self.raft.compact(index);
        }
    }

    /// Behind which index the log is needed by followers that take a snapshot.
    fn held(&mut self, kept: Index) -> Option<Index> {
        if self.transfers.is_empty() {
            return None;
        }
        let progress = self.raft.status().progress;
        let matched = |peer| progress.get(&peer).map_or(0, |peer| peer.matched);
        self.transfers.held(kept, matched, self.clock.now_us())
    }

    fn observe_progress(&mut self) {
        let (term, commit) = (self.raft.term(), self.raft.commit());
        if self.raft.leader() == Some(self.link.node) && self.seen.0 != term {
            self.seen.0 = term;
            self.link.observe(Event::Leader { term });
        }
        if self.link.observer.is_some() && self.seen_members != *self.raft.membership() {
            self.seen_members = self.raft.membership().clone();
            let membership = &self.seen_members;
            self.link.observe(Event::Members { membership });
        }
        if self.seen.1 != commit {
            self.seen.1 = commit;
            self.link.observe(Event::Committed { index: commit });
        }
    }

    /// Lets others see how things stand, and sends on what waited for a change of leader.
    fn publish(&mut self) {
        let term = self.raft.term();
        // While leadership is handed over nobody takes commands: they wait for whoever leads next.
        let leader = self.raft.leader().filter(|_| !self.raft.is_handing_over());
        self.board.publish(RaftStatus::of(&self.raft));
        self.tell_resigned();
        if !self.forwards.route_changed((term, leader)) {
            return;
        }
        for waiter in self.forwards.orphans(term) {
            rare::probe("a forwarded request lost its leader");
            let why = "the leader was succeeded while it had the request";
            self.link.answer(waiter, Fate::Unknown(why.into()));
        }
        if leader.is_some() {
            for request in self.forwards.unpark() {
                self.request(request);
            }
            for id in self.reads.waiting() {
                self.ask(id);
            }
        }
    }

    /// Answers `waiter` that its command was not and will not be done.
    pub(super) fn refuse(&self, waiter: Waiter, why: &str) {
        self.link.answer(waiter, Fate::NotDone(why.into()));
    }
}
