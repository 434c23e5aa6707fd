//! The generated protobuf types. Their meaning stands in the .proto files.

/// What nodes say to each other.
#[expect(missing_docs, reason = "generated from proto/peer.proto")]
pub mod peer {
    tonic::include_proto!("sisyphus.peer");
}
