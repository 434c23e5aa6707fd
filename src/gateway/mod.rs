//! The gateway: what every face calls. It checks a request, finds its shard, gives it a deadline,
//! and tries again as long as that is safe.
//!
//! When is it safe? A read, always. A write of which the node says "not done", always. A write of
//! unknown fate only if it carries a [`RequestId`]: then the state machine recognises the
//! repetition and answers what it answered before.
//!
//! Finding the leader is not done here but in the replica loop (`node/requests`), which knows best
//! and at every moment: a request is proposed, forwarded, or kept until there is a leader.
//!
//! Left out so far: more than one shard, hence the ring that maps keys to shards.

mod check;

use std::time::Duration;

use bytes::Bytes;

use crate::{
    config::Limits,
    env::{Clock, rare, task::timeout},
    machine::{Command, Members, Page, Query, QueryError, Reader, Reply, Txn},
    node::{Behind, Fate, Host, Order, RequestError, Roster, Status},
    types::{Index, NodeId, RequestId, Revision, ShardId, Term},
};

/// The shard of every key, for now.
pub const SHARD: ShardId = ShardId(0);

/// The longest deadline that a request may have, in milliseconds.
const TIMEOUT_MS_MAX: u64 = 600_000;

/// A node's gateway.
#[derive(Clone)]
pub struct Gateway {
    host: Host,
    clock: Clock,
    limits: Limits,
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// It sees every write that was acknowledged before it began.
    Linearizable,
    /// It sees what this node has once its revision is at least this one: with 0 whatever it
    /// happens to have, with the revision of a client's last write at least that write.
    Stale(Revision),
}

/// A write that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What applying it answered.
    pub reply: Reply,
    /// The term in which it was committed.
    pub term: Term,
}

/// A read that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The keys.
    pub page: Page,
    /// The shard's revision when they were read.
    pub revision: Revision,
    /// The node's term then.
    pub term: Term,
    /// How old it may be, if it was allowed to be.
    pub behind: Option<Behind>,
}

impl Gateway {
    /// The gateway of `host`, which lives by `clock`.
    pub fn new(host: Host, clock: Clock, limits: Limits) -> Gateway {
        Gateway {
            host,
            clock,
            limits,
        }
    }

    /// Does a transaction, once if `request` names it. Waits no longer than `patience`.
    pub async fn write(
        &self,
        txn: Txn,
        request: Option<RequestId>,
        patience: Duration,
    ) -> Result<Written, RequestError> {
        check::txn(&txn, &self.limits)?;
        let command = Command {
            request,
            proposed_ms: self.clock.wall_ms(),
            txn,
        }
        .encode();
        check::command(&command, &self.limits)?;
        let deadline = self.deadline(patience);
        let mut doubt = None;
        loop {
            let error = match self.attempt(command.clone(), deadline).await {
                Ok(Fate::Done { .. }) if request.is_some() && rare::buggify("ask again") => {
                    let why = "its answer was not believed".to_owned();
                    doubt = Some(why.clone());
                    RequestError::Unknown(why)
                }
                Ok(Fate::Done { at, outcome }) => {
                    return Ok(Written {
                        reply: outcome?,
                        term: at.term,
                    });
                }
                Ok(Fate::NotDone(why)) => RequestError::Unavailable(why),
                Ok(Fate::Refused(_) | Fate::Begun(_)) => {
                    return Err(RequestError::Unknown("the answer to an order".into()));
                }
                Ok(Fate::Unknown(why)) => {
                    doubt = Some(why.clone());
                    RequestError::Unknown(why)
                }
                Err(error) => return Err(with_doubt(error, doubt)),
            };
            let again = doubt.is_none() || request.is_some();
            if !again || !self.pause(deadline).await {
                return Err(with_doubt(error, doubt));
            }
        }
    }

    /// Reads. Waits no longer than `patience`.
    pub async fn read(
        &self,
        query: Query,
        consistency: Consistency,
        patience: Duration,
    ) -> Result<Read, RequestError> {
        check::query(&query, &self.limits)?;
        let deadline = self.deadline(patience);
        let (reader, behind) = match consistency {
            Consistency::Stale(least) => {
                let reader = self.at_least(least, deadline).await?;
                // Asked before the read, which can only see more.
                (reader, Some(self.host.behind(SHARD)?))
            }
            Consistency::Linearizable => (self.fresh(deadline).await?, None),
        };
        let (revision, page) = reader.query(&query).await.map_err(|error| match error {
            QueryError::BadRevision(refusal) => RequestError::Refused(refusal),
            QueryError::Machine(error) => RequestError::Failed(error.to_string()),
        })?;
        Ok(Read {
            page,
            revision,
            term: self.host.term(SHARD),
            behind,
        })
    }

    /// Has an order carried out, at most once, and answers who belongs to the cluster after it.
    /// Waits no longer than `patience`, for other changes to end as well.
    pub async fn order(&self, order: &Order, patience: Duration) -> Result<Roster, RequestError> {
        let deadline = self.deadline(patience);
        loop {
            let why = match self.ordered(order, deadline).await? {
                Fate::Done { at, .. } => return self.listed(at.index, deadline).await,
                Fate::Begun(node) => {
                    if self.led_by(node, deadline).await {
                        return self.listed(0, deadline).await;
                    }
                    // Given up by the leader, which goes on; to begin anew does no harm.
                    format!("{node} was to lead, and did not in time")
                }
                Fate::Refused(refused) => return Err(refused.into()),
                Fate::Unknown(why) => return self.fulfilled(order, why, deadline).await,
                Fate::NotDone(why) => why,
            };
            if !self.pause(deadline).await {
                return Err(RequestError::Unavailable(why));
            }
        }
    }

