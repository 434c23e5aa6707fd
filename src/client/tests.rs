//! Calls against servers that behave as they are told.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use super::*;
use crate::{
    env::task::{Tasks, sleep, spawn},
    rpc::{
        etcd::{CLIENT_ID, SEQUENCE, not_done},
        proto::etcdserverpb::{
            CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
            PutRequest, PutResponse, RangeRequest, RangeResponse, ResponseHeader, TxnRequest,
            TxnResponse,
            kv_server::{Kv, KvServer},
        },
    },
    types::RequestId,
};

/// Long enough for a loaded machine; only silent servers make anybody wait for it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a server does with one request.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    NotDone,
    /// Unavailable, but without the mark that nothing was done.
    Unmarked,
    Invalid,
    Silent,
}

/// A server that acts as it is told, then answers, and keeps which identities and callers it saw.
#[derive(Clone, Default)]
struct Fake {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Option<RequestId>>>>,
    callers: Arc<Mutex<BTreeSet<Option<SocketAddr>>>>,
}

impl Fake {
    async fn act<T>(&self, request: &Request<T>) -> Result<Option<ResponseHeader>, Status> {
        let number = |key| request.metadata().get(key)?.to_str().ok()?.parse().ok();
        let identity = number(CLIENT_ID).zip(number(SEQUENCE));
        let identity = identity.map(|(client, sequence)| RequestId { client, sequence });
        self.seen.lock().push(identity);
        self.callers.lock().insert(request.remote_addr());
        let act = self.acts.lock().pop_front().unwrap_or(Act::Answer);
        match act {
            Act::Answer => Ok(Some(ResponseHeader {
                revision: 7,
                ..ResponseHeader::default()
            })),
            Act::NotDone => Err(not_done(Status::unavailable("no leader"))),
            Act::Unmarked => Err(Status::unavailable("gone")),
            Act::Invalid => Err(not_done(Status::invalid_argument("too large"))),
            Act::Silent => {
                sleep(10 * TIMEOUT).await;
                Err(Status::internal("woke up"))
            }
        }
    }

    fn seen(&self) -> Vec<Option<RequestId>> {
        self.seen.lock().clone()
    }
}

#[tonic::async_trait]
impl Kv for Fake {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let header = self.act(&request).await?;
        Ok(Response::new(RangeResponse {
            header,
            ..RangeResponse::default()
        }))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let header = self.act(&request).await?;
        Ok(Response::new(PutResponse {
            header,
            ..PutResponse::default()
        }))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let header = self.act(&request).await?;
        Ok(Response::new(DeleteRangeResponse {
            header,
            deleted: 1,
            ..DeleteRangeResponse::default()
        }))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let header = self.act(&request).await?;
        Ok(Response::new(TxnResponse {
            header,
            succeeded: true,
            responses: Vec::new(),
        }))
    }

    async fn compact(
        &self,
        _: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        Err(Status::unimplemented("compaction"))
    }
}

