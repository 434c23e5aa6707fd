//! What a deployment decides, and the check that it decided well.
//!
//! A configuration is of three kinds, and the kinds are kept apart:
//!
//! * what all founders of a cluster must agree on: its name and who they are. A digest of it
//!   travels in the handshake between peers ([`Config::agreement`]), so that a node with another
//!   idea of the cluster is refused instead of counted in a quorum it does not belong to. It is asked
//!   at the birth of the cluster alone: from then on the members are in its log;
//! * what may differ between nodes: addresses, directories, the log filter, and [`Limits`];
//! * everything else, which is a constant beside the code that it steers.
//!
//! The words come from four places: a flag wins over the environment, the environment over the
//! file, the file over the default. Here they are only settings by path, whoever said them:
//! [`Config::load`] lays them over the file's text and checks the whole.
//!
//! Invariants:
//! * a [`Config`] that exists is valid: it can only be made by [`Config::load`] and
//!   [`Config::check`];
//! * every refusal names the field, its value and what to write instead ([`ConfigError`]).
//!
//! Left out: reading files, environment and host name, which is `cli/`'s work, and reloading
//! while the server runs: a restart takes a second and cannot end half way.

mod address;
mod check;
mod limits;
mod server;
#[cfg(test)]
mod tests;

pub use address::{ADDRESS_BYTES_MAX, NAME_BYTES_MAX};
pub use limits::Limits;
pub use server::{Advertise, Config, ConfigError, Listen, Member};
