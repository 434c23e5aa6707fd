//! What travels between processes, and what it means.
//!
//! The types in [`proto`] are generated from `proto/`; nobody above this floor but the faces sees
//! one. They are turned into the domain's own types here, once, on arrival, and whatever does not
//! make sense is refused there, by name:
//!
//! * between nodes: an [`Envelope`] in a checksummed frame ([`encode`], [`decode`]), carried by the
//!   streams of `peers` in production and by the simulated network otherwise;
//! * from clients: etcd's messages ([`etcd`]).
//!
//! Whom a node calls and whom it listens to stands in its [`Directory`], whatever carries the frames.
//!
//! Invariants: no input panics; nothing is allocated that the input does not hold; a field that is
//! not understood is refused, never ignored.

#[cfg(not(feature = "simulated"))]
mod buffers;
mod convert;
mod directory;
mod envelope;
pub mod etcd;
#[cfg(not(feature = "simulated"))]
pub mod peers;
pub mod proto;
mod transfer;

#[cfg(not(feature = "simulated"))]
pub use buffers::Buffered;
pub use convert::{ConvertError, FRAME_BYTES_MAX, decode, encode};
pub use directory::{Directory, Me, Refused};
pub use envelope::{Asked, Envelope, Forward, ForwardReply, PeerBody, StateHash};
pub use transfer::{SnapshotAck, SnapshotChunk, SnapshotOffer, SnapshotWord};
