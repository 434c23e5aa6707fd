//! The world of one run: servers, disks, links, clocks, clients, and what befalls them.
//!
//! ```text
//!   clients (c1, c2, …)                 nemesis: strikes, mends, heals
//!      | gRPC, mostly without a network    |            ^
//!      v                                   v            | moments
//!   n1: service → gateway → host       kill, pause, cut, lose power, …
//!          |          |       \            |            |
//!        SimDisk    SimNet   Clock <-------+      [`Hub`]: journal, oracles,
//!          \__________\________\__________________> counts of events
//! ```
//!
//! * [`Hub`] hears of every event, mixes it into the run's hash, shows it to the oracles, and counts
//!   it, because faults may wait for the n-th of a kind.
//! * [`Nemesis`] carries faults out. One that waits for an event ([`vigil`]) strikes *within* the event:
//!   the node is dead before it runs on. One that waits for a state of affairs ([`conditions`]) strikes
//!   a moment later.
//! * [`record`]: what a run leaves behind, and what the shrinker needs to know about it.
//! * [`lives`] starts and ends processes. A crash is always a kill, then a start, in one helper,
//!   because madsim does not clean up after a restart by itself.
//! * [`server`] is the node's process: the product's own way of finding out which member it is, host, gateway
//!   and gRPC services; [`gate`] is whom it calls and whom it listens to.
//! * [`drives`]: which drives fail, and what may be destroyed on them; [`excuses`]: which servers may give up.
//! * [`admin`] replaces machines that are lost for good, adds and removes members, and has others lead;
//!   [`homes`] empties disks of machines that stay, and sees their nodes in again.
//! * [`rolling`]: restarts with other limits, and crowds of clients.
//! * [`images`]: recovery of other disk images than the one that the run goes on with.
//! * [`hear`]: what clients ask the world and tell it.
//! * [`audit`] looks nodes over: how much they hold, and what their disks might hold without power.
//! * [`quorum`] leaves some nodes out when the others get well.
//! * [`finish`] heals the world, demands that it serves again and agrees, and asks the last questions.
//!
//! Everything happens on one thread, on madsim's virtual time. No lock is held while the product is
//! called, except the hub's, and the product is never called from the hub.

mod admin;
mod audit;
mod conditions;
mod drives;
mod excuses;
mod finish;
mod gate;
mod hear;
mod homes;
mod hub;
mod images;
mod lives;
mod moments;
mod nemesis;
mod quorum;
mod record;
mod rolling;
mod server;
mod vigil;
mod watch;

pub(crate) use record::End;
pub use record::{Begun, Notes, Outcome, Record, Strike, Tally};

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use madsim::{
    runtime::{Handle, NodeHandle},
    task::{JoinHandle, NodeId as Machine},
    time::TimeHandle,
};
use parking_lot::Mutex;
use serde_json::json;
use sisyphus::{
    env::{Clock, rare},
    history::Recorder,
    node::Host,
    types::NodeId,
};

use self::{
    admin::{SPARES, Staff},
    audit::Look,
    conditions::Conditions,
    hub::Hub,
    lives::Life,
    nemesis::Nemesis,
};
use crate::{
    client::Client,
    disk::Drive,
    draw::Seed,
    net::SimNet,
    oracle::{Bounds, Violation},
    plan::Plan,
    trace::Source,
};

/// How often the world looks whether all is over, while no client does anything.
const IDLE: Duration = Duration::from_millis(20);

/// Everything there is. Shared by the tasks of one run.
pub(crate) struct World {
    pub plan: Plan,
    /// What is drawn from while the run goes on.
    pub seed: Seed,
    handle: Handle,
    /// Asked itself, and not by way of the system call that madsim stands behind: that is done twice
    /// for each event.
    clock: TimeHandle,
    started: Duration,
    pub net: SimNet,
    pub recorder: Recorder,
    drives: BTreeMap<NodeId, Drive>,
    hub: Mutex<Hub>,
    lives: Mutex<BTreeMap<NodeId, Life>>,
    nemesis: Nemesis,
    conditions: Conditions,
    staff: Mutex<Staff>,
    /// Looks at stores that are to be judged.
    looks: Mutex<Vec<Look>>,
    /// How much a node may hold.
    bounds: Bounds,
    /// What the shrinker needs to know.
    notes: Notes,
    /// Clients that came in bursts.
    guests: Mutex<Guests>,
    /// The machines that are not servers: they never fail, and are switched off in the end.
    machines: Mutex<Vec<Machine>>,
}

/// Clients that came in bursts.
#[derive(Default)]
struct Guests {
    /// How many there were, those that have gone included: each has a machine of its own.
    count: u64,
    /// Those that nobody has waited for yet.
    tasks: Vec<JoinHandle<()>>,
}

