//! What travels: protobuf types and their conversion to the domain's own.

mod convert;
mod envelope;
pub mod etcd;
#[cfg(not(feature = "simulated"))]
pub mod peers;
pub mod proto;

pub use convert::{ConvertError, FRAME_BYTES_MAX, decode, encode};
pub use envelope::{Envelope, Forward, ForwardReply, PeerBody, SnapshotAck, SnapshotChunk};
