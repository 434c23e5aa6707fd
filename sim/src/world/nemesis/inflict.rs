//! What each kind of fault does, and what is undone when it is over.

use std::{sync::Arc, time::Duration};

use sisyphus::types::NodeId;

use super::{Struck, Task};
use crate::{
    plan::{Damage, What},
    world::World,
};

impl World {
    /// Does `what` to `nodes`.
    pub(super) fn inflict(&self, place: usize, what: &What, nodes: &[NodeId]) {
        let each = |act: &dyn Fn(NodeId)| nodes.iter().for_each(|node| act(*node));
        match what {
            What::Crash { .. } => each(&|node| {
                self.develop(node);
                self.hold_down(node);
            }),
            What::PowerLoss { .. } => each(&|node| {
                self.develop(node);
                self.hold_down(node);
                self.drives[&node].lose_power();
            }),
            What::Pause { .. } => each(&|node| self.pause(node)),
            What::Partition { cut } => self.cut(place, cut, nodes),
            What::Links { link, way, .. } => {
                for (from, to) in self.all_links(nodes, *way) {
                    self.net.degrade(from, to, place as u64, *link);
                }
            }
            What::Disks { disk, .. } => each(&|node| self.drives[&node].set_model(*disk)),
            What::Failing { .. } => each(&|node| self.trouble(node, what)),
            What::Stuck { syncs_only, .. } => each(&|node| self.drives[&node].stick(*syncs_only)),
            What::Wipe { directory, .. } => {
                self.hold_down(nodes[0]);
                match directory.as_str() {
                    "" => self.empty(nodes[0]),
                    directory => self.damage(place, nodes[0], Damage::Gone, directory),
                }
            }
            What::Damage { how, prefix, .. } => self.damage(place, nodes[0], *how, prefix),
            What::Resign { .. } => each(&|node| self.resign(node)),
            What::Replace { .. } => {
                if self.lose(nodes[0]) {
                    self.hold_down(nodes[0]);
                    self.nemesis.replace(nodes[0], self.now_us());
                }
            }
            // What needs a task is begun from the agenda.
            What::Grow
            | What::Shrink { .. }
            | What::Lead { .. }
            | What::Reconfigure { .. }
            | What::Burst { .. } => self.nemesis.schedule(Task::Begin(place), self.now_us()),
            What::Clock {
                offset_ms,
                drift_ppm,
                leap_ms,
                ..
            } => each(&|node| {
                self.bend(node, *offset_ms, *drift_ppm);
                self.leap(node, Duration::from_millis(*leap_ms));
            }),
        }
    }

    /// Begins what takes a while, unless it is over before that.
    pub(super) fn set_about(self: &Arc<Self>, place: usize) {
        let state = self.nemesis.state.lock();
        let Some(Struck { nodes, .. }) = state.active.get(&place).cloned() else {
            return;
        };
        drop(state);
        let world = self.clone();
        match &self.plan.faults[place].what {
            What::Grow => drop(madsim::task::spawn(world.grow())),
            What::Shrink { .. } => drop(madsim::task::spawn(world.shrink(nodes[0]))),
            What::Lead { .. } => drop(madsim::task::spawn(world.lead(nodes[0]))),
            What::Reconfigure { limits, .. } => {
                let limits = limits.as_ref().clone();
                drop(madsim::task::spawn(world.reconfigure(nodes, limits)));
            }
            What::Burst {
                clients,
                operations,
            } => self.burst(*clients, *operations),
            _ => unreachable!("everything else is done at once"),
        }
    }

    /// Takes back what `what` did.
    pub(super) fn undo(&self, place: usize, what: &What, struck: &Struck) {
        let each = |act: &dyn Fn(NodeId)| struck.nodes.iter().for_each(|node| act(*node));
        match what {
            What::Crash { .. } | What::PowerLoss { .. } => each(&|node| self.let_up(node)),
            What::Wipe { .. } => self.let_up(struck.nodes[0]),
            What::Pause { .. } => each(&|node| self.resume(node)),
            What::Partition { .. } => self.uncut(struck),
            What::Links { way, .. } => {
                for (from, to) in self.all_links(&struck.nodes, *way) {
                    self.net.restore(from, to, place as u64);
                }
            }
            What::Disks { .. } => each(&|node| self.drives[&node].set_model(self.plan.disk)),
            What::Failing { .. } => each(&|node| self.relieve(node)),
            What::Stuck { syncs_only, .. } => each(&|node| self.drives[&node].unstick(*syncs_only)),
            What::Clock { .. } => each(&|node| self.bend(node, 0, 0)),
            What::Damage { .. }
            | What::Resign { .. }
            | What::Replace { .. }
            | What::Grow
            | What::Shrink { .. }
            | What::Lead { .. }
            | What::Reconfigure { .. }
            | What::Burst { .. } => {}
        }
    }
}
