//! Requests of this node's own clients, and the way each takes: into the log if this node leads,
//! to the leader if another does, aside until there is one.

use super::{
    fate::{Fate, Waiter},
    obey::Taken,
    replica::Replica,
};
use crate::{
    env::{rare, task::oneshot},
    rpc::{Asked, Forward, PeerBody},
    types::NodeId,
};

/// A request of a client of this node.
#[derive(Debug)]
pub(super) enum Request {
    /// Have the leader do something, whichever node leads.
    Write {
        /// What.
        asked: Asked,
        /// Who waits for its fate.
        waiter: oneshot::Sender<Fate>,
        /// By this node's clock, until when it may wait for a leader to appear.
        expires_us: u64,
    },
    /// Say when this node's state machine has everything that was acknowledged before now.
    Read {
        /// Who waits for it.
        waiter: oneshot::Sender<()>,
    },
    /// Lead no longer, if another can.
    Resign {
        /// Who waits for it.
        waiter: oneshot::Sender<()>,
    },
}

impl Request {
    /// Whether nobody waits for it any more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Request::Write { waiter, .. } => waiter.is_closed(),
            Request::Read { waiter } | Request::Resign { waiter } => waiter.is_closed(),
        }
    }
}

impl Replica {
    /// Takes a request of this node's own.
    pub(super) fn request(&mut self, request: Request) {
        match request {
            _ if request.is_gone() => {}
            Request::Read { waiter } => self.reads.arrive(waiter),
            Request::Resign { waiter } => self.resign(waiter),
            Request::Write {
                asked,
                waiter,
                expires_us,
            } => match self.take(asked.clone()) {
                Taken::Proposed(at) => self.pending.insert(&self.link, at, Waiter::Local(waiter)),
                Taken::Settled(fate) => self.link.answer(Waiter::Local(waiter), fate),
                Taken::Busy(why) => self.refuse(Waiter::Local(waiter), why),
                Taken::NotLeader(Some(leader)) => self.forward(leader, asked, waiter),
                Taken::NotLeader(None) => {
                    let request = Request::Write {
                        asked,
                        waiter,
                        expires_us,
                    };
                    rare::probe("a request waited for a leader");
                    if let Some(Request::Write { waiter, .. }) = self.forwards.park(request) {
                        self.refuse(Waiter::Local(waiter), "there is no leader");
                    }
                }
            },
        }
    }

    fn forward(&mut self, leader: NodeId, asked: Asked, waiter: oneshot::Sender<Fate>) {
        let term = self.raft.term();
        match self.forwards.register(term, waiter) {
            Ok((number, origin)) => {
                let forward = Forward {
                    number,
                    origin,
                    term,
                    asked,
                };
                self.link.send(leader, PeerBody::Forward(forward));
            }
            Err(waiter) => self.refuse(Waiter::Local(waiter), "too many requests"),
        }
    }

    /// Takes a request that another node forwarded to this one as the leader of a term. The frame
    /// may be a duplicate, and may be older than this process: an answer of "not done" is given
    /// only where it is certain.
    pub(super) fn take_forward(&mut self, from: NodeId, forward: Forward) {
        let Forward {
            number,
            origin,
            term,
            asked,
        } = forward;
        let waiter = Waiter::Remote {
            to: from,
            origin,
            number,
        };
        if term <= self.forwards.ignorant_up_to() {
            let why = "the leader was restarted while the request was on its way";
            return self.link.answer(waiter, Fate::Unknown(why.into()));
        }
        let now = self.raft.term();
        if !self.forwards.is_first(from, origin, number, now) {
            return;
        }
        // Proposed under the very term that the sender named, or not at all: so it cannot end up
        // in the log twice, once here and once with a later leader.
        if term != now {
            return self.refuse(waiter, "the leader changed");
        }
        match self.take(asked) {
            Taken::Proposed(at) => self.pending.insert(&self.link, at, waiter),
            Taken::Settled(fate) => self.link.answer(waiter, fate),
            Taken::Busy(why) => self.refuse(waiter, why),
            Taken::NotLeader(_) => self.refuse(waiter, "the leader changed"),
        }
    }

    /// Asks the core about a group of reads, now or, without a leader, when there is one.
    pub(super) fn ask(&mut self, id: u64) {
        if self.reads.waits(id) {
            // Without a leader nothing is asked; `publish` asks again when one is known.
            let _ = self.raft.read(id);
        }
    }
}
