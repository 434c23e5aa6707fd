//! A client of the cluster: any node will do, and every answer says what became of the request.
//!
//! It speaks etcd's protocol, so it talks to etcd as well. A [`Client`] is one session: it has one
//! request under way at a time, which `&mut self` sees to. Many clients share [`Connections`], one
//! HTTP/2 connection to each endpoint.
//!
//! A request goes to one endpoint; when that cannot be reached or says that it did nothing, to the
//! next, until the deadline. What matters is what a failed request may have left behind:
//!
//! | the endpoint | so the request is | and the client |
//! |---|---|---|
//! | cannot be connected to | not done | goes to the next |
//! | says "not done" and that it is unavailable | not done | goes to the next |
//! | says that the request is wrong | not done | gives up: [`ClientError::Refused`] |
//! | fails in any other way, or is silent | unknown | goes to the next if the request may be repeated |
//!
//! A read may always be repeated. A write may be if it has an identity (client id and sequence),
//! under which the cluster does it once however often it arrives; without one, a doubt ends the
//! call with [`ClientError::Unknown`]. A call never ends later than its deadline.
//!
//! # Invariants
//! * [`ClientError::Refused`] and [`ClientError::Unavailable`] mean that the write has no effect
//!   and never will.
//! * Once an attempt of a write is in doubt, only an answer under the same identity takes the
//!   doubt away.
//! * A sequence number is used for one request only: after any error but "not done", the next
//!   write begins a new session.
//!
//! # Left out
//! * Encryption, watches, leases.
//! * Finding the leader: every node forwards.

mod call;
mod cluster;
mod connections;
mod error;
mod kv;
mod session;
#[cfg(all(test, not(feature = "simulated")))]
mod tests;

use std::time::Duration;

pub use connections::Connections;
pub use error::ClientError;
pub use kv::{Compared, Deleted, Got, Scan, ScanPage, Stored};

use self::session::Session;
use crate::{env::Clock, rng::Rng};

/// One session with the cluster.
#[derive(Debug)]
pub struct Client {
    connections: Connections,
    /// Which endpoint is asked first: the last one that answered.
    at: usize,
    /// How long a call may take, all attempts included.
    timeout: Duration,
    clock: Clock,
    session: Session,
}

impl Client {
    /// A client that gives every call `timeout`. Its writes carry an identity, drawn from `rng`, so
    /// that they may be repeated.
    pub fn new(connections: Connections, timeout: Duration, clock: Clock, rng: Rng) -> Client {
        Client {
            connections,
            at: 0,
            timeout,
            clock,
            session: Session::new(rng),
        }
    }

    /// Sends writes without an identity, for servers that do not know of it (etcd): a write in
    /// doubt is then never repeated.
    pub fn without_identity(mut self) -> Client {
        self.session = Session::none();
        self
    }

    /// Asks this endpoint first, by its place in the list.
    pub fn preferring(mut self, endpoint: usize) -> Client {
        self.at = endpoint % self.connections.len();
        self
    }
}
