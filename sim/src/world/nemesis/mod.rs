//! Carries faults out, and takes them back.
//!
//! * Here is the agenda: what strikes when, and what is over when.
//! * [`inflict`]: what each kind of fault does to the world, and what is undone when it is over.
//! * [`network`]: which links a cut takes away.
//!
//! A fault that waits for an event strikes within the event, on the task that caused it. What cannot be done
//! there (to end a process that calls, to ask a server for something) is put on the agenda, or is done
//! by a task of its own on the nemesis's machine, which never fails.

mod inflict;
mod network;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::json;
use sisyphus::types::NodeId;
use tokio::sync::Notify;

use super::{World, images::Image};
use crate::{
    plan::{Fault, Plan, Reseed, Until, When, Who},
    trace::Source,
};

/// By how many draws at most madsim's generator is led on when a run is reseeded.
const RESEED_DRAWS_MAX: u64 = 64;

/// What is under way.
pub(super) struct Nemesis {
    state: Mutex<State>,
    /// Rung when something has to be done earlier than expected.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// What is to be done, by time in microseconds.
    agenda: BTreeMap<(u64, Task), ()>,
    /// Faults that have struck and are not over.
    active: BTreeMap<usize, Struck>,
    healed: bool,
    /// Disk images that wait to be recovered.
    images: Vec<Image>,
    /// What dead processes left, to be dropped where no process is running.
    graveyard: Vec<Box<dyn Any + Send>>,
}

/// A fault that has struck.
#[derive(Clone, Default)]
struct Struck {
    /// Whom.
    nodes: Vec<NodeId>,
    /// The links that it has to do with.
    links: Vec<(NodeId, NodeId)>,
    /// Whether it cuts them at the moment.
    is_cut: bool,
}

/// Something to be done, mostly about the fault at a place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Strike(usize),
    Mend(usize),
    /// A cut comes or goes.
    Flap(usize),
    /// Something is to be done by an operator or by clients.
    Begin(usize),
    /// A process ended of a trouble that was over already.
    Relieve(NodeId),
    /// A machine was lost.
    Replace(NodeId),
    /// What is on a machine cannot be used any more.
    ReplaceInTurn(NodeId),
    /// A disk was emptied, and its node is to come back.
    SeeIn(NodeId),
    /// A disk is to be emptied once more.
    Empty(NodeId),
    /// A process ended, and nothing speaks against starting it again.
    Start(NodeId),
    /// There are images to be recovered.
    Inspect,
    /// From now on chance falls otherwise, with this salt.
    Reseed(u64),
}

