//! Calls over gRPC, in etcd's protocol.

use std::{fmt, net::SocketAddr, time::Duration};

use sisyphus::{
    machine::{Op, OpResult, Query, Reply, Txn},
    rpc::{
        etcd::{BEHIND_ENTRIES, CLIENT_ID, LEADER_HEARD_MS, MIN_REVISION, SEQUENCE, is_not_done},
        proto::etcdserverpb::kv_client::KvClient,
    },
    types::RequestId,
};
use tonic::{
    Code, Request, Status,
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};

use super::wire;
use crate::{
    oracle::asked::{Age, Answer, Asked, Freshness},
    plan::Plan,
};

/// Sends questions and understands answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    timeout: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The request certainly has no effect.
    NotDone(String),
    /// It may have one, now or later.
    Unknown(String),
    /// It may have one, and its session will never tell.
    Session(String),
}

impl Asker {
    pub fn new(plan: &Plan) -> Self {
        Asker {
            timeout: Duration::from_millis(plan.workload.timeout_ms),
        }
    }

    /// Asks the server at `address`, as `request` if the caller has an identity.
    pub async fn ask(
        self,
        address: SocketAddr,
        asked: &Asked,
        request: Option<RequestId>,
    ) -> Result<Answer, Trouble> {
        let uri = format!("http://{address}");
        let endpoint = Endpoint::from_shared(uri).expect("an address is a URI");
        let mut client = KvClient::new(endpoint.connect_lazy());
        match asked {
            Asked::Read { query, freshness } => self.read(&mut client, query, *freshness).await,
            Asked::Write(txn) => {
                let reply = self.write(&mut client, txn, request).await;
                reply.map(Answer::Write).map_err(trouble)
            }
        }
    }

    async fn read(
        self,
        client: &mut KvClient<Channel>,
        query: &Query,
        freshness: Freshness,
    ) -> Result<Answer, Trouble> {
        let mut message = wire::range_request(query);
        message.serializable = freshness == Freshness::Stale;
        let mut message = self.dress(message);
        if let Freshness::AtLeast(revision) = freshness {
            message.metadata_mut().insert(MIN_REVISION, revision.into());
        }
        let answer = client.range(message).await.map_err(trouble)?;
        let age = age(answer.metadata());
        let answer = answer.into_inner();
        Ok(Answer::Read {
            revision: wire::revision(answer.header.as_ref()),
            page: wire::page(answer),
            age,
        })
    }

    async fn write(
        self,
        client: &mut KvClient<Channel>,
        txn: &Txn,
        request: Option<RequestId>,
    ) -> Result<Reply, Status> {
        // What a call of its own can say is said by it.
        let only = match &txn.success[..] {
            [only] if txn.compares.is_empty() && txn.failure.is_empty() => Some(only),
            _ => None,
        };
        match only {
            Some(Op::Put { key, value, .. }) => {
                let message = identified(self.dress(wire::put_request(key, value)), request);
                let answer = client.put(message).await?.into_inner();
                Ok(wire::reply(answer.header.as_ref(), OpResult::Put(None)))
            }
            Some(Op::Delete { keys, .. }) => {
                let message = identified(self.dress(wire::delete_request(keys)), request);
                let answer = client.delete_range(message).await?.into_inner();
                let header = answer.header;
                Ok(wire::reply(header.as_ref(), wire::deleted(answer)))
            }
            _ => {
                let message = identified(self.dress(wire::txn_request(txn)), request);
                let answer = client.txn(message).await?.into_inner();
                Ok(wire::txn_reply(answer))
            }
        }
    }

    fn dress<T>(self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }
}

fn identified<T>(mut request: Request<T>, identity: Option<RequestId>) -> Request<T> {
    if let Some(RequestId { client, sequence }) = identity {
        request.metadata_mut().insert(CLIENT_ID, client.into());
        request.metadata_mut().insert(SEQUENCE, sequence.into());
    }
    request
}

/// How old an answer says that it may be, if it says so.
fn age(metadata: &MetadataMap) -> Option<Age> {
    let number = |key| metadata.get(key)?.to_str().ok()?.parse().ok();
    Some(Age {
        entries: number(BEHIND_ENTRIES)?,
        leader_heard_ms: number(LEADER_HEARD_MS),
    })
}

fn trouble(status: Status) -> Trouble {
    let text = format!("{:?}: {}", status.code(), status.message());
    if is_not_done(&status) {
        Trouble::NotDone(text)
    } else if status.code() == Code::FailedPrecondition {
        Trouble::Session(text)
    } else {
        Trouble::Unknown(text)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NotDone(why) => write!(f, "not done, {why}"),
            Trouble::Unknown(why) | Trouble::Session(why) => write!(f, "unknown, {why}"),
        }
    }
}
