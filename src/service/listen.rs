//! Sockets that listen.

use std::{fmt, io, net::SocketAddr};

use tokio::net::TcpListener;

use super::start_error::StartError;
use crate::config::Config;

/// The three sockets of a node, bound before anything else, so that a port in use is found out
/// before a data directory is touched.
#[derive(Debug)]
pub struct Listeners {
    /// For the other members.
    pub peer: TcpListener,
    /// For gRPC clients.
    pub grpc: TcpListener,
    /// For HTTP clients.
    pub http: TcpListener,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For the other members.
    pub peer: SocketAddr,
    /// For gRPC clients.
    pub grpc: SocketAddr,
    /// For HTTP clients.
    pub http: SocketAddr,
}

impl Listeners {
    /// Listens where the configuration says. Port 0 takes any that is free.
    pub async fn bind(config: &Config) -> Result<Listeners, StartError> {
        Ok(Listeners {
            peer: bind("peers", config.listen_peer(), "--listen-peer").await?,
            grpc: bind("gRPC", config.listen_grpc(), "--listen-grpc").await?,
            http: bind("HTTP", config.listen_http(), "--listen-http").await?,
        })
    }

    /// Where they listen.
    pub fn addresses(&self) -> Addresses {
        let address = |listener: &TcpListener| {
            listener
                .local_addr()
                .expect("a bound socket has an address")
        };
        Addresses {
            peer: address(&self.peer),
            grpc: address(&self.grpc),
            http: address(&self.http),
        }
    }
}

async fn bind(face: &'static str, address: String, flag: &str) -> Result<TcpListener, StartError> {
    let bound = TcpListener::bind(&address).await;
    bound.map_err(|reason| {
        let remedy = match reason.kind() {
            io::ErrorKind::AddrInUse => {
                format!(
                    "stop the program that listens there, or choose another address with {flag}"
                )
            }
            _ => format!("choose an address of this machine with {flag}"),
        };
        StartError::Listen {
            face,
            address,
            reason,
            remedy,
        }
    })
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "http://{} grpc {} peers {}",
            self.http, self.grpc, self.peer
        )
    }
}