/// Servers, and a client of theirs.
struct Scene {
    client: Client,
    fakes: Vec<Fake>,
    _servers: Tasks,
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

async fn scene(acts: &[&[Act]], timeout: Duration) -> Scene {
    let mut servers = Tasks::default();
    let (mut fakes, mut addresses) = (Vec::new(), Vec::new());
    for acts in acts {
        let (listener, address) = listen().await;
        addresses.push(address);
        let fake = Fake::default();
        fake.acts.lock().extend(acts.iter());
        fakes.push(fake.clone());
        servers.spawn(async move {
            let server = Server::builder().add_service(KvServer::new(fake));
            let incoming = TcpListenerStream::new(listener);
            server.serve_with_incoming(incoming).await.unwrap();
        });
    }
    let connections = Connections::new(&addresses).unwrap();
    Scene {
        client: Client::new(connections, timeout, Clock::system(), Rng::new(1)),
        fakes,
        _servers: servers,
    }
}

fn key() -> Bytes {
    Bytes::from_static(b"k")
}

#[tokio::test]
async fn writes_count_on_under_one_identity() {
    let mut scene = scene(&[&[]], TIMEOUT).await;
    let stored = scene.client.put(key(), key()).await.unwrap();
    assert_eq!(stored.revision, 7);
    assert_eq!(scene.client.delete(key()).await.unwrap().deleted, 1);
    let compared = scene
        .client
        .compare_and_set(key(), None, key())
        .await
        .unwrap();
    assert!(compared.succeeded);
    assert_eq!(scene.client.get(key(), false).await.unwrap().kv, None);
    let seen = scene.fakes[0].seen();
    let numbers: Vec<_> = seen.iter().map(|id| id.map(|id| id.sequence)).collect();
    assert_eq!(numbers, [Some(1), Some(2), Some(3), None]);
    assert_eq!(seen[0].map(|id| id.client), seen[2].map(|id| id.client));
}

#[tokio::test]
async fn an_endpoint_that_does_nothing_is_passed_over_and_the_next_one_is_kept() {
    let mut scene = scene(&[&[Act::NotDone], &[]], TIMEOUT).await;
    scene.client.put(key(), key()).await.unwrap();
    scene.client.put(key(), key()).await.unwrap();
    assert_eq!(scene.fakes[0].seen().len(), 1);
    assert_eq!(scene.fakes[1].seen().len(), 2);
}

#[tokio::test]
async fn clients_that_begin_together_share_one_connection() {
    let scene = scene(&[&[]], TIMEOUT).await;
    let calls = (0..50).map(|_| {
        let connections = scene.client.connections.clone();
        let mut client = Client::new(connections, TIMEOUT, Clock::system(), Rng::new(1));
        spawn(async move { client.get(key(), false).await.is_ok() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
    assert_eq!(scene.fakes[0].callers.lock().len(), 1);
}

#[tokio::test]
async fn a_write_in_doubt_is_repeated_under_the_same_identity() {
    let mut scene = scene(&[&[Act::Unmarked], &[]], TIMEOUT).await;
    scene.client.put(key(), key()).await.unwrap();
    let identity = scene.fakes[0].seen()[0];
    assert!(identity.is_some());
    assert_eq!(scene.fakes[1].seen(), [identity]);
}

#[tokio::test]
async fn without_an_identity_a_write_in_doubt_is_not_repeated() {
    let mut scene = scene(&[&[Act::Unmarked, Act::Unmarked], &[]], TIMEOUT).await;
    scene.client = scene.client.without_identity();
    let error = scene.client.put(key(), key()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unknown { .. }), "{error}");
    assert_eq!(scene.fakes[0].seen(), [None]);
    // A read may be repeated: it ends at the next endpoint.
    scene.client.at = 0;
    scene.client.get(key(), false).await.unwrap();
    assert_eq!(scene.fakes[1].seen().len(), 1);
}

#[tokio::test]
async fn a_silent_endpoint_leaves_time_for_another() {
    let mut scene = scene(&[&[Act::Silent], &[]], Duration::from_secs(3)).await;
    scene.client.put(key(), key()).await.unwrap();
    assert_eq!(scene.fakes[0].seen(), scene.fakes[1].seen());
}

#[tokio::test]
async fn silence_everywhere_ends_at_the_deadline_and_leaves_a_write_in_doubt() {
    let silent = [Act::Silent; 8];
    let mut scene = scene(&[&silent], Duration::from_millis(300)).await;
    let error = scene.client.put(key(), key()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unknown { .. }), "{error}");
    let error = scene.client.get(key(), false).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
    // What was perhaps used is not used again.
    scene.fakes[0].acts.lock().clear();
    scene.client.put(key(), key()).await.unwrap();
    let seen = scene.fakes[0].seen();
    let (first, last) = (
        seen.first().unwrap().unwrap(),
        seen.last().unwrap().unwrap(),
    );
    assert_ne!(first.client, last.client);
    assert_eq!(last.sequence, 1);
}

#[tokio::test]
async fn a_wrong_request_is_refused_at_once() {
    let mut scene = scene(&[&[Act::Invalid], &[]], TIMEOUT).await;
    let error = scene.client.put(key(), key()).await.unwrap_err();
    assert!(
        error.to_string().contains("refuses the request: too large"),
        "{error}"
    );
    assert_eq!(scene.fakes[1].seen(), []);
}

#[tokio::test]
async fn a_refusal_after_a_doubt_leaves_the_doubt() {
    let mut scene = scene(&[&[Act::Unmarked], &[Act::Invalid]], TIMEOUT).await;
    let error = scene.client.put(key(), key()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn endpoints_that_nobody_listens_at_are_named_and_nothing_was_done() {
    let (listener, gone) = listen().await;
    drop(listener);
    let connections = Connections::new(std::slice::from_ref(&gone)).unwrap();
    let timeout = Duration::from_millis(100);
    let mut client = Client::new(connections, timeout, Clock::system(), Rng::new(1));
    let error = client.put(key(), key()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains(&gone), "{error}");
}

#[test]
fn endpoints_are_checked() {
    let check = |text: &str| Connections::new(&[text.to_owned()]).map(|c| c.address(0).to_owned());
    assert_eq!(check("http://a.b:1/"), Ok("a.b:1".to_owned()));
    assert_eq!(check("[::1]:9001"), Ok("[::1]:9001".to_owned()));
    for wrong in ["", "host", "host:", ":1", "host:0", "host:70000", "a b:1"] {
        let error = check(wrong).unwrap_err();
        assert!(error.contains(&format!("{wrong:?}")), "{error}");
    }
    assert!(Connections::new(&[]).is_err());
}
