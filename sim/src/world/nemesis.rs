//! Carries faults out, and takes them back.

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

use super::World;
use crate::{
    plan::{Cut, Fault, Plan, Reseed, Until, What, When, Who},
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
    /// Faults that have struck and are not over, with those whom they struck.
    active: BTreeMap<usize, Vec<NodeId>>,
    healed: bool,
    /// What dead processes left, to be dropped where no process is running.
    graveyard: Vec<Box<dyn Any + Send>>,
}

/// Something to be done, mostly about the fault at a place in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Strike(usize),
    Mend(usize),
    /// A process ended of a trouble that was over already.
    Relieve(NodeId),
    /// A machine was lost.
    Replace(NodeId),
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
        self.at_once(Task::Relieve(node), now_us);
    }

    /// Something is to be done where no process is running.
    fn at_once(&self, task: Task, now_us: u64) {
        self.state.lock().agenda.insert((now_us, task), ());
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
                    Task::Relieve(node) => self.relieve(node),
                    Task::Replace(node) => {
                        madsim::task::spawn(self.clone().replace(node));
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
        let nodes = self.resolve(who(&fault.what), struck);
        {
            let mut state = self.nemesis.state.lock();
            if state.healed || nodes.is_empty() {
                return;
            }
            state.active.insert(place, nodes.clone());
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
        let Some(nodes) = self.nemesis.state.lock().active.remove(&place) else {
            return;
        };
        let fault = &self.plan.faults[place];
        self.note_fault("mended", place, fault, &nodes);
        self.undo(place, &fault.what, &nodes);
    }

    /// Everything is over, and nothing more strikes.
    pub(super) fn heal(&self) {
        self.disarm();
        let active: Vec<usize> = {
            let mut state = self.nemesis.state.lock();
            state.healed = true;
            let is_kept = |task: &Task| !matches!(task, Task::Strike(_) | Task::Mend(_));
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

    fn inflict(&self, place: usize, what: &What, nodes: &[NodeId]) {
        match what {
            What::Crash { .. } => nodes.iter().for_each(|node| self.hold_down(*node)),
            What::PowerLoss { .. } => {
                for node in nodes {
                    self.hold_down(*node);
                    self.drives[node].lose_power();
                }
            }
            What::Pause { .. } => nodes.iter().for_each(|node| self.pause(*node)),
            What::Partition { cut } => {
                let links = self.links(cut, nodes);
                links.iter().for_each(|(from, to)| self.net.cut(*from, *to));
            }
            What::Links { link, .. } => {
                for (from, to) in self.all_links(nodes) {
                    self.net.degrade(from, to, place as u64, *link);
                }
            }
            What::Disks { disk, .. } => {
                nodes
                    .iter()
                    .for_each(|node| self.drives[node].set_model(*disk));
            }
            What::Failing {
                failed_sync_ppm,
                room_bytes,
                ..
            } => nodes
                .iter()
                .for_each(|node| self.trouble(*node, *failed_sync_ppm, *room_bytes)),
            What::Resign { .. } => nodes.iter().for_each(|node| self.resign(*node)),
            What::Replace { .. } => {
                if self.lose(nodes[0]) {
                    let task = Task::Replace(nodes[0]);
                    self.nemesis.at_once(task, self.now_us());
                }
            }
            What::Clock {
                offset_ms,
                drift_ppm,
                ..
            } => nodes
                .iter()
                .for_each(|node| self.bend(*node, *offset_ms, *drift_ppm)),
        }
    }

    fn undo(&self, place: usize, what: &What, nodes: &[NodeId]) {
        match what {
            What::Crash { .. } | What::PowerLoss { .. } => {
                nodes.iter().for_each(|node| self.let_up(*node));
            }
            What::Pause { .. } => nodes.iter().for_each(|node| self.resume(*node)),
            What::Partition { cut } => {
                let links = self.links(cut, nodes);
                links
                    .iter()
                    .for_each(|(from, to)| self.net.mend(*from, *to));
            }
            What::Links { .. } => {
                for (from, to) in self.all_links(nodes) {
                    self.net.restore(from, to, place as u64);
                }
            }
            What::Disks { .. } => {
                nodes
                    .iter()
                    .for_each(|node| self.drives[node].set_model(self.plan.disk));
            }
            What::Failing { .. } => nodes.iter().for_each(|node| self.relieve(*node)),
            What::Resign { .. } | What::Replace { .. } => {}
            What::Clock { .. } => nodes.iter().for_each(|node| self.bend(*node, 0, 0)),
        }
    }

    /// The links that a cut around `side` takes away.
    fn links(&self, cut: &Cut, side: &[NodeId]) -> Vec<(NodeId, NodeId)> {
        let inside: BTreeSet<NodeId> = side.iter().copied().collect();
        let across = self.pairs().filter(|(from, to)| {
            let (from, to) = (inside.contains(from), inside.contains(to));
            match cut {
                Cut::Split { .. } => from != to,
                Cut::Mute { .. } => from && !to,
                Cut::Deaf { .. } => !from && to,
            }
        });
        across.collect()
    }

    /// The links that begin or end at one of `nodes`.
    fn all_links(&self, nodes: &[NodeId]) -> Vec<(NodeId, NodeId)> {
        let touches = |(from, to): &(NodeId, NodeId)| nodes.contains(from) || nodes.contains(to);
        self.pairs().filter(touches).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (NodeId, NodeId)> + use<'_> {
        let nodes = || self.drives.keys().copied();
        nodes()
            .flat_map(move |from| nodes().map(move |to| (from, to)))
            .filter(|(from, to)| from != to)
    }
}

fn who(what: &What) -> &Who {
    match what {
        What::Crash { who }
        | What::PowerLoss { who }
        | What::Pause { who }
        | What::Links { who, .. }
        | What::Disks { who, .. }
        | What::Failing { who, .. }
        | What::Resign { who }
        | What::Replace { who }
        | What::Clock { who, .. } => who,
        What::Partition { cut } => match cut {
            Cut::Split { side } | Cut::Mute { side } | Cut::Deaf { side } => side,
        },
    }
}
