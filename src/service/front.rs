//! What the gRPC calls of clients pass first: it finds the service of a call, and measures the call.
//!
//! Nearly all calls are for the keys. They go to their service directly; the router behind, which
//! boxes and clones its way to a service for every call, would cost them as much as the service
//! itself does.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tonic::{
    body::Body,
    codegen::{BoxFuture, Service, http},
    server::NamedService,
    service::Routes,
};

use super::{grpc::KvService, metrics::Metrics};
use crate::rpc::proto::etcdserverpb::kv_server::KvServer;

/// All services of clients, behind one door.
#[derive(Clone)]
pub(super) struct Front {
    keys: KvServer<KvService>,
    others: Routes,
    metrics: Arc<Metrics>,
}

/// A call under way.
pub(super) struct Measured {
    call: BoxFuture<http::Response<Body>, Infallible>,
    operation: &'static str,
    began_us: u64,
    metrics: Arc<Metrics>,
}

impl Front {
    /// The door to `keys`, and to `others` for all other calls.
    pub(super) fn new(keys: KvServer<KvService>, others: Routes, metrics: Arc<Metrics>) -> Self {
        Front {
            keys,
            others: others.prepare(),
            metrics,
        }
    }
}

impl Service<http::Request<Body>> for Front {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Measured;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Measured {
        let path = request.uri().path();
        Measured {
            operation: Metrics::grpc_operation(path),
            began_us: self.metrics.now_us(),
            metrics: self.metrics.clone(),
            call: match service_of(path) == KvServer::<KvService>::NAME {
                true => self.keys.call(request),
                false => Box::pin(self.others.call(request)),
            },
        }
    }
}

/// The service in `/service/method`.
fn service_of(path: &str) -> &str {
    let named = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    named.map_or("", |(service, _)| service)
}

impl Future for Measured {
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(self.call.as_mut().poll(cx));
        if let Ok(response) = &answered {
            self.metrics
                .measured_grpc(self.operation, response.headers(), self.began_us);
        }
        Poll::Ready(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_service() {
        assert_eq!(service_of("/etcdserverpb.KV/Put"), "etcdserverpb.KV");
        assert_eq!(KvServer::<KvService>::NAME, "etcdserverpb.KV");
        for other in ["", "/", "/etcdserverpb.KV", "etcdserverpb.KV/Put"] {
            assert_eq!(service_of(other), "", "{other}");
        }
    }
}
