//! The drive of one node: it outlives the node's processes, and fails with its power.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use parking_lot::Mutex;
use sisyphus::{env::Disk, rng::Rng, types::NodeId};

use super::{handle::SimDisk, inode::Inode, tear::Tear, tree::Tree};
use crate::{
    draw::{Seed, Stream, draw},
    plan::DiskModel,
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
    /// A name was made, given away or removed.
    Renamed,
    /// A sync of a directory is done; the caller does not know yet.
    DirSynced,
}

/// Hears of every event, on the task that caused it. May end the node's life by [`Drive::stop`];
/// the operation then never returns.
pub type Hook = Arc<dyn Fn(DiskEvent) + Send + Sync>;

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
}

/// Everything about the drive that changes.
pub(super) struct Platter {
    pub tree: Tree,
    pub inodes: BTreeMap<u64, Inode>,
    pub model: DiskModel,
    pub trouble: DiskTrouble,
    /// The incarnation that may use the drive; handles of other ones are dead.
    generation: u64,
    next_inode: u64,
    operations: u64,
    losses: u64,
}

/// What fails on a drive that still works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskTrouble {
    /// How many of a million syncs of files fail.
    pub failed_sync_ppm: u32,
    /// How many bytes its files may have together, if there is a limit. Of a write beyond it only
    /// the part that fits is written.
    pub capacity_bytes: Option<u64>,
}

/// How long operations take.
const LATENCY: Stream = Stream::new("disk latency");
/// Which syncs fail, and what they leave.
const FAILED_SYNC: Stream = Stream::new("failed sync");
/// What power losses leave.
const LOSS: Stream = Stream::new("power loss");

impl Drive {
    /// An empty drive for `node`.
    pub fn new(seed: impl Into<Seed>, node: NodeId, model: DiskModel, hook: Hook) -> Self {
        let platter = Platter {
            tree: Tree::default(),
            inodes: BTreeMap::new(),
            model,
            trouble: DiskTrouble::default(),
            generation: 0,
            next_inode: 0,
            operations: 0,
            losses: 0,
        };
        Drive {
            inner: Arc::new(Inner {
                seed: seed.into(),
                node,
                hook,
                platter: Mutex::new(platter),
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

    /// The bytes of all files.
    pub fn used_bytes(&self) -> u64 {
        self.inner.platter.lock().used_bytes()
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
    pub fn tell(&self, event: DiskEvent) {
        (self.hook)(event);
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

    /// What a sync that fails leaves is drawn from this; none for a sync that does not.
    pub fn next_failure(&self) -> Option<Rng> {
        let platter = self.platter.lock();
        let stream = FAILED_SYNC.of(self.node);
        let mut rng = draw(self.seed.get(), stream, platter.operations);
        let fails = rng.below(1_000_000) < u64::from(platter.trouble.failed_sync_ppm);
        fails.then_some(rng)
    }
}

impl Platter {
    /// Makes a file without a name.
    pub fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, Inode::default());
        self.next_inode
    }

    /// Writes at `offset`, or at the end, as much as there is room for. Answers where it began.
    pub fn write(
        &mut self,
        number: u64,
        offset: Option<u64>,
        bytes: &[u8],
    ) -> Result<u64, io::ErrorKind> {
        let length = self.inode(number).length() as u64;
        let offset = offset.unwrap_or(length);
        let growth = (offset + bytes.len() as u64).saturating_sub(length);
        let lacking = growth.saturating_sub(self.room()).min(bytes.len() as u64);
        let fits = bytes.len() - lacking as usize;
        let inode = self.inode(number);
        inode.write(offset as usize, &bytes[..fits]);
        match lacking {
            0 => Ok(offset),
            _ => Err(io::ErrorKind::StorageFull),
        }
    }

    /// By how many bytes files may still grow.
    pub fn room(&self) -> u64 {
        let capacity = self.trouble.capacity_bytes;
        capacity.map_or(u64::MAX, |max| max.saturating_sub(self.used_bytes()))
    }

    fn used_bytes(&self) -> u64 {
        let lengths = self.inodes.values().map(|inode| inode.length() as u64);
        lengths.sum()
    }

    /// The file that an open handle stands for. It exists as long as its process does.
    pub fn inode(&mut self, number: u64) -> &mut Inode {
        let found = self.inodes.get_mut(&number);
        found.expect("files are forgotten when their process has ended")
    }

    fn lose_power(&mut self, rng: &mut Rng) {
        let tear = Tear::draw(rng);
        self.tree.lose_power(&tear, &mut rng.fork("names"));
        self.forget_unnamed();
        for (number, inode) in &mut self.inodes {
            let rng = rng.fork("contents");
            inode.lose_power(&tear, &mut rng.fork(&number.to_string()));
        }
    }

    /// Files that nobody can reach any more are gone.
    fn forget_unnamed(&mut self) {
        let named: BTreeSet<u64> = self.tree.files().collect();
        self.inodes.retain(|number, _| named.contains(number));
    }

    fn is_dirty(&self) -> bool {
        self.tree.is_dirty() || self.inodes.values().any(Inode::is_dirty)
    }
}
