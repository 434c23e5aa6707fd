//! What an operator does about the members of the cluster: replaces a machine that is lost with its
//! disk, adds one, removes one, has one lead.
//!
//! A machine that is lost is gone for good, whatever it had promised. Through any server that answers,
//! the operator orders a new member in its place (Raft's thesis §4.3), starts that under the number that
//! the leader chose, with an empty disk, and is done when it votes. Clients that knew the old one find
//! the new one under its name. One change at a time: an operator who loses a second machine before the
//! first is replaced may have lost a majority, and no protocol helps.
//!
//! Of the machines that are removed, half stay on: nobody has thought of them, or somebody switches them
//! on once more. Their nodes are to end by themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use sisyphus::{
    gateway::{Gateway, SHARD},
    machine::Member,
    node::{Order, Roster},
    types::NodeId,
};

use super::{
    World,
    homes::{Homes, Lodging},
    server,
};
use crate::{
    draw::{Stream, draw},
    oracle::Violation,
    trace::Source,
};

/// How many new machines a run has.
pub(super) const SPARES: u64 = 8;

/// Fewer nodes than this have no majority without one of them.
const NODES_MIN: usize = 3;

/// How long one server has to carry the order out.
const ORDER_WITHIN: Duration = Duration::from_millis(400);

/// Whose machine is left on when it is removed.
const LINGERS: Stream = Stream::new("removed and left on");

/// Whose machine is switched on after it was removed.
const WAKES: Stream = Stream::new("removed and switched on");

/// The pause before another server is asked, in milliseconds.
const PAUSE_MS: u64 = 20;

/// A change of the members.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    /// One more.
    Comes,
    /// One in the place of this one.
    Replaces(NodeId),
    /// One less.
    Goes,
}

/// Who is there, and who was.
#[derive(Default)]
pub(super) struct Staff {
    /// The place of each node that is there or is to come: what clients call it.
    pub(super) places: BTreeMap<u64, NodeId>,
    /// The nodes that are on their way out.
    pub(super) leaving: BTreeSet<NodeId>,
    /// Who is on which machine.
    pub(super) homes: Homes,
    /// The machine whose disk was emptied, until it has a member on it again.
    pub(super) returning: Option<NodeId>,
    /// The nodes that were removed and that nobody has switched off.
    lingering: BTreeSet<NodeId>,
    /// How many machines were taken from the spares.
    taken: u64,
    /// Whether the members are being changed.
    pub(super) busy: bool,
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

