//! SisyphusDB: a distributed, strongly consistent key-value store that its users can believe.

pub mod check;
#[cfg(not(feature = "simulated"))]
pub mod cli;
pub mod client;
pub mod codec;
pub mod config;
pub mod env;
pub mod gateway;
pub mod history;
pub mod lsm;
pub mod machine;
pub mod node;
pub mod raft;
pub mod rng;
pub mod rpc;
pub mod service;
pub mod types;
pub mod wal;
