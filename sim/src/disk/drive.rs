//! The drive of one node: it outlives the node's processes, and fails with its power.

use std::{collections::BTreeSet, future::pending, io, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use sisyphus::{env::Disk, rng::Rng, types::NodeId};
use tokio::sync::Notify;

use super::{
    handle::SimDisk,
    platter::{DiskTrouble, Platter},
};
use crate::{
    draw::{Seed, Stream, draw},
    plan::{Damage, DiskModel},
};

/// What a node's disk is doing: moments at which a plan may let something happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskEvent {
    /// Bytes went into the page cache.
    Wrote,
    /// A sync of a file has begun and is not done.
    Syncing,
    /// A sync of a file is done; the caller does not know yet.
    Synced,
    /// A name was made.
    Created,
    /// A file got another name.
    Renamed,
    /// A name was removed.
    Removed,
    /// A sync of a directory is done; the caller does not know yet.
    DirSynced,
}

/// Hears of every event, with the path of the file or directory, on the task that caused it. May end
/// the node's life by [`Drive::stop`]; the operation then never returns.
pub type Hook = Arc<dyn Fn(DiskEvent, &str) + Send + Sync>;

/// A node's drive. Clones are the same drive.
#[derive(Clone)]
pub struct Drive {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    seed: Seed,
    node: NodeId,
    hook: Hook,
    platter: Mutex<Platter>,
    /// Rung when the drive is not stuck any more.
    moving: Notify,
}

/// How long operations take.
const LATENCY: Stream = Stream::new("disk latency");
/// Which operations fail, and what they leave.
const FAILURE: Stream = Stream::new("disk failure");
/// What power losses leave.
const LOSS: Stream = Stream::new("power loss");
/// What a power loss might have left.
const IMAGE: Stream = Stream::new("disk image");
/// What is damaged.
const DAMAGE: Stream = Stream::new("damage");

impl Drive {
    /// An empty drive for `node`.
    pub fn new(seed: impl Into<Seed>, node: NodeId, model: DiskModel, hook: Hook) -> Self {
        Drive::of(seed.into(), node, hook, Platter::new(model))
    }

    fn of(seed: Seed, node: NodeId, hook: Hook, platter: Platter) -> Self {
        Drive {
            inner: Arc::new(Inner {
                seed,
                node,
                hook,
                platter: Mutex::new(platter),
                moving: Notify::new(),
            }),
        }
    }

    /// A process starts: the disk as it may use it. Handles of the process before are dead.
    pub fn boot(&self) -> Arc<dyn Disk> {
        let mut platter = self.inner.platter.lock();
        platter.generation += 1;
        platter.forget_unnamed();
        let generation = platter.generation;
        drop(platter);
        Arc::new(SimDisk::new(self.inner.clone(), generation))
    }

    /// The process ends: its handles are dead from now on, what it wrote stays.
    pub fn stop(&self) {
        self.inner.platter.lock().generation += 1;
    }

    /// The power fails: the process ends, and what was not synced is decided about.
    pub fn lose_power(&self) {
        let mut platter = self.inner.platter.lock();
        platter.generation += 1;
        platter.losses += 1;
        let stream = LOSS.of(self.inner.node);
        let mut rng = draw(self.inner.seed.get(), stream, platter.losses);
        platter.lose_power(&mut rng);
    }

    /// What else a loss of power might leave at this moment, as a drive without any trouble that
    /// answers at once. `number` tells one such image from another.
    pub fn image(&self, number: u64) -> Drive {
        let (seed, node) = (self.inner.seed.clone(), self.inner.node);
        let mut platter = self.inner.platter.lock().clone();
        let stream = IMAGE.of(node).at(platter.operations);
        platter.lose_power(&mut draw(seed.get(), stream, number));
        platter.trouble = DiskTrouble::default();
        platter.stuck = (0, 0);
        platter.model = DiskModel::IDEAL;
        Drive::of(seed, node, Arc::new(|_, _| {}), platter)
    }

    /// Makes the drive slower or quicker.
    pub fn set_model(&self, model: DiskModel) {
        self.inner.platter.lock().model = model;
    }

    /// Whether something fails on it.
    pub fn is_troubled(&self) -> bool {
        self.inner.platter.lock().trouble != DiskTrouble::default()
    }

