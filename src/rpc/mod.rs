//! What travels: protobuf types and their conversion to the domain's own.

mod convert;
mod envelope;
pub mod etcd;
pub mod proto;

pub use convert::{ConvertError, FRAME_BYTES_MAX, decode, encode};
pub use envelope::{Envelope, PeerBody};
