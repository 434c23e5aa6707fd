//! After the faults: everything is healed, and now the cluster has no excuse left.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use sisyphus::{
    history::{Call, Outcome},
    node::Status,
    types::{NodeId, Revision},
};

use super::{World, quorum::LeftOut};
use crate::{
    client::{Asker, Trouble, asked, key, outcome},
    draw::{Stream, draw},
    oracle::{Violation, asked::Answered, check_final, check_values, counted, lin},
    plan::CLIENTS_MAX,
};

/// How often the world looks whether the cluster is well again, in milliseconds.
const LOOK_MS: u64 = 20;

/// How long the last questions are on their way.
const LAST_TRIP: Stream = Stream::new("last trip");

/// The client that asks the last questions; not one of the workload.
pub(super) const LAST_CLIENT: u64 = CLIENTS_MAX + 1;

/// The key that is written on every node when all is healed; not one of the workload's.
const LAST_KEY: &[u8] = b"last";

impl World {
    /// Heals a quorum or everything, and demands what a healthy cluster owes; then the rest. Runs on a
    /// client's machine.
    pub(super) async fn finish(self: Arc<Self>) -> Result<(), Violation> {
        let left_out = self.leave_out();
        self.calm();
        self.heal();
        if self.plan.beyond {
            return self.look_around().await;
        }
        self.wake_the_removed();
        self.serves(left_out.as_ref()).await?;
        if let Some(left_out) = left_out {
            self.let_in(&left_out);
            self.serves(None).await?;
        }
        let deadline = self.deadline();
        // A server may have found its drive damaged only when it was asked.
        self.staffed(deadline).await?;
        counted(self.removed_end(deadline).await)?;
        self.agree(deadline).await?;
        counted(self.look_over().await)?;
        let last = self.read_all(deadline).await?;
        // Meanwhile a node may have had something of its own put into the log.
        self.agree(deadline).await?;
        self.judge(&last)?;
        counted(self.audit().await)
    }

    pub(super) fn deadline(&self) -> u64 {
        self.now_us() + self.plan.liveness_ms * 1_000
    }

    /// Every node that is well takes a write before the deadline.
    async fn serves(&self, left_out: Option<&LeftOut>) -> Result<(), Violation> {
        let deadline = self.deadline();
        self.staffed(deadline).await?;
        for place in self.well(left_out) {
            self.write_on(place, deadline).await?;
        }
        Ok(())
    }

    /// Asks every node for every key, and demands no more of the answers than that they are not made
    /// up.
    async fn look_around(&self) -> Result<(), Violation> {
        for number in 0..self.plan.workload.keys {
            for place in self.places() {
                let call = Call::Get { key: key(number) };
                // That it does not answer is no wrong answer.
                let _ = self.ask_last(place, &call).await;
            }
        }
        check_values(&self.recorder.events())
    }

