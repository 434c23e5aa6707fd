//! Machines whose disks are lost, and how their nodes come back.
//!
//! A machine keeps its name and its address, whatever becomes of its disk. What starts on an empty one asks
//! the cluster who it is, as in production: then it is a new member, with a number of its own, and takes the
//! machine over from the one that it was ([`World::move_in`]). A founder that reaches nobody takes itself for
//! who it was; as soon as somebody refuses it for good, whoever runs it does as the message says, and empties
//! the disk once more ([`World::empty_again`]).
//!
//! # The budget
//! As for a machine that is lost for good ([`super::admin`]): fewer than half of the nodes, and no other change.
//! Besides, *every other voter knows the mark* of the node that is emptied. Before that, at the birth of a cluster,
//! nothing tells a founder's second disk from its first, neither here nor in any system whose nodes found it
//! by themselves: two founders of three that were never told of each other's past are a cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use sisyphus::{
    config::{Advertise, Config, Listen, Member},
    gateway::SHARD,
    types::NodeId,
};

use super::{World, admin::is_done, lives::Life};
use crate::{oracle::Violation, trace::Source};

/// The name of every simulated cluster.
const CLUSTER: &str = "simulated";

/// How long whoever runs a process waits before it starts it again, in microseconds.
const PAUSE_US: u64 = 100_000;

/// How often the world looks whether a node is back, in milliseconds.
const LOOK_MS: u64 = 20;

/// Numbers that the cluster may need to give away until a node is back: it may be interrupted.
const NUMBERS_LEFT_MIN: u64 = 4;

/// What a node is told beside its limits.
#[derive(Clone, Debug, Default)]
pub(super) struct Lodging {
    /// What it is called.
    pub name: String,
    /// Whom it asks to be added; nobody on a founder.
    pub join: Vec<String>,
}

impl Lodging {
    /// What a founder is told.
    pub fn founder(node: NodeId) -> Self {
        Lodging {
            name: node.to_string(),
            join: Vec::new(),
        }
    }
}

/// Who is on which machine; nobody is listed who is on the machine of its own number.
pub(super) type Homes = BTreeMap<NodeId, NodeId>;

/// Where the machine `home` is found.
pub(super) fn address_of(home: NodeId) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, home.0 as u8], 9_000))
}

fn founder(node: NodeId) -> Member {
    let Lodging { name, .. } = Lodging::founder(node);
    Member {
        id: node,
        peer: format!("{name}:1"),
        grpc: address_of(node).to_string(),
        http: format!("{name}:2"),
        name,
    }
}

impl World {
    /// Where clients find `node`.
    pub(crate) fn address(&self, node: NodeId) -> SocketAddr {
        address_of(self.life(node, |life| life.home))
    }

    /// The addresses of all others who are there, for one who is to join them.
    pub(super) fn addresses_for(&self, node: NodeId) -> Vec<String> {
        let nodes = self.node_ids().into_iter();
        let others = nodes.filter(|other| *other != node);
        others.map(|node| self.address(node).to_string()).collect()
    }

    /// Who is on the machine `home`.
    pub(super) fn occupant(&self, home: NodeId) -> NodeId {
        self.staff.lock().homes.get(&home).copied().unwrap_or(home)
    }

    /// What `node` is started with.
    pub(super) fn config(&self, node: NodeId) -> Config {
        let (home, Lodging { name, join }) =
            self.life(node, |life| (life.home, life.lodging.clone()));
        let is_founder = join.is_empty();
        let founders = self.plan.node_ids().filter(|_| is_founder).map(founder);
        Config {
            cluster: CLUSTER.to_owned(),
            node: if is_founder { home } else { NodeId(0) },
            advertise: Some(Advertise {
                peer: format!("{name}:1"),
                grpc: address_of(home).to_string(),
                http: format!("{name}:2"),
            }),
            data_dir: PathBuf::from(&name),
            name: Some(name),
            join,
            log: String::new(),
            listen: Listen::default(),
            members: founders.collect(),
            limits: self.limits(node),
        }
    }

    /// The disk of `node`, which is down, is emptied, if the cluster can bear that.
    pub(super) fn empty(&self, node: NodeId) {
        if self.plan.beyond || !self.knows_mark_everywhere(node) || !self.may_return(node) {
            return;
        }
        if !self.lose(node) {
            return;
        }
        let home = self.life(node, |life| life.home);
        self.staff.lock().returning = Some(home);
        self.wipe(node);
        self.nemesis.see_in(node, self.now_us());
    }

