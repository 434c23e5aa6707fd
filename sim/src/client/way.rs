//! How a request comes to a server, and the answer back: the network between clients and servers.
//!
//! * **gRPC** over madsim's network, in one run of eight: real clients and services, a connection for each
//!   call, a server that accepts one after the other. Madsim encodes no message on that way, so what it
//!   tests beyond the services is little, and it is a quarter of what a run costs.
//! * **Direct**, in the others: after a time for the way, the service handles the request in a task of the
//!   server's process, and after another time the client has the answer. What befalls a process befalls
//!   its tasks: one that ends takes the request with it, one that is paused lets it wait.
//!
//! The times of a direct way are drawn under the name of the attempt, those of madsim's network from its one
//! generator: a direct call takes as long as before when others are taken out of a plan.

use std::{net::SocketAddr, ops::RangeInclusive, sync::Arc, time::Duration};

use sisyphus::{
    rng::Rng,
    rpc::proto::etcdserverpb::{
        DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest,
        RangeResponse, TxnRequest, TxnResponse, kv_client::KvClient, kv_server::Kv,
    },
    service::grpc::KvService,
    types::NodeId,
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

use crate::world::World;

/// How long a request is on its way, in microseconds: about as long as over gRPC, where a connection is
/// made and accepted first. Requests overtake each other.
const THERE_US: RangeInclusive<u64> = 1_000..=6_000;

/// How long an answer is on its way, in microseconds.
const BACK_US: RangeInclusive<u64> = 1_000..=2_500;

/// A way to one server, for one request.
pub(super) enum Way<'a> {
    /// Over madsim's network.
    Grpc(Box<KvClient<Channel>>),
    /// To the service itself.
    Direct(Trip<'a>),
}

/// A direct way.
pub(super) struct Trip<'a> {
    world: &'a World,
    node: NodeId,
    there: Duration,
    back: Duration,
    /// How long the client waits for an answer, the way of the request not included.
    patience: Duration,
}

impl<'a> Way<'a> {
    /// The way to whoever listens at `address`.
    pub fn grpc(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}"));
        let channel = endpoint.expect("an address is a URI").connect_lazy();
        Way::Grpc(Box::new(KvClient::new(channel)))
    }

    /// The way to the process of `node`, for a client that waits so long.
    pub fn direct(world: &'a World, node: NodeId, timeout: Duration, mut rng: Rng) -> Self {
        let mut drawn =
            |us: RangeInclusive<u64>| Duration::from_micros(rng.between(*us.start(), *us.end()));
        let (there, back) = (drawn(THERE_US), drawn(BACK_US));
        Way::Direct(Trip {
            world,
            node,
            there,
            back,
            patience: timeout.saturating_sub(there + back),
        })
    }

    pub async fn range(
        &mut self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        match self {
            Way::Grpc(client) => Box::pin(client.range(request)).await,
            Way::Direct(trip) => {
                trip.make(|service| async move { service.range(request).await })
                    .await
            }
        }
    }

    pub async fn put(
        &mut self,
        request: Request<PutRequest>,
    ) -> Result<Response<PutResponse>, Status> {
        match self {
            Way::Grpc(client) => Box::pin(client.put(request)).await,
            Way::Direct(trip) => {
                trip.make(|service| async move { service.put(request).await })
                    .await
            }
        }
    }

    pub async fn delete_range(
        &mut self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        match self {
            Way::Grpc(client) => Box::pin(client.delete_range(request)).await,
            Way::Direct(trip) => {
                trip.make(|service| async move { service.delete_range(request).await })
                    .await
            }
        }
    }

    pub async fn txn(
        &mut self,
        request: Request<TxnRequest>,
    ) -> Result<Response<TxnResponse>, Status> {
        match self {
            Way::Grpc(client) => Box::pin(client.txn(request)).await,
            Way::Direct(trip) => {
                trip.make(|service| async move { service.txn(request).await })
                    .await
            }
        }
    }
}

impl Trip<'_> {
    /// There and back. Waiting for the answer alone is bounded by a timer, because madsim's timers are never
    /// taken back: each wakes its task in the end.
    async fn make<A, F>(
        &self,
        serve: impl FnOnce(Arc<KvService>) -> F,
    ) -> Result<Response<A>, Status>
    where
        A: Send + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send + 'static,
    {
        tokio::time::sleep(self.there).await;
        let answer = match self.world.serve(self.node, serve) {
            None => Err(Status::unavailable("nobody listens")),
            Some(answer) => match tokio::time::timeout(self.patience, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Err(Status::unavailable("the process has ended")),
                Err(_) => Err(Status::deadline_exceeded("no answer in time")),
            },
        };
        tokio::time::sleep(self.back).await;
        answer
    }
}

#[cfg(test)]
mod tests {
    use crate::{plan::Plan, run::run};

    #[test]
    fn requests_are_answered_on_either_way() {
        for direct in [false, true] {
            let mut plan = Plan::draw(1);
            plan.faults.clear();
            plan.workload.direct = direct;
            let outcome = run(&plan, false);
            assert_eq!(outcome.violation, None);
            let tally = &outcome.operations;
            assert!(tally.done > 100, "direct is {direct}: {tally:?}");
        }
    }
}