    /// The places of the nodes that are there or are to come, each called like the node that was its
    /// first.
    pub(super) fn places(&self) -> Vec<NodeId> {
        self.staff
            .lock()
            .places
            .keys()
            .copied()
            .map(NodeId)
            .collect()
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

    /// The nodes that are lost, damaged beyond use, or being removed.
    pub(super) fn leaving(&self) -> BTreeSet<NodeId> {
        self.staff.lock().leaving.clone()
    }

    /// Whether members are being changed, or have to be.
    pub(super) fn is_restaffing(&self) -> bool {
        let staff = self.staff.lock();
        let is_condemned = |node: &NodeId| self.life(*node, |life| life.condemned);
        staff.busy || staff.places.values().any(is_condemned)
    }

    /// Whether there are machines left for so many nodes.
    pub(super) fn has_spare_for(&self, nodes: u64) -> bool {
        self.staff.lock().taken + nodes <= SPARES
    }

    /// Who votes, unless that is being changed.
    pub(super) fn settled_voters(&self) -> Option<BTreeSet<NodeId>> {
        if self.staff.lock().busy {
            return None;
        }
        let newest = self
            .rosters()
            .into_iter()
            .max_by_key(|roster| roster.since)?;
        let membership = newest.membership;
        let is_settled = !membership.is_joint() && membership.learners.is_empty();
        is_settled.then(|| membership.voters.iter().copied().collect())
    }

    /// The members are to be changed: a machine comes, for another one or for none, or only goes. False
    /// if that cannot be done now.
    fn take_charge(&self, change: Change) -> bool {
        // Those that are damaged will need a spare, too.
        let mut impaired = self.impaired();
        let comes = u64::from(change != Change::Goes);
        if let Change::Replaces(node) = change {
            impaired.remove(&node);
        }
        if comes > 0 && !self.has_spare_for(comes + impaired.len() as u64) {
            return false;
        }
        let mut staff = self.staff.lock();
        if staff.busy {
            return false;
        }
        staff.busy = true;
        staff.taken += comes;
        true
    }

    /// A machine is lost, or what is on its disk, if the cluster can bear that: true if now it is, and its node has
    /// to be replaced.
    pub(super) fn lose(&self, node: NodeId) -> bool {
        let mut impaired = self.impaired();
        impaired.insert(node);
        let nodes = self.node_ids().len();
        // One that is condemned waits for its turn already.
        let is_condemned = self.life(node, |life| life.condemned);
        if nodes < NODES_MIN
            || is_condemned
            || 2 * impaired.len() >= nodes
            || !self.take_charge(Change::Replaces(node))
        {
            return false;
        }
        self.staff.lock().leaving.insert(node);
        true
    }

    /// Puts another machine in the place of `old`, on which nothing can be used any more, as soon as no other
    /// change is under way; if it is still there then. Runs on a node that never fails.
    pub(super) async fn replace_in_turn(self: Arc<Self>, old: NodeId) {
        while self.is_present(old) {
            if self.is_returning(old) || self.take_charge(Change::Replaces(old)) {
                self.staff.lock().leaving.insert(old);
                return self.replace(old).await;
            }
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }

    /// Puts another machine in the place of `old`, which is leaving. Runs on a node that never fails.
    pub(super) async fn replace(self: Arc<Self>, old: NodeId) {
        let name = format!("in place of {old}");
        let order = Order::Replace {
            old,
            name: name.clone(),
            peer: format!("{name}:1"),
        };
        let Some(new) = self.appoint(&order, &name).await else {
            return;
        };
        {
            let mut staff = self.staff.lock();
            let place = staff.places.iter().find(|(_, id)| **id == old);
            let place = place.map(|(place, _)| *place).expect("it had a place");
            staff.places.insert(place, new);
        }
        self.note(Source::World, "replaced", &[old.0, new.0], || json!({}));
        self.welcome(new, name).await;
        self.staff.lock().leaving.remove(&old);
    }

    /// Adds a machine, if there is one left.
    pub(super) async fn grow(self: Arc<Self>) {
        if !self.take_charge(Change::Comes) {
            return;
        }
        let name = format!("new at {}", self.now_us());
        let order = Order::Add {
            name: name.clone(),
            peer: format!("{name}:1"),
            learner: false,
        };
        let Some(new) = self.appoint(&order, &name).await else {
            return;
        };
        self.staff.lock().places.insert(new.0, new);
        self.note(Source::World, "grown", &[new.0], || json!({}));
        self.welcome(new, name).await;
    }

    /// Starts a new member, and waits until it votes.
    async fn welcome(self: &Arc<Self>, new: NodeId, name: String) {
        let join = self.addresses_for(new);
        server::start(self, new, Lodging { name, join });
        // Where an answer was lost, it has joined a second time, in the place of itself.
        self.wait_for(|roster| is_done(roster, self.occupant(new)))
            .await;
        self.staff.lock().busy = false;
    }

    /// Removes a machine that is not needed.
    pub(super) async fn shrink(self: Arc<Self>, node: NodeId) {
        let nodes = self.node_ids().len();
        let mut impaired = self.impaired();
        impaired.remove(&node);
        let is_bearable = nodes > 2 && 2 * impaired.len() < nodes - 1;
        if !self.is_present(node) || !is_bearable || !self.take_charge(Change::Goes) {
            return;
        }
        self.staff.lock().leaving.insert(node);
        let order = Order::Remove(node);
        self.insist_on(&order).await;
        {
            let mut staff = self.staff.lock();
            staff.places.retain(|_, id| *id != node);
        }
        self.note(Source::World, "removed", &[node.0], || json!({}));
        let lingers = draw(self.plan.seed, LINGERS, node.0).chance(0.5);
        if !lingers {
            self.hold_down(node);
        }
        let mut staff = self.staff.lock();
        if lingers {
            staff.lingering.insert(node);
        }
        staff.leaving.remove(&node);
        staff.busy = false;
    }

    /// Half of the machines whose nodes were removed are switched on once more.
    pub(super) fn wake_the_removed(&self) {
        let lingering = self.staff.lock().lingering.clone();
        for node in lingering {
            if draw(self.plan.seed, WAKES, node.0).chance(0.5) {
                self.hold_down(node);
                self.let_up(node);
            }
        }
    }

    /// Who was removed has ended, by itself or because somebody told it (thesis §4.2.3).
    pub(super) async fn removed_end(&self, deadline: u64) -> Result<(), Violation> {
        let lingering = self.staff.lock().lingering.clone();
        for node in lingering {
            while self.goes_on(node) {
                if self.now_us() > deadline {
                    let what = format!("all is healed, and {node}, which was removed, goes on");
                    return Err(Violation::new("LIVE", what));
                }
                tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
            }
        }
        Ok(())
    }

    /// Whether the server of `node` runs, although it has no excuse: what is on its drive would tell it that it is
    /// no member any more, or whom to ask.
    fn goes_on(&self, node: NodeId) -> bool {
        let Some(host) = self.host(node).filter(|_| self.is_sound(node)) else {
            return false;
        };
        let roster = host.roster(SHARD).map(|roster| roster.borrow().clone());
        let members = roster.map_or_else(|_| Default::default(), |roster| roster.members);
        let here = self.node_ids();
        let knows_somebody = here.iter().any(|other| members.get(*other).is_some());
        host.status().failure.is_none() && knows_somebody
    }

    /// Has `node` take the leadership over, if whoever is asked first can do that.
    pub(super) async fn lead(self: Arc<Self>, node: NodeId) {
        let order = Order::Lead(Some(node));
        if let Some(node) = self.node_ids().first() {
            self.order(*node, &order).await;
        }
    }

    /// Orders a new member, and finds out its number; none if that is one which no machine has.
    async fn appoint(&self, order: &Order, name: &str) -> Option<NodeId> {
        self.insist_on(order).await;
        let rosters = self.rosters();
        let new = rosters.iter().find_map(|roster| named(roster, name))?.id;
        if !self.drives.contains_key(&new) {
            let what = format!("the member {name:?} got the number {new}");
            self.accuse(Violation::new("LIVE", what));
            return None;
        }
        Some(new)
    }

    /// Gives an order until some server knows that it was carried out.
    async fn insist_on(&self, order: &Order) {
        for attempt in 0_usize.. {
            // Perhaps it is: the answer to an earlier attempt may have been lost.
            if self
                .rosters()
                .iter()
                .any(|roster| order.is_fulfilled(roster))
            {
                return;
            }
            let nodes = self.node_ids();
            self.order(nodes[attempt % nodes.len()], order).await;
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }

    /// Gives an order to `node`. Whatever the answer, the rosters tell.
    async fn order(&self, node: NodeId, order: &Order) {
        if let (Some(host), Some(clock)) = (self.host(node), self.clock(node)) {
            let gateway = Gateway::new(host, clock, self.plan.limits.clone());
            let _ = gateway.order(order, ORDER_WITHIN).await;
        }
    }

    async fn wait_for(&self, is_done: impl Fn(&Roster) -> bool) {
        while !self.rosters().iter().any(&is_done) {
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
    }

    /// What the running servers know of the members.
    pub(super) fn rosters(&self) -> Vec<Roster> {
        let hosts = self
            .node_ids()
            .into_iter()
            .filter_map(|node| self.host(node));
        let rosters = hosts.filter_map(|host| host.roster(SHARD).ok());
        rosters.map(|roster| roster.borrow().clone()).collect()
    }
}

fn named<'a>(roster: &'a Roster, name: &str) -> Option<&'a Member> {
    roster.members.iter().find(|member| member.name == name)
}

/// Whether `new` votes, and no change is under way.
pub(super) fn is_done(roster: &Roster, new: NodeId) -> bool {
    let membership = &roster.membership;
    membership.voters.contains(&new) && !membership.is_joint()
}
