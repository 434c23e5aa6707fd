//! The faces of a real node, on real sockets.

mod client;
mod grpc;
mod http;
mod node;
mod start;
