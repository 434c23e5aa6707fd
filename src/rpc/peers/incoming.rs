//! The receiving end: the gRPC service that peers' streams arrive at.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use super::MESSAGE_BYTES_MAX;
use crate::{
    env::{
        Inbound,
        task::{select, watch},
    },
    rpc::{
        Directory, Refused,
        proto::peer::{
            Batch, DeliverEnd, Hello,
            peer_server::{Peer, PeerServer},
        },
    },
    types::NodeId,
};

/// Takes in what peers send, after checking who they are.
pub struct Incoming {
    directory: Directory,
    inbound: Arc<dyn Inbound>,
    stopping: watch::Receiver<bool>,
}

impl Incoming {
    /// The service that delivers to `inbound` until `stopping` says true; streams never end by
    /// themselves.
    pub fn service(
        directory: Directory,
        inbound: Arc<dyn Inbound>,
        stopping: watch::Receiver<bool>,
    ) -> PeerServer<Self> {
        let incoming = Incoming {
            directory,
            inbound,
            stopping,
        };
        PeerServer::new(incoming).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The hello of a stream, its first batch, and who says it.
    async fn greet(&self, stream: &mut Streaming<Batch>) -> Result<(Hello, NodeId), Status> {
        let first = stream.message().await?;
        let Some(hello) = first.and_then(|batch| batch.hello) else {
            return Err(Status::invalid_argument("a stream begins with a hello"));
        };
        match self.directory.greet(&hello) {
            Ok(from) => Ok((hello, from)),
            Err(refused) => Err(status(refused)),
        }
    }
}

/// The code tells a caller that is refused for good from one that may try again.
fn status(Refused { reason, for_good }: Refused) -> Status {
    match for_good {
        true => Status::permission_denied(reason),
        false => Status::failed_precondition(reason),
    }
}

#[tonic::async_trait]
impl Peer for Incoming {
    async fn deliver(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<DeliverEnd>, Status> {
        let mut stream = request.into_inner();
        let mut stopping = self.stopping.clone();
        let mut changes = self.directory.watch();
        let (hello, from) = self.greet(&mut stream).await?;
        loop {
            let batch = select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => None,
                _ = changes.changed() => {
                    self.directory.greet(&hello).map_err(status)?;
                    continue;
                }
                batch = stream.message() => batch?,
            };
            let Some(batch) = batch else {
                return Ok(Response::new(DeliverEnd {}));
            };
            for frame in batch.envelopes {
                self.inbound.deliver(from, frame);
            }
        }
    }
}