    /// Nothing is left on the disk of `node`.
    fn wipe(&self, node: NodeId) {
        self.drives[&node].wipe();
        self.hub.lock().panel.forget(node);
        self.note(Source::World, "wiped", &[node.0], || json!({}));
    }

    /// Whether somebody will tell `node` that it is not who it takes itself for, and a number is left for it.
    fn may_return(&self, node: NodeId) -> bool {
        let (home, is_condemned, joins) = self.life(node, |life| {
            (life.home, life.condemned, !life.lodging.join.is_empty())
        });
        let nodes = self.node_ids();
        let is_asked = |other: &NodeId| {
            let at = self.life(*other, |life| life.home);
            *other != node && (joins || at.0 <= self.plan.nodes) && at != home
        };
        let last_given = self
            .rosters()
            .iter()
            .flat_map(|roster| {
                let ids: Vec<NodeId> = roster.members.iter().map(|member| member.id).collect();
                ids
            })
            .max();
        let last_given = last_given.map_or(0, |id| id.0);
        let last = self.drives.keys().next_back().map_or(0, |id| id.0);
        !is_condemned && nodes.iter().any(is_asked) && last_given + NUMBERS_LEFT_MIN <= last
    }

    /// Whether every other voter runs and knows which disk `node` has.
    fn knows_mark_everywhere(&self, node: NodeId) -> bool {
        let Some(voters) = self.settled_voters() else {
            return false;
        };
        let knows = |voter: NodeId| {
            let roster = self.host(voter)?.roster(SHARD).ok()?;
            let roster = roster.borrow();
            roster.members.get(node).filter(|member| member.mark != 0)?;
            Some(())
        };
        let mut others = voters.iter().filter(|voter| **voter != node);
        voters.contains(&node) && others.all(|voter| knows(*voter).is_some())
    }

    /// Whether `node` is on a machine whose disk was emptied, and has not been seen in yet.
    pub(super) fn is_returning(&self, node: NodeId) -> bool {
        let home = self.life(node, |life| life.home);
        self.staff.lock().returning == Some(home)
    }

    /// The process on the machine of `old`, which was taken for it, turns out to be that of `new`. False if there
    /// is no such machine.
    pub(super) fn move_in(&self, old: NodeId, new: NodeId) -> bool {
        if !self.drives.contains_key(&new) {
            let what = format!("{old} comes back as {new}, a number for which there is no machine");
            self.accuse(Violation::new("LIVE", what));
            return false;
        }
        let moved = self.life(old, Life::hand_over);
        let home = moved.home;
        self.lives.lock().insert(new, moved);
        let mut staff = self.staff.lock();
        staff.homes.insert(home, new);
        for place in staff.places.values_mut().filter(|node| **node == old) {
            *place = new;
        }
        drop(staff);
        self.saw("a machine came back with an empty disk");
        self.note(Source::World, "replaced", &[old.0, new.0], || json!({}));
        true
    }

    /// Empties the disk of `node` once more, and starts it.
    pub(super) fn empty_again(&self, node: NodeId) {
        if self.is_present(node) && self.is_returning(node) {
            self.hold_down(node);
            self.wipe(node);
            self.let_up(node);
        }
    }

    /// Starts the process of `node`, which has ended by itself, a little later.
    pub(super) fn start_later(&self, node: NodeId) {
        self.nemesis.start_again(node, self.now_us() + PAUSE_US);
    }

    /// Waits until whoever is on the machine of `old` is a member that votes, under a number that is new: by its
    /// own old list a founder that reaches nobody is who it was when it founded. Runs on a node that never fails.
    pub(super) async fn see_in(self: Arc<Self>, old: NodeId) {
        let home = self.life(old, |life| life.home);
        let before: BTreeSet<NodeId> = self.lives.lock().keys().copied().collect();
        let is_back = || {
            let node = self.occupant(home);
            let rosters = self.rosters();
            !before.contains(&node) && rosters.iter().any(|roster| is_done(roster, node))
        };
        while !is_back() {
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
        let mut staff = self.staff.lock();
        staff.leaving.remove(&old);
        staff.returning = None;
        staff.busy = false;
    }
}
