//! Calls over gRPC, in etcd's protocol.

use std::{fmt, time::Duration};

use bytes::Bytes;
use sisyphus::{
    history::{Call, Outcome, Seen},
    rpc::{
        etcd::{CLIENT_ID, SEQUENCE, is_not_done},
        proto::etcdserverpb::{
            Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, ResponseHeader,
            TxnRequest,
            compare::{CompareResult, CompareTarget, TargetUnion},
            kv_client::KvClient,
            request_op::Request as Op,
        },
    },
    types::{NodeId, RequestId, Revision},
};
use tonic::{Code, Request, Status, transport::Endpoint};

use crate::{plan::Plan, world::address};

/// Sends calls and understands answers.
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

    /// Asks `node`, as `request` if the caller has an identity.
    pub async fn ask(
        self,
        node: NodeId,
        call: &Call,
        request: Option<RequestId>,
    ) -> Result<Outcome, Trouble> {
        let uri = format!("http://{}", address(node));
        let endpoint = Endpoint::from_shared(uri).expect("an address is a URI");
        let mut client = KvClient::new(endpoint.connect_lazy());
        let dressed = |request| self.dress(request);
        match call {
            Call::Get { key } => self.get(&mut client, key).await,
            Call::Put { key, value } => {
                let message = PutRequest {
                    key: key.clone(),
                    value: value.clone(),
                    ..PutRequest::default()
                };
                let answer = client.put(identified(dressed(message), request)).await;
                let revision = revision(answer.map_err(trouble)?.into_inner().header);
                Ok(Outcome::Put { revision })
            }
            Call::Delete { key } => {
                let message = DeleteRangeRequest {
                    key: key.clone(),
                    ..DeleteRangeRequest::default()
                };
                let message = identified(self.dress(message), request);
                let answer = client.delete_range(message).await.map_err(trouble)?;
                let answer = answer.into_inner();
                Ok(Outcome::Delete {
                    deleted: answer.deleted > 0,
                    revision: revision(answer.header),
                })
            }
            Call::CompareAndSet { key, expected, new } => {
                let message = swap(key, expected.as_ref(), new);
                let message = identified(self.dress(message), request);
                let answer = client.txn(message).await.map_err(trouble)?.into_inner();
                Ok(Outcome::CompareAndSet {
                    succeeded: answer.succeeded,
                    revision: revision(answer.header),
                })
            }
        }
    }

    async fn get(
        self,
        client: &mut KvClient<tonic::transport::Channel>,
        key: &Bytes,
    ) -> Result<Outcome, Trouble> {
        let message = RangeRequest {
            key: key.clone(),
            ..RangeRequest::default()
        };
        let answer = client.range(self.dress(message)).await.map_err(trouble)?;
        let mut answer = answer.into_inner();
        let seen = answer.kvs.pop().map(|kv| Seen {
            value: kv.value,
            mod_revision: Some(kv.mod_revision as Revision),
        });
        Ok(Outcome::Get {
            seen,
            revision: revision(answer.header),
        })
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

/// A transaction that stores `new` if `key` holds what is expected.
fn swap(key: &Bytes, expected: Option<&Bytes>, new: &Bytes) -> TxnRequest {
    let (target, target_union) = match expected {
        Some(value) => (CompareTarget::Value, TargetUnion::Value(value.clone())),
        None => (CompareTarget::Create, TargetUnion::CreateRevision(0)),
    };
    let compare = Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.clone(),
        target_union: Some(target_union),
        ..Compare::default()
    };
    let put = PutRequest {
        key: key.clone(),
        value: new.clone(),
        ..PutRequest::default()
    };
    TxnRequest {
        compare: vec![compare],
        success: vec![RequestOp {
            request: Some(Op::RequestPut(put)),
        }],
        failure: vec![],
    }
}

fn revision(header: Option<ResponseHeader>) -> Option<Revision> {
    header.map(|header| header.revision as Revision)
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