impl Nemesis {
    pub fn new(plan: &Plan) -> Self {
        let mut state = State::default();
        for (place, fault) in plan.faults.iter().enumerate() {
            if let When::At { ms } = fault.when {
                state.agenda.insert((ms * 1_000, Task::Strike(place)), ());
            }
        }
        if let Some(Reseed { at_ms, salt }) = plan.reseed {
            state.agenda.insert((at_ms * 1_000, Task::Reseed(salt)), ());
        }
        Nemesis {
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Keeps what a dead process owned until it can be dropped safely.
    pub fn bury(&self, remains: Box<dyn Any + Send>) {
        self.state.lock().graveyard.push(remains);
        self.changed.notify_one();
    }

    /// Has a node started again as soon as its last process is gone.
    pub fn relieve(&self, node: NodeId, now_us: u64) {
        self.schedule(Task::Relieve(node), now_us);
    }

    /// Has a machine replaced that was [lost](World::lose).
    pub fn replace(&self, node: NodeId, now_us: u64) {
        self.schedule(Task::Replace(node), now_us);
    }

    /// Has a machine replaced as soon as that can be done.
    pub fn replace_in_turn(&self, node: NodeId, now_us: u64) {
        self.schedule(Task::ReplaceInTurn(node), now_us);
    }

    /// Has a node that comes back with an empty disk waited for.
    pub fn see_in(&self, node: NodeId, now_us: u64) {
        self.schedule(Task::SeeIn(node), now_us);
    }

    /// Has the disk of a node emptied once more, as soon as its last process is gone.
    pub fn empty_again(&self, node: NodeId, now_us: u64) {
        self.schedule(Task::Empty(node), now_us);
    }

    /// Has a process started again that ended by itself.
    pub fn start_again(&self, node: NodeId, due_us: u64) {
        self.schedule(Task::Start(node), due_us);
    }

    /// Has images recovered.
    pub fn keep_images(&self, images: Vec<Image>, now_us: u64) {
        self.state.lock().images.extend(images);
        self.schedule(Task::Inspect, now_us);
    }

    fn take_images(&self) -> Vec<Image> {
        std::mem::take(&mut self.state.lock().images)
    }

    /// Something is to be done where no process is running, at a time or after it.
    fn schedule(&self, task: Task, due_us: u64) {
        self.state.lock().agenda.insert((due_us, task), ());
        self.changed.notify_one();
    }

    fn take_due(&self, now_us: u64) -> Option<Task> {
        let mut state = self.state.lock();
        let entry = state.agenda.first_entry()?;
        (entry.key().0 <= now_us).then(|| entry.remove_entry().0.1)
    }

    fn next_due(&self) -> Option<u64> {
        self.state.lock().agenda.keys().next().map(|(due, _)| *due)
    }

    fn take_graveyard(&self) -> Vec<Box<dyn Any + Send>> {
        std::mem::take(&mut self.state.lock().graveyard)
    }
}

impl World {
    /// Does what is on the agenda, when its time has come. Runs on a node that never fails.
    pub(super) async fn unleash(self: Arc<Self>) {
        loop {
            drop(self.nemesis.take_graveyard());
            let now = self.now_us();
            while let Some(task) = self.nemesis.take_due(now) {
                match task {
                    Task::Strike(place) => self.strike(place, None),
                    Task::Mend(place) => self.mend(place),
                    Task::Flap(place) => self.flap(place),
                    Task::Begin(place) => self.set_about(place),
                    Task::Relieve(node) => self.relieve(node),
                    Task::Inspect => {
                        for image in self.nemesis.take_images() {
                            madsim::task::spawn_local(self.clone().inspect(image));
                        }
                    }
                    Task::Replace(node) => {
                        madsim::task::spawn(self.clone().replace(node));
                    }
                    Task::ReplaceInTurn(node) => {
                        madsim::task::spawn(self.clone().replace_in_turn(node));
                    }
                    Task::SeeIn(node) => {
                        madsim::task::spawn(self.clone().see_in(node));
                    }
                    Task::Empty(node) => self.empty_again(node),
                    Task::Start(node) => {
                        self.hold_down(node);
                        self.let_up(node);
                    }
                    Task::Reseed(salt) => self.reseed(salt),
                }
            }
            let look = self.look_at_conditions(now);
            let next = self.nemesis.next_due().unwrap_or(now + 1_000_000_000);
            let next = look.unwrap_or(next).min(next);
            let wait = Duration::from_micros(next.saturating_sub(now));
            tokio::select! {
                biased;
                () = self.nemesis.changed.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The fault at `place` of the plan strikes now, on `struck`'s event if there is one.
    pub(super) fn strike(&self, place: usize, struck: Option<NodeId>) {
        let fault = &self.plan.faults[place];
        let who = fault.what.who();
        let nodes = who.map_or(Vec::new(), |who| self.resolve(who, struck));
        {
            let mut state = self.nemesis.state.lock();
            if state.healed || (who.is_some() && nodes.is_empty()) {
                return;
            }
            let begun = Struck {
                nodes: nodes.clone(),
                ..Struck::default()
            };
            state.active.insert(place, begun);
            if let Until::After { ms } = fault.until {
                let due = self.now_us() + ms * 1_000;
                state.agenda.insert((due, Task::Mend(place)), ());
            }
        }
        self.note_strike(place);
        self.note_fault("fault", place, fault, &nodes);
        self.inflict(place, &fault.what, &nodes);
        self.nemesis.changed.notify_one();
    }

    /// The fault at `place` is over.
    fn mend(&self, place: usize) {
        let Some(struck) = self.nemesis.state.lock().active.remove(&place) else {
            return;
        };
        let fault = &self.plan.faults[place];
        self.note_fault("mended", place, fault, &struck.nodes);
        self.undo(place, &fault.what, &struck);
    }

    /// Whether nothing strikes any more.
    pub(super) fn is_healed(&self) -> bool {
        self.nemesis.state.lock().healed
    }

    /// Everything is over, and nothing more strikes.
    pub(super) fn heal(&self) {
        self.disarm();
        let active: Vec<usize> = {
            let mut state = self.nemesis.state.lock();
            state.healed = true;
            let is_kept = |task: &Task| {
                use Task::{Begin, Flap, Mend, Strike};
                !matches!(task, Strike(_) | Mend(_) | Flap(_) | Begin(_))
            };
            state.agenda.retain(|(_, task), ()| is_kept(task));
            state.active.keys().copied().collect()
        };
        for place in active {
            self.mend(place);
        }
    }

    /// What is drawn from now on is drawn from another seed, and ready tasks take other turns.
    fn reseed(&self, salt: u64) {
        self.seed.change(salt);
        self.note(Source::World, "reseeded", &[salt], || json!({}));
        // Madsim's generator cannot be set anew; it is led to another place of its string.
        for _ in 0..=salt % RESEED_DRAWS_MAX {
            madsim::rand::random::<u64>();
        }
    }

    fn note_fault(&self, kind: &str, place: usize, fault: &Fault, nodes: &[NodeId]) {
        let mut numbers = vec![place as u64];
        numbers.extend(nodes.iter().map(|node| node.0));
        let detail = || json!({ "place": place, "nodes": nodes, "what": fault.what });
        self.note(Source::World, kind, &numbers, detail);
    }

    fn resolve(&self, who: &Who, struck: Option<NodeId>) -> Vec<NodeId> {
        let mut nodes = match who {
            Who::Nodes(nodes) => {
                let places = nodes.iter().map(|node| self.stand_in(*node));
                places.collect::<BTreeSet<_>>()
            }
            Who::Leader => self.hub.lock().leader().into_iter().collect(),
            Who::Struck => struck.into_iter().collect(),
            Who::All => self.node_ids().into_iter().collect(),
        };
        nodes.retain(|node| self.is_present(*node));
        nodes.into_iter().collect()
    }
}
