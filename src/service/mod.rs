//! The faces: how clients and operators see a node.
//!
//! A face translates and nothing else. It reads a protocol's request into a query or a
//! transaction, hands it to the [`Gateway`](crate::gateway::Gateway) with a deadline, and writes
//! the answer. It decides nothing about shards, leaders or retries, holds no state of clients, and
//! asks no other face. So all faces show the same store with the same guarantees, and the simulation
//! that tests one of them tests what stands behind all.
//!
//! | face | for | compiled in the simulation |
//! |---|---|---|
//! | [`grpc`] | etcd's clients, `sicli`, the simulation's workload | yes |
//! | `http` | browsers, `curl`, probes | no |
//! | `metrics` | Prometheus | no |
//! | `front` | gRPC calls, on their way to their service | no |
//! | `server` | puts one node's faces, peers and host together | no |
//! | `entry`, `presence` | which member this node is; what it does to be known as that | yes |
//!
//! Three things are alike on every face. A request has a *deadline*, its own or the configured one,
//! whichever is sooner. A write may carry an *identity* ([`request_id`]), under which it is done once
//! however often it is sent. And an error says what became of the request: certainly not done, or
//! *unknown*, which is never called failed.

mod entry;
#[cfg(not(feature = "simulated"))]
mod front;
pub mod grpc;
#[cfg(not(feature = "simulated"))]
mod health;
#[cfg(not(feature = "simulated"))]
pub mod http;
#[cfg(not(feature = "simulated"))]
mod listen;
#[cfg(not(feature = "simulated"))]
pub mod metrics;
mod presence;
mod request;
#[cfg(not(feature = "simulated"))]
mod server;
mod start_error;

pub use entry::{Entry, entry};
#[cfg(not(feature = "simulated"))]
pub use listen::{Addresses, Listeners};
pub use presence::{Presence, me, recall_members, settings};
pub use request::request_id;
#[cfg(not(feature = "simulated"))]
pub use server::Server;
pub use start_error::StartError;
