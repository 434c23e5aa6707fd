//! Requests of this node's own clients, and the way each takes: into the log if this node leads,
//! to the leader if another does, aside until there is one.

use bytes::Bytes;

use super::{
    fate::{Fate, Waiter},
    replica::Replica,
};
use crate::{
    env::task::oneshot,
    raft::ProposeError,
    rpc::{Forward, PeerBody},
    types::NodeId,
};

/// A request of a client of this node.
#[derive(Debug)]
pub(super) enum Request {
    /// Commit and apply a command.
    Write {
        /// The encoded command.
        command: Bytes,
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
                command,
                waiter,
                expires_us,
            } => match self.raft.propose(command.clone()) {
                Ok(at) => self.pending.insert(&self.link, at, Waiter::Local(waiter)),
                Err(ProposeError::Busy) => self.refuse(Waiter::Local(waiter), "too many requests"),
                Err(ProposeError::NotLeader {
                    leader: Some(leader),
                }) => {
                    self.forward(leader, command, waiter);
                }
                Err(ProposeError::NotLeader { leader: None }) => {
                    let request = Request::Write {
                        command,
                        waiter,
                        expires_us,
                    };
                    if let Some(Request::Write { waiter, .. }) = self.forwards.park(request) {
                        self.refuse(Waiter::Local(waiter), "there is no leader");
                    }
                }
            },
        }
    }

    fn forward(&mut self, leader: NodeId, command: Bytes, waiter: oneshot::Sender<Fate>) {
        let term = self.raft.term();
        match self.forwards.register(term, waiter) {
            Ok((number, origin)) => {
                let forward = Forward {
                    number,
                    origin,
                    term,
                    command,
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
            command,
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
        match self.raft.propose(command) {
            Ok(at) => self.pending.insert(&self.link, at, waiter),
            Err(ProposeError::Busy) => self.refuse(waiter, "too many requests"),
            Err(ProposeError::NotLeader { .. }) => self.refuse(waiter, "the leader changed"),
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
