//! Replacing machines: what an operator does when one is lost with its disk.
//!
//! The old machine is gone for good, whatever it had promised. Through any server that answers, the
//! operator orders a new member in its place (Raft's thesis §4.3), starts that under the number that
//! the leader chose, with an empty disk, and is done when it votes. Clients that knew the old one find
//! the new one under its name. One machine at a time: an operator who loses a second one before the
//! first is replaced may have lost a majority, and no protocol helps.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::json;
use sisyphus::{
    gateway::Gateway,
    machine::Member,
    node::{Order, Roster},
    types::{NodeId, ShardId},
};

use super::{World, server};
use crate::{oracle::Violation, trace::Source};

/// How many machines a run can replace.
pub(super) const SPARES: u64 = 3;

/// Fewer nodes than this have no majority without one of them.
const NODES_MIN: u64 = 3;

/// How long one server has to carry the order out.
const ORDER_WITHIN: Duration = Duration::from_millis(400);

/// The pause before another server is asked, in milliseconds.
const PAUSE_MS: u64 = 20;

/// Who is there, and who was.
#[derive(Default)]
pub(super) struct Staff {
    /// The place of each node that is there or is to come: what clients call it.
    places: BTreeMap<u64, NodeId>,
    /// The nodes that are gone.
    retired: Vec<NodeId>,
    /// Whether a node is being replaced.
    busy: bool,
}

impl Staff {
    /// The founders, each in the place of its own number.
    pub fn founders(nodes: impl Iterator<Item = NodeId>) -> Self {
        Staff {
            places: nodes.map(|node| (node.0, node)).collect(),
            ..Staff::default()
        }
    }
}

impl World {
    /// The nodes that are there or are to come, by their places.
    pub(super) fn node_ids(&self) -> Vec<NodeId> {
        self.staff.lock().places.values().copied().collect()
    }

    /// The node in the place of this one, which may be itself.
    pub(crate) fn stand_in(&self, node: NodeId) -> NodeId {
        let staff = self.staff.lock();
        staff.places.get(&node.0).copied().unwrap_or(node)
    }

    /// Whether `node` is there or is to come.
    pub(super) fn is_present(&self, node: NodeId) -> bool {
        self.staff.lock().places.values().any(|id| *id == node)
    }

    /// Whether a node is being replaced.
    pub(super) fn is_replacing(&self) -> bool {
        self.staff.lock().busy
    }

    /// A machine is lost, if one may be: true if now it is, and has to be replaced.
    pub(super) fn lose(&self, node: NodeId) -> bool {
        {
            let mut staff = self.staff.lock();
            let has_spare = staff.retired.len() < SPARES as usize;
            if staff.busy || !has_spare || self.plan.nodes < NODES_MIN {
                return false;
            }
            staff.busy = true;
            staff.retired.push(node);
        }
        self.hold_down(node);
        true
    }

    /// Puts another machine in the place of `old`, which is lost. Runs on a node that never fails.
    pub(super) async fn replace(self: Arc<Self>, old: NodeId) {
        let name = format!("in place of {old}");
        let new = self.appoint(old, &name).await;
        if !self.drives.contains_key(&new) {
            let what = format!("the member in place of {old} got the number {new}");
            return self.accuse(Violation::new("LIVE", what));
        }
        {
            let mut staff = self.staff.lock();
            let place = staff.places.iter().find(|(_, id)| **id == old);
            let place = place.map(|(place, _)| *place).expect("it had a place");
            staff.places.insert(place, new);
        }
        self.note(Source::World, "replaced", &[old.0, new.0], || json!({}));
        server::start(&self, new);
        while !self.rosters().iter().any(|roster| is_done(roster, new)) {
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
        self.staff.lock().busy = false;
    }

    /// Orders a member in the place of `old`, until some server knows it.
    async fn appoint(&self, old: NodeId, name: &str) -> NodeId {
        let order = Order::Replace {
            old,
            name: name.to_owned(),
            peer: format!("{name}:1"),
        };
        for attempt in 0_usize.. {
            // Perhaps it is known: the answer to an earlier attempt may have been lost.
            let rosters = self.rosters();
            if let Some(member) = rosters.iter().find_map(|roster| named(roster, name)) {
                return member.id;
            }
            let nodes = self.node_ids();
            let node = nodes[attempt % nodes.len()];
            if let (Some(host), Some(clock)) = (self.host(node), self.clock(node)) {
                let gateway = Gateway::new(host, clock, self.plan.limits.clone());
                // Whatever the answer, the rosters tell.
                let _ = gateway.order(&order, ORDER_WITHIN).await;
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
        unreachable!("the run ends before its operator gives up")
    }

    /// What the running servers know of the members.
    fn rosters(&self) -> Vec<Roster> {
        let hosts = self
            .node_ids()
            .into_iter()
            .filter_map(|node| self.host(node));
        let rosters = hosts.filter_map(|host| host.roster(ShardId(0)).ok());
        rosters.map(|roster| roster.borrow().clone()).collect()
    }
}

fn named<'a>(roster: &'a Roster, name: &str) -> Option<&'a Member> {
    roster.members.iter().find(|member| member.name == name)
}

/// Whether `new` votes, and no change is under way.
fn is_done(roster: &Roster, new: NodeId) -> bool {
    let membership = &roster.membership;
    membership.voters.contains(&new) && !membership.is_joint()
}