    /// Who belongs to the cluster as of the entry at `index` or a later one, once it is applied here.
    async fn listed(&self, index: Index, deadline: u64) -> Result<Roster, RequestError> {
        let mut roster = self.host.roster(SHARD)?;
        let listed = roster.wait_for(|roster| roster.since >= index);
        match timeout(self.left(deadline), listed).await {
            Ok(Ok(roster)) => Ok(roster.clone()),
            _ => Err(RequestError::Unknown(
                "it was carried out, but this node does not see it yet".into(),
            )),
        }
    }

    /// What became of an order whose answer was lost, as far as it shows in time: in who leads, or in
    /// the list of members.
    async fn fulfilled(
        &self,
        order: &Order,
        why: String,
        deadline: u64,
    ) -> Result<Roster, RequestError> {
        // The answer of a leader that hands over may come after its end, to nobody.
        if let Order::Lead(Some(to)) = order
            && self.led_by(*to, deadline).await
        {
            return self.listed(0, deadline).await;
        }
        loop {
            let roster = self.roster(Consistency::Linearizable, self.left(deadline));
            match roster.await {
                Ok(roster) if order.is_fulfilled(&roster) => return Ok(roster),
                _ if self.pause(deadline).await => {}
                _ => return Err(RequestError::Unknown(why)),
            }
        }
    }

    async fn ordered(&self, order: &Order, deadline: u64) -> Result<Fate, RequestError> {
        let left = self.left(deadline);
        let expires_us = deadline.saturating_sub(self.margin().as_micros() as u64);
        let asked = self.host.order(SHARD, order, expires_us);
        timeout(left, asked).await.unwrap_or_else(|_| {
            let why = "no answer within the deadline";
            Err(RequestError::Unknown(why.into()))
        })
    }

    /// Waits until this node follows `node`, or is it. False if that does not come to pass while the
    /// attempt to hand over may last, which is an election timeout, and the news of it travel.
    async fn led_by(&self, node: NodeId, deadline: u64) -> bool {
        for _ in 0..2 * self.limits.election_ticks {
            if self.host.leader(SHARD) == Some(node) {
                return true;
            }
            if !self.pause(deadline).await {
                return false;
            }
        }
        false
    }

    /// Who belongs to the cluster. Waits no longer than `patience`.
    pub async fn roster(
        &self,
        consistency: Consistency,
        patience: Duration,
    ) -> Result<Roster, RequestError> {
        if consistency == Consistency::Linearizable {
            self.fresh(self.deadline(patience)).await?;
        }
        Ok(self.host.roster(SHARD)?.borrow().clone())
    }

    /// The members as this node knows them, however old.
    pub fn members(&self) -> Members {
        let roster = self.host.roster(SHARD);
        roster.map_or_else(
            |_| Members::default(),
            |roster| roster.borrow().members.clone(),
        )
    }

    /// How the node stands.
    pub fn status(&self) -> Status {
        self.host.status()
    }

    /// The bounds that requests are held to.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn attempt(&self, command: Bytes, deadline: u64) -> Result<Fate, RequestError> {
        let left = self.left(deadline);
        let expires_us = deadline.saturating_sub(self.margin().as_micros() as u64);
        match timeout(left, self.host.write(SHARD, command, expires_us)).await {
            Ok(fate) => fate,
            Err(_) => Err(RequestError::Unknown(
                "no answer within the deadline".into(),
            )),
        }
    }

    async fn fresh(&self, deadline: u64) -> Result<Reader, RequestError> {
        loop {
            let left = self.left(deadline);
            let error = match timeout(left, self.host.fresh(SHARD)).await {
                Ok(Err(error @ RequestError::Unavailable(_))) => error,
                Ok(answer) => return answer,
                Err(_) => RequestError::Unavailable("no leader answered in time".into()),
            };
            if !self.pause(deadline).await {
                return Err(error);
            }
        }
    }

    /// This node's own state, once it has come to a revision.
    async fn at_least(&self, least: Revision, deadline: u64) -> Result<Reader, RequestError> {
        let reader = self.host.stale(SHARD)?;
        if let Ok(true) = timeout(self.left(deadline), reader.reached(least)).await {
            return Ok(reader);
        }
        let revision = reader.revision();
        Err(RequestError::Unavailable(format!(
            "this node is at revision {revision}, and did not come to {least} in time"
        )))
    }

    /// Lets one tick pass between two attempts. False if the deadline is too near.
    async fn pause(&self, deadline: u64) -> bool {
        let tick = Duration::from_millis(self.limits.tick_ms);
        if self.left(deadline) <= tick + self.margin() {
            return false;
        }
        self.clock.sleep(tick).await;
        true
    }

    /// How long before its deadline a write that found no leader is refused: soon enough to tell
    /// its certain end apart from that of a write whose leader is silent.
    fn margin(&self) -> Duration {
        2 * Duration::from_millis(self.limits.tick_ms)
    }

    fn deadline(&self, patience: Duration) -> u64 {
        self.clock.now_us()
            + patience
                .min(Duration::from_millis(TIMEOUT_MS_MAX))
                .as_micros() as u64
    }

    fn left(&self, deadline: u64) -> Duration {
        Duration::from_micros(deadline.saturating_sub(self.clock.now_us()))
    }
}

/// The error of a write of which an earlier attempt ended in doubt: that a later attempt was
/// certainly not done says nothing about the earlier one.
fn with_doubt(error: RequestError, doubt: Option<String>) -> RequestError {
    match (error, doubt) {
        (RequestError::Unavailable(_), Some(why)) => RequestError::Unknown(why),
        (error, _) => error,
    }
}
