//! Calls in etcd's protocol.

use std::{fmt, time::Duration};

use sisyphus::{
    machine::{Op, OpResult, Query, Reply, Txn},
    rng::Rng,
    rpc::etcd::{BEHIND_ENTRIES, CLIENT_ID, LEADER_HEARD_MS, MIN_REVISION, SEQUENCE, is_not_done},
    types::{NodeId, RequestId},
};
use tonic::{Code, Request, Status, metadata::MetadataMap};

use super::{way::Way, wire};
use crate::{
    oracle::asked::{Age, Answer, Asked, Freshness},
    plan::Plan,
    world::World,
};

/// A request through a follower takes six messages and two syncs, one after the other; with the slowest links and
/// drives that are drawn for a cluster that is well, some 80 ms. Several times that.
const HEALTHY_WITHIN: Duration = Duration::from_millis(400);

/// Sends questions and understands answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    timeout: Duration,
    is_direct: bool,
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
            is_direct: plan.workload.direct,
        }
    }

    /// One that waits at least as long as a healthy cluster may need.
    pub fn patient(plan: &Plan) -> Self {
        let usual = Asker::new(plan);
        let timeout = usual.timeout.max(HEALTHY_WITHIN);
        Asker { timeout, ..usual }
    }

    /// Asks the server of `node`, as `request` if the caller has an identity. How long the way is, is
    /// drawn from `trip`.
    pub async fn ask(
        self,
        world: &World,
        node: NodeId,
        asked: &Asked,
        request: Option<RequestId>,
        trip: Rng,
    ) -> Result<Answer, Trouble> {
        let mut way = match self.is_direct {
            true => Way::direct(world, node, self.timeout, trip),
            false => Way::grpc(world.address(node)),
        };
        match asked {
            Asked::Read { query, freshness } => self.read(&mut way, query, *freshness).await,
            Asked::Write(txn) => {
                let reply = self.write(&mut way, txn, request).await;
                reply.map(Answer::Write).map_err(trouble)
            }
        }
    }

    async fn read(
        self,
        way: &mut Way<'_>,
        query: &Query,
        freshness: Freshness,
    ) -> Result<Answer, Trouble> {
        let mut message = wire::range_request(query);
        message.serializable = freshness == Freshness::Stale;
        let mut message = self.dress(message);
        if let Freshness::AtLeast(revision) = freshness {
            message.metadata_mut().insert(MIN_REVISION, revision.into());
        }
        let answer = way.range(message).await.map_err(trouble)?;
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
        way: &mut Way<'_>,
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
                let answer = way.put(message).await?.into_inner();
                Ok(wire::reply(answer.header.as_ref(), OpResult::Put(None)))
            }
            Some(Op::Delete { keys, .. }) => {
                let message = identified(self.dress(wire::delete_request(keys)), request);
                let answer = way.delete_range(message).await?.into_inner();
                let header = answer.header;
                Ok(wire::reply(header.as_ref(), wire::deleted(answer)))
            }
            _ => {
                let message = identified(self.dress(wire::txn_request(txn)), request);
                let answer = way.txn(message).await?.into_inner();
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
