//! Starting and ending processes.

use std::{sync::Arc, time::Duration};

use madsim::task::NodeId as Machine;
use serde_json::json;
use sisyphus::{
    config::Limits, env::Clock, node::Host, rpc::Directory, service::grpc::KvService, types::NodeId,
};
use tokio::sync::oneshot;

use super::{World, homes::Lodging, server};
use crate::trace::Source;

/// One node, up or down.
pub(super) struct Life {
    /// Madsim's name for it.
    pub machine: Option<Machine>,
    /// The machine that it is on, by the number of the first node there.
    pub home: NodeId,
    /// What it is told when it starts.
    pub lodging: Lodging,
    /// Counts its processes; odd ones live.
    incarnation: u64,
    /// How many faults keep it down.
    held_down: u32,
    /// Whether its drive has been failing while it ran or since.
    pub troubled: bool,
    /// It could not go on because of that, and is kept down until the trouble is over.
    pub broken: bool,
    /// It found what it had on its drive damaged, and is to be replaced.
    pub condemned: bool,
    /// Other limits than the plan's, if it was given any.
    pub limits: Option<Limits>,
    /// How far its clock is off: (milliseconds, millionths).
    pub bend: (i64, i64),
    pub clock: Option<Clock>,
    pub host: Option<Host>,
    /// What clients reach that are not held up by a network.
    pub service: Option<Arc<KvService>>,
    /// Whom its last process calls and listens to.
    pub directory: Option<Directory>,
}

impl Life {
    /// A node on the machine `home` that has not started.
    fn new(home: NodeId, lodging: Lodging) -> Self {
        Life {
            machine: None,
            home,
            lodging,
            incarnation: 0,
            held_down: 0,
            troubled: false,
            broken: false,
            condemned: false,
            limits: None,
            bend: (0, 0),
            clock: None,
            host: None,
            service: None,
            directory: None,
        }
    }

    fn is_up(&self) -> bool {
        self.incarnation % 2 == 1
    }

    /// Another node goes on here, in the same process: answers its life. This one never starts again.
    pub fn hand_over(&mut self) -> Life {
        self.incarnation += 1;
        self.held_down += 1;
        self.broken = false;
        Life {
            machine: self.machine,
            incarnation: self.incarnation + 1,
            troubled: self.troubled,
            limits: self.limits.clone(),
            bend: self.bend,
            clock: self.clock.take(),
            ..Life::new(self.home, self.lodging.clone())
        }
    }
}

impl World {
    /// Creates all nodes; their processes start.
    pub(super) fn start_servers(self: &Arc<Self>) {
        self.plan
            .node_ids()
            .for_each(|node| server::start(self, node, Lodging::founder(node)));
    }

    /// Takes note of a node that is being created.
    pub(super) fn begin_life(&self, node: NodeId, lodging: Lodging) {
        let mut life = Life::new(node, lodging);
        life.incarnation = 1;
        self.lives.lock().insert(node, life);
    }

    /// Whether this process of `node` is the running one.
    pub(super) fn is_alive(&self, node: NodeId, incarnation: u64) -> bool {
        self.life(node, |life| life.is_up() && life.incarnation == incarnation)
    }

    /// The number of the running process of `node`.
    pub(super) fn incarnation(&self, node: NodeId) -> u64 {
        self.life(node, |life| life.incarnation)
    }

    /// Ends the process of `node`, if it runs. May be called from within that process: it is cut
    /// off from disk and network at once, and its tasks are gone at their next await.
    pub(super) fn stop(&self, node: NodeId) {
        let (was_up, machine, gone) = self.life(node, |life| {
            let was_up = life.is_up();
            life.incarnation += u64::from(was_up);
            let gone = (life.host.take(), life.service.take(), life.clock.take());
            (was_up, life.machine, gone)
        });
        if was_up {
            self.note(Source::Node(node), "stopped", &[], || json!({}));
            self.drives[&node].stop();
            let inbound = self.net.stop(node);
            // What the process owns must not be dropped while it is the one that calls.
            self.nemesis.bury(Box::new((gone, inbound)));
            self.handle
                .kill(machine.expect("a node that ran was created"));
        }
    }

    /// Keeps `node` down until it is let up as often.
    pub(super) fn hold_down(&self, node: NodeId) {
        self.stop(node);
        self.life(node, |life| life.held_down += 1);
    }

    /// Lets `node` start again, unless another fault keeps it down.
    pub(super) fn let_up(&self, node: NodeId) {
        let drive = &self.drives[&node];
        let (starts, machine) = self.life(node, |life| {
            life.held_down = life.held_down.saturating_sub(1);
            let starts = life.held_down == 0 && !life.is_up();
            life.incarnation += u64::from(starts);
            life.troubled &= !starts || drive.is_troubled();
            (starts, life.machine)
        });
        if starts {
            self.note(Source::Node(node), "started", &[], || json!({}));
            self.handle
                .restart(machine.expect("a node that is down was created"));
        }
    }

    /// Stops the process of `node` in its tracks.
    pub(super) fn pause(&self, node: NodeId) {
        if let Some(machine) = self.life(node, |life| life.machine) {
            self.handle.pause(machine);
        }
    }

    /// Lets it go on.
    pub(super) fn resume(&self, node: NodeId) {
        if let Some(machine) = self.life(node, |life| life.machine) {
            self.handle.resume(machine);
        }
    }

    /// Asks `node` to hand its leadership over.
    pub(super) fn resign(&self, node: NodeId) {
        if let Some(host) = self.host(node) {
            madsim::task::spawn(async move { host.resign().await });
        }
    }

    /// Has a request served by the process that is where `node` lives, in a task of that process. Answers
    /// where its answer will come: nowhere, if nobody serves there.
    pub(crate) fn serve<A, F>(
        &self,
        node: NodeId,
        serve: impl FnOnce(Arc<KvService>) -> F,
    ) -> Option<oneshot::Receiver<A>>
    where
        A: Send + 'static,
        F: Future<Output = A> + Send + 'static,
    {
        let occupant = self.occupant(self.life(node, |life| life.home));
        let (machine, service) =
            self.life(occupant, |life| life.machine.zip(life.service.clone()))?;
        let (tell, told) = oneshot::channel();
        let work = serve(service);
        self.handle.get_node(machine)?.spawn(async move {
            // A client that has gone does not hear it.
            let _ = tell.send(work.await);
        });
        Some(told)
    }

    /// Bends the clock of `node`, now and after restarts.
    pub(super) fn bend(&self, node: NodeId, offset_ms: i64, drift_ppm: i64) {
        self.life(node, |life| life.bend = (offset_ms, drift_ppm));
        if let Some(clock) = self.clock(node) {
            clock.bend(offset_ms, drift_ppm);
        }
    }

    /// Lets the clock of `node` leap ahead. The next process has another.
    pub(super) fn leap(&self, node: NodeId, by: Duration) {
        if let Some(clock) = self.clock(node) {
            clock.leap(by);
        }
    }

    /// Looks at a node's life, or changes it.
    pub(super) fn life<T>(&self, node: NodeId, look: impl FnOnce(&mut Life) -> T) -> T {
        let mut lives = self.lives.lock();
        look(lives.get_mut(&node).expect("a node of the plan"))
    }
}
