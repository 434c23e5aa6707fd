//! The generated protobuf types. Their meaning stands in the .proto files.

/// The part of etcd's v3 protocol that clients speak to a node.
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated from proto/etcd/rpc.proto"
)]
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// Keys as etcd's clients see them.
#[allow(
    missing_docs,
    clippy::all,
    reason = "generated from proto/etcd/kv.proto"
)]
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// What nodes say to each other.
#[allow(missing_docs, clippy::all, reason = "generated from proto/peer.proto")]
pub mod peer {
    tonic::include_proto!("sisyphus.peer");
}