    /// Lets operations fail from now on.
    pub fn set_trouble(&self, trouble: DiskTrouble) {
        self.inner.platter.lock().trouble = trouble;
    }

    /// Operations do not return any more, or only syncs do not. Adds up.
    pub fn stick(&self, syncs_only: bool) {
        let mut platter = self.inner.platter.lock();
        platter.stuck.0 += u32::from(!syncs_only);
        platter.stuck.1 += u32::from(syncs_only);
    }

    /// Takes one [`Self::stick`] back.
    pub fn unstick(&self, syncs_only: bool) {
        let mut platter = self.inner.platter.lock();
        let (all, syncs) = platter.stuck;
        platter.stuck = match syncs_only {
            true => (all, syncs.saturating_sub(1)),
            false => (all.saturating_sub(1), syncs),
        };
        drop(platter);
        self.inner.moving.notify_waiters();
    }

    /// Damages what was synced of a file whose path begins with `prefix`; `number` tells this damage
    /// from others. Answers the files; none if nothing could be damaged that way.
    pub fn damage(&self, how: Damage, prefix: &str, number: u64) -> Vec<String> {
        let mut platter = self.inner.platter.lock();
        let mut rng = draw(self.inner.seed.get(), DAMAGE.of(self.inner.node), number);
        platter.damage(how, prefix, &mut rng)
    }

    /// Nothing is left on it, and nothing counts as damaged. The process has ended.
    pub fn wipe(&self) {
        let mut platter = self.inner.platter.lock();
        platter.tree.wipe("");
        platter.forget_unnamed();
        platter.damaged.clear();
    }

    /// The files that were ever damaged.
    pub fn damaged(&self) -> BTreeSet<String> {
        self.inner.platter.lock().damaged()
    }

    /// The bytes of all files.
    pub fn used_bytes(&self) -> u64 {
        self.inner.platter.lock().used_bytes()
    }

    pub(super) fn platter(&self) -> MutexGuard<'_, Platter> {
        self.inner.platter.lock()
    }

    /// Whether a power loss now would put something at stake.
    pub fn is_dirty(&self) -> bool {
        self.inner.platter.lock().is_dirty()
    }
}

impl Inner {
    /// Runs `work` on the platter if `generation` is still alive.
    pub fn with<T>(
        &self,
        generation: u64,
        work: impl FnOnce(&mut Platter) -> Result<T, io::ErrorKind>,
    ) -> Option<Result<T, io::ErrorKind>> {
        let mut platter = self.platter.lock();
        (platter.generation == generation).then(|| work(&mut platter))
    }

    /// Tells the hook.
    pub fn tell(&self, event: DiskEvent, path: &str) {
        (self.hook)(event, path);
    }

    /// The generator of the next operation's latency, with the speed of the drive.
    pub fn next_operation(&self) -> (Rng, DiskModel) {
        let mut platter = self.platter.lock();
        platter.operations += 1;
        let stream = LATENCY.of(self.node);
        (
            draw(self.seed.get(), stream, platter.operations),
            platter.model,
        )
    }

    /// Waits until the drive answers. `is_sync` tells whether a sync waits.
    pub async fn wait_while_stuck(&self, generation: u64, is_sync: bool) {
        loop {
            // Registered before the look, so that no ring is missed.
            let moving = self.moving.notified();
            match self.stands_still(generation, is_sync) {
                Some(true) => moving.await,
                Some(false) => return,
                None => pending().await,
            }
        }
    }

    /// Whether the drive does not answer; none to a process that is no more.
    fn stands_still(&self, generation: u64, is_sync: bool) -> Option<bool> {
        let platter = self.platter.lock();
        let (all, syncs) = platter.stuck;
        let is_alive = platter.generation == generation;
        is_alive.then_some(all > 0 || (is_sync && syncs > 0))
    }

    /// What an operation that fails leaves is drawn from this; none for one that does not. `rate` says
    /// how many of a million fail.
    pub fn next_failure(&self, rate: impl Fn(&DiskTrouble) -> u32) -> Option<Rng> {
        let platter = self.platter.lock();
        let rate = rate(&platter.trouble);
        if rate == 0 {
            return None;
        }
        let stream = FAILURE.of(self.node);
        let mut rng = draw(self.seed.get(), stream, platter.operations);
        (rng.below(1_000_000) < u64::from(rate)).then_some(rng)
    }
}
