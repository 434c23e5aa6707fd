//! What travels: protobuf types and their conversion to the domain's own.

pub mod etcd;
pub mod proto;
