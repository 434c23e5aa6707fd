//! Faults that wait until something holds.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use sisyphus::{
    gateway::SHARD,
    node::{RaftStatus, Roster},
    raft::RoleName,
    types::NodeId,
};

use super::World;
use crate::plan::{Condition, Plan, When};

/// How often the world looks, in microseconds of virtual time.
const LOOK_US: u64 = 3_000;

/// The faults that wait: what for, and from when on in microseconds, by their places in the plan.
pub(super) struct Conditions(Mutex<BTreeMap<usize, (Condition, u64)>>);

impl Conditions {
    pub fn new(plan: &Plan) -> Self {
        let faults = plan.faults.iter().enumerate();
        let waiting = faults.filter_map(|(place, fault)| match fault.when {
            When::State { condition, from_ms } => Some((place, (condition, from_ms * 1_000))),
            _ => None,
        });
        Conditions(Mutex::new(waiting.collect()))
    }

    /// No fault waits any more.
    pub fn disarm(&self) {
        self.0.lock().clear();
    }

    /// When to look next, in microseconds, if any fault waits.
    fn next_look(&self, now_us: u64) -> Option<u64> {
        let waiting = self.0.lock();
        let first = waiting.values().map(|(_, from_us)| *from_us).min()?;
        Some(first.max(now_us + LOOK_US))
    }

    fn due(&self, now_us: u64) -> Vec<(usize, Condition)> {
        let waiting = self.0.lock();
        let due = waiting.iter().filter(|(_, (_, from))| *from <= now_us);
        due.map(|(place, (condition, _))| (*place, *condition))
            .collect()
    }
}

impl World {
    /// Lets those faults strike whose condition holds. Answers when to look again, in microseconds.
    pub(super) fn look_at_conditions(&self, now_us: u64) -> Option<u64> {
        let due = self.conditions.due(now_us);
        if !due.is_empty() {
            let standing = self.standings();
            for (place, condition) in due {
                if let Some(node) = self.concerned(condition, &standing) {
                    self.conditions.0.lock().remove(&place);
                    self.strike(place, Some(node));
                }
            }
        }
        self.conditions.next_look(now_us)
    }

    /// Where the replicas that run stand.
    fn standings(&self) -> Vec<(NodeId, RaftStatus)> {
        let nodes = self.node_ids().into_iter();
        let standing = nodes.filter_map(|node| Some((node, self.host(node)?.standing(SHARD)?)));
        standing.collect()
    }

    /// The node that a condition is about, if it holds.
    fn concerned(&self, condition: Condition, replicas: &[(NodeId, RaftStatus)]) -> Option<NodeId> {
        let mut leaders: Vec<_> = replicas
            .iter()
            .filter(|(_, raft)| raft.role == RoleName::Leader)
            .collect();
        leaders.sort_by_key(|(_, raft)| raft.term);
        let (leader, led) = leaders.last()?;
        let behind = |index: u64| {
            let lags = |(_, raft): &&(NodeId, RaftStatus)| raft.last.index < index;
            replicas.iter().find(lags).map(|(node, _)| *node)
        };
        match condition {
            Condition::Lagging { entries } => behind(led.last.index.saturating_sub(entries)),
            Condition::Snapshot => behind(led.first.saturating_sub(1)),
            Condition::TwoLeaders => (leaders.len() > 1).then(|| leaders[0].0),
            Condition::Membership => {
                let is_joint = |roster: &Roster| roster.membership.is_joint();
                (self.is_restaffing() || self.rosters().iter().any(is_joint)).then_some(*leader)
            }
        }
    }
}
