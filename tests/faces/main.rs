//! The faces of a real node, on real sockets.

mod client;
mod deployed;
mod grpc;
mod http;
mod members;
mod node;
mod start;