/// Runs `plan`. Must be called on the main task of a fresh madsim runtime.
pub(crate) async fn run(plan: &Plan, notes: Notes) -> Outcome {
    rare::begin(plan.buggify.then_some(plan.seed));
    let world = World::new(plan.clone(), notes);
    world.start_servers();
    let stagehands = world.machine("world", [10, 0, 2, 1]);
    stagehands.spawn(world.net.clone().pump());
    stagehands.spawn(world.clone().unleash());
    stagehands.spawn(world.clone().oversee());
    world.note_phase("safety");
    world.run_clients().await;
    world.note_phase("liveness");
    let judge = world.client_node(finish::LAST_CLIENT);
    let verdict = judge.spawn(world.clone().finish()).await;
    if let Err(violation) = verdict.expect("nobody ends the judge")
        && !world.is_over()
    {
        world.accuse(violation);
    }
    let outcome = world.outcome();
    world.end().await;
    outcome
}

impl World {
    fn new(plan: Plan, notes: Notes) -> Arc<Self> {
        let seed = Seed::from(plan.seed);
        let clock = TimeHandle::current();
        Arc::new_cyclic(|world| {
            let drive = |node| {
                let hook = watch::disk_hook(world.clone(), node);
                (node, Drive::new(seed.clone(), node, plan.disk, hook))
            };
            World {
                handle: Handle::current(),
                started: clock.elapsed(),
                clock,
                net: SimNet::new(seed.clone(), plan.link),
                recorder: Recorder::in_memory(),
                drives: (1..=plan.nodes + SPARES).map(NodeId).map(drive).collect(),
                staff: Mutex::new(Staff::founders(plan.node_ids())),
                hub: Mutex::new(Hub::new(&plan, notes.lines.clone())),
                lives: Mutex::default(),
                guests: Mutex::default(),
                machines: Mutex::default(),
                nemesis: Nemesis::new(&plan),
                conditions: Conditions::new(&plan),
                looks: Mutex::default(),
                bounds: Bounds::of(&plan),
                notes,
                plan,
                seed,
            }
        })
    }

    /// Microseconds since the run began.
    pub fn now_us(&self) -> u64 {
        (self.clock.elapsed() - self.started).as_micros() as u64
    }

    /// Takes note of something that is not a replica's event.
    pub fn note(
        &self,
        source: Source,
        kind: &str,
        numbers: &[u64],
        detail: impl FnOnce() -> serde_json::Value,
    ) {
        let now = self.now_us();
        self.hub
            .lock()
            .journal
            .note(now, source, kind, numbers, detail);
    }

    /// Takes note of a contradiction; the first one is the run's verdict.
    pub fn accuse(&self, violation: Violation) {
        let now = self.now_us();
        self.hub.lock().accuse(now, violation);
    }

    /// Whether something has gone wrong already.
    pub fn is_over(&self) -> bool {
        self.hub.lock().violation.is_some()
    }

    fn note_phase(&self, name: &str) {
        self.note(Source::World, name, &[], || json!({}));
    }

    /// Lets all clients run until they are done or the time is over.
    async fn run_clients(self: &Arc<Self>) {
        let clients = self.plan.clients().into_iter();
        let clients: Vec<_> = clients
            .map(|number| {
                let node = self.client_node(number);
                node.spawn(Client::new(self.clone(), number).run())
            })
            .collect();
        for client in clients {
            // A client never panics on an answer; if it is gone, the run is over anyway.
            let _ = client.await;
        }
        let guests = std::mem::take(&mut self.guests.lock().tasks);
        for guest in guests {
            let _ = guest.await;
        }
        // Without the operations that were taken out of a plan, its faults still have their time.
        let over_us = self
            .plan
            .script
            .as_ref()
            .map_or(0, |_| self.plan.safety_ms * 1_000);
        while self.now_us() < over_us && !self.is_over() {
            let rest = Duration::from_micros(over_us - self.now_us());
            tokio::time::sleep(rest.min(IDLE)).await;
        }
    }

    /// A client begins an operation.
    pub fn begin(&self, client: u64, operation: u64) {
        let at_ms = self.now_us() / 1_000;
        self.notes.record.lock().begun.push(Begun {
            client,
            operation,
            at_ms,
        });
    }

    /// A machine of its own for a client.
    pub fn client_node(&self, number: u64) -> NodeHandle {
        self.machine(&format!("c{number}"), [10, 0, 1, number as u8])
    }

    fn machine(&self, name: &str, ip: [u8; 4]) -> NodeHandle {
        let machine = (self.handle.create_node()).name(name).ip(ip.into()).build();
        self.machines.lock().push(machine.id());
        machine
    }

    /// Ends all tasks and gives them the time to go: one that sleeps holds the timer that holds it, and
    /// with it everything there is. What a run does not give back, the next one has to get from the
    /// kernel.
    async fn end(&self) {
        let created: Vec<NodeId> = self.lives.lock().keys().copied().collect();
        created.into_iter().for_each(|node| self.stop(node));
        self.disarm();
        let machines = std::mem::take(&mut *self.machines.lock());
        machines.into_iter().for_each(|id| self.handle.kill(id));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }

    /// No fault waits any more.
    fn disarm(&self) {
        self.hub.lock().vigil.disarm();
        self.conditions.disarm();
    }

    /// The running process of `node`, once it serves.
    fn host(&self, node: NodeId) -> Option<Host> {
        self.lives.lock().get(&node)?.host.clone()
    }

    /// The clock of `node`, while it runs.
    fn clock(&self, node: NodeId) -> Option<Clock> {
        self.lives.lock().get(&node)?.clock.clone()
    }
}