    /// Every machine that was lost is replaced, and nobody is coming or going.
    async fn staffed(&self, deadline: u64) -> Result<(), Violation> {
        while self.is_restaffing() {
            self.check_servers()?;
            if self.now_us() > deadline {
                let standing = self.standing();
                let what =
                    format!("all is healed, and members are still being changed: {standing}");
                return Err(Violation::new("LIVE", what));
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        Ok(())
    }

    /// A write through `node` succeeds before the deadline.
    async fn write_on(&self, node: NodeId, deadline: u64) -> Result<(), Violation> {
        let call = |attempt| Call::Put {
            key: Bytes::from_static(LAST_KEY),
            // No two values of a run are equal.
            value: format!("{node} {} {attempt}", self.now_us()).into(),
        };
        let outcome = self.insist(node, call, deadline).await;
        outcome.map(|_| ())
    }

    /// Asks the node at `place` until it answers, or the deadline passes. One that says that its drive is
    /// damaged is replaced meanwhile.
    async fn insist(
        &self,
        place: NodeId,
        call: impl Fn(u64) -> Call,
        deadline: u64,
    ) -> Result<Outcome, Violation> {
        for attempt in 0.. {
            let node = self.stand_in(place);
            let call = call(attempt);
            let last_trouble = match self.ask_last(node, &call).await {
                Ok(outcome) => return Ok(outcome),
                Err(trouble) => trouble,
            };
            self.hear_trouble(node, &last_trouble.to_string());
            self.check_servers()?;
            if self.now_us() > deadline {
                let standing = self.standing();
                let what = format!(
                    "all is healed, and {node} does not answer `{call}`: {last_trouble}; {standing}"
                );
                return Err(Violation::new("LIVE", what));
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        unreachable!("time passes with every attempt")
    }

    async fn ask_last(&self, node: NodeId, call: &Call) -> Result<Outcome, Trouble> {
        let op = self
            .recorder
            .invoke(LAST_CLIENT, self.now_us(), call.clone());
        let (asked, floor, stood) = (asked(call), self.floor(), self.stood(node));
        let trip = draw(self.seed.get(), LAST_TRIP, self.now_us());
        let result = Asker::patient(&self.plan)
            .ask(self, node, &asked, None, trip)
            .await;
        let now = self.now_us();
        match result {
            Ok(answer) => {
                self.answered(&Answered {
                    asked: &asked,
                    request: None,
                    answer: &answer,
                    node,
                    stood,
                    floor,
                });
                let outcome = outcome(call, &answer);
                self.recorder.ok(LAST_CLIENT, op, now, outcome.clone());
                Ok(outcome)
            }
            Err(trouble) => {
                let why = trouble.to_string();
                self.recorder.unknown(LAST_CLIENT, op, now, why);
                Err(trouble)
            }
        }
    }

    /// All replicas reach the same index; that they have the same state there, SMS has seen. In this very moment
    /// all that was acknowledged is on all of them, and they agree who takes part: a moment later somebody may
    /// have introduced itself.
    pub(super) async fn agree(&self, deadline: u64) -> Result<(), Violation> {
        loop {
            self.check_servers()?;
            let statuses = self.statuses();
            if statuses.len() == self.node_ids().len() && is_settled(&statuses) {
                let ended = self.hub.lock().panel.dur.end(self.node_ids().into_iter());
                counted(ended)?;
                return counted(self.audit_members(statuses));
            }
            if self.now_us() > deadline {
                let what = format!(
                    "all is healed, and replicas do not agree: {}",
                    self.standing()
                );
                return Err(Violation::new("LIVE", what));
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Reads every key, each from another node.
    async fn read_all(
        &self,
        deadline: u64,
    ) -> Result<BTreeMap<Bytes, Option<Revision>>, Violation> {
        let mut last = BTreeMap::new();
        let nodes: Vec<NodeId> = self.places();
        for (number, node) in (0..self.plan.workload.keys).zip(nodes.iter().cycle()) {
            let key = key(number);
            let call = Call::Get { key: key.clone() };
            if let Outcome::Get { seen, .. } =
                self.insist(*node, |_| call.clone(), deadline).await?
            {
                last.insert(key, seen.and_then(|seen| seen.mod_revision));
            }
        }
        Ok(last)
    }

    /// The oracles of the end.
    fn judge(&self, last: &BTreeMap<Bytes, Option<Revision>>) -> Result<(), Violation> {
        {
            let panel = &self.hub.lock().panel;
            counted(panel.clients.end())?;
        }
        let history = self.recorder.history();
        let history = history.map_err(|error| Violation::new("LIN", error.to_string()))?;
        counted(check_final(&history, last))?;
        lin::check_history(&history)
    }

    /// No server has given up.
    fn check_servers(&self) -> Result<(), Violation> {
        if let Some(violation) = self.hub.lock().violation.clone() {
            return Err(violation);
        }
        let accused = self
            .statuses()
            .iter()
            .find_map(|status| self.inexcusable(status));
        accused.map_or(Ok(()), Err)
    }

    pub(super) fn statuses(&self) -> Vec<Status> {
        let nodes = self.node_ids().into_iter();
        let hosts = nodes.filter_map(|node| self.host(node));
        hosts.map(|host| host.status()).collect()
    }

    /// How all nodes stand, in a line.
    fn standing(&self) -> String {
        let all = self.statuses();
        let nodes = all.iter().flat_map(|status| {
            status.shards.iter().map(|shard| {
                let raft = &shard.raft;
                format!(
                    "{} is {:?} in term {} (last {}, commit {}, applied {})",
                    status.node, raft.role, raft.term, raft.last, raft.commit, raft.applied
                )
            })
        });
        nodes.collect::<Vec<_>>().join("; ")
    }
}

/// Whether all replicas have applied all there is.
fn is_settled(statuses: &[Status]) -> bool {
    let mut shards = statuses.iter().flat_map(|status| &status.shards);
    let Some(first) = shards.next().map(|shard| shard.raft.last.index) else {
        return false;
    };
    let applied = statuses.iter().flat_map(|status| &status.shards);
    applied
        .map(|shard| (shard.raft.last.index, shard.raft.applied))
        .all(|ends| ends == (first, first))
}
