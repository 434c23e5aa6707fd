//! The receiving end: the gRPC service that peers' streams arrive at.

use std::sync::Arc;

use tonic::{Request, Response, Status, Streaming};

use super::{MESSAGE_BYTES_MAX, Me};
use crate::{
    env::{
        Inbound,
        task::{select, watch},
    },
    rpc::proto::peer::{
        Batch, DeliverEnd,
        peer_server::{Peer, PeerServer},
    },
    types::NodeId,
};

/// Takes in what peers send, after checking who they are.
pub struct Incoming {
    me: Me,
    inbound: Arc<dyn Inbound>,
    stopping: watch::Receiver<bool>,
}

impl Incoming {
    /// The service that delivers to `inbound` until `stopping` says true; streams never end by
    /// themselves.
    pub fn service(
        me: Me,
        inbound: Arc<dyn Inbound>,
        stopping: watch::Receiver<bool>,
    ) -> PeerServer<Self> {
        let incoming = Incoming {
            me,
            inbound,
            stopping,
        };
        PeerServer::new(incoming).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The sender of a stream, from its first batch.
    async fn greet(&self, stream: &mut Streaming<Batch>) -> Result<NodeId, Status> {
        let first = stream.message().await?;
        let Some(hello) = first.and_then(|batch| batch.hello) else {
            return Err(Status::invalid_argument("a stream begins with a hello"));
        };
        self.me.check(&hello).map_err(|reason| {
            tracing::warn!("a stream was refused: {reason}");
            Status::failed_precondition(reason)
        })
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
        let from = self.greet(&mut stream).await?;
        loop {
            let batch = select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => None,
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
