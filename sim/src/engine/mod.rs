//! The storage engine alone in the simulated world: a [`Store`] on a drive that
//! crashes, loses power, fails syncs and runs full, and is opened again, many times in a run.
//!
//! The cluster's simulation meets the engine below Raft, where a replica that lost something is
//! helped by the others. Here nobody helps: what was acknowledged must be found again.
//!
//! # The way of a run
//! A run is a row of *lives*. In each the store is opened on the drive as the last life left it,
//! everything is checked ([`model`]), and writers and readers ([`client`]) go to work until the n-th event
//! of the drive, or until time is up. Then the process ends, or the power fails, or the store is
//! closed properly. Some lives have a drive on which syncs fail, or which becomes full.
//!
//! # What is checked
//! Each writer has keys of its own, and its n-th batch follows from (seed, writer, n). Every batch also
//! writes n itself. So a reader who sees n knows every key of that writer, byte by byte: a batch is
//! seen whole or not at all, and in order. After a restart n is at least what was acknowledged, and
//! at least what an earlier life has seen after its opening; and at most what was begun.

mod client;
mod fuse;
mod model;

use std::{sync::Arc, time::Duration};

use madsim::{Config, runtime::Runtime};
use sisyphus::{
    lsm::{Options, Store, StoreError, StoreOptions, SyncMode, verify},
    rng::Rng,
    types::NodeId,
};
use tokio::task::JoinHandle;

use crate::{
    disk::{DiskTrouble, Drive},
    draw::{Stream, draw, log_uniform},
    plan::DiskModel,
};
use client::{all, read, write};
use fuse::Fuse;
use model::Model;

/// The store's directory.
const DIR: &str = "db";

/// Where it has its tables.
const TABLES: &str = "db/tables";

/// How often the store is opened in a run.
const LIVES: u64 = 6;

/// A life that no fault ends is over after this, in milliseconds.
const LIFE_MS: u64 = 400;

/// An opening that takes longer than this hangs, in milliseconds.
const OPENING_MS_MAX: u64 = 60_000;

/// As well as a closing.
const CLOSING_MS_MAX: u64 = 60_000;

/// What a run is made of.
const RUN: Stream = Stream::new("engine run");
/// What a life is made of.
const LIFE: Stream = Stream::new("engine life");

/// What a run has seen, for those who want to know that it was worth something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Batches that were acknowledged.
    pub acknowledged: u64,
    /// Tables at the ends of lives.
    pub tables: u64,
    /// Compactions, trivial moves included.
    pub compactions: u64,
    /// Lives that ended by a loss of power.
    pub power_losses: u64,
    /// Lives in which the store stopped because of the drive.
    pub stopped: u64,
}

/// Runs a seed. Panics, with what is wrong, if a promise was broken.
pub fn run(seed: u64) -> Tally {
    let runtime = Runtime::with_seed_and_config(seed, Config::default());
    runtime.block_on(World::new(seed).live())
}

struct World {
    seed: u64,
    drive: Drive,
    fuse: Arc<Fuse>,
    options: StoreOptions,
    model: Arc<Model>,
    /// Whether the drive has trouble on purpose in this life.
    is_troubled: bool,
    tally: Tally,
}

/// How a life ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Crash,
    PowerLoss,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = draw(seed, RUN, 0);
        let fuse = Arc::new(Fuse::default());
        let burning = Arc::clone(&fuse);
        let hook = Arc::new(move |_, _: &str| burning.burn());
        let drive = Drive::new(seed, NodeId(1), speed(&mut rng), hook);
        fuse.attach(drive.clone());
        let options = options(&mut rng);
        let is_durable = options.sync != SyncMode::None;
        World {
            seed,
            drive,
            fuse,
            options,
            model: Arc::new(Model::new(seed, rng.between(1, 4), is_durable)),
            is_troubled: false,
            tally: Tally::default(),
        }
    }

    async fn live(mut self) -> Tally {
        for number in 1..=LIVES {
            self.life(number).await;
        }
        self.drive.set_trouble(DiskTrouble::default());
        let store = self.open().await.expect("a store on a drive that works");
        self.check(&store)
            .await
            .expect("reads on a drive that works");
        drop(store);
        let report = verify(self.drive.boot(), TABLES).await;
        let report = report.expect("tables to verify");
        assert!(report.findings.is_empty(), "{report:?}");
        self.tally
    }

    async fn life(&mut self, number: u64) {
        let mut rng = draw(self.seed, LIFE, number);
        let trouble = trouble(&mut rng, self.drive.used_bytes());
        self.is_troubled = trouble != DiskTrouble::default();
        self.drive.set_trouble(trouble);
        let end = *rng.pick(&[
            End::Closed,
            End::Crash,
            End::Crash,
            End::PowerLoss,
            End::PowerLoss,
        ]);
        let fuse = Arc::clone(&self.fuse);
        fuse.light(log_uniform(&mut rng, 1, 3_000), end == End::PowerLoss);
        let is_burnt = tokio::select! {
            biased;
            () = fuse.burnt() => true,
            () = self.work(&mut rng, number, end) => false,
        };
        fuse.put_out();
        match end {
            End::PowerLoss if !is_burnt => self.drive.lose_power(),
            End::Crash if !is_burnt => self.drive.stop(),
            _ => {}
        }
        if end == End::PowerLoss {
            self.tally.power_losses += 1;
            self.model.lost_power();
        }
    }

    /// What a process does, until its time is up.
    async fn work(&mut self, rng: &mut Rng, life: u64, end: End) {
        let opened = match self.open().await {
            Ok(store) => self.check(&store).await.map(|()| store),
            Err(error) => Err(error),
        };
        let store = match opened {
            Ok(store) => store,
            // Nothing but the trouble that the drive has on purpose is an excuse.
            Err(error) if !self.is_troubled => panic!("the store does not open: {error}"),
            Err(_) => {
                self.tally.stopped += 1;
                return;
            }
        };
        let mut tasks = Tasks::default();
        for writer in 0..self.model.writers() {
            tasks.spawn(write(store.clone(), Arc::clone(&self.model), writer, life));
        }
        let reader = rng.fork("reader");
        tasks.spawn(read(store.clone(), Arc::clone(&self.model), reader));
        tokio::time::sleep(Duration::from_millis(rng.between(1, LIFE_MS))).await;
        tasks.end().await;
        self.count(&store);
        if end == End::Closed
            && let Err(error) = self.close(store).await
        {
            // A drive that works may still be too slow for an impatient store.
            let is_slow = matches!(error, StoreError::Stalled { .. });
            assert!(self.is_troubled || is_slow, "closing failed: {error}");
            self.tally.stopped += 1;
        }
    }

    async fn open(&self) -> Result<Store, StoreError> {
        let opening = Store::open(self.drive.boot(), DIR, self.options.clone());
        let patience = Duration::from_millis(OPENING_MS_MAX);
        let opened = tokio::time::timeout(patience, opening).await;
        opened.expect("opening a store comes to an end")
    }

    /// Closes the store. However full the drive is, that comes to an end.
    async fn close(&self, store: Store) -> Result<(), StoreError> {
        let patience = Duration::from_millis(CLOSING_MS_MAX);
        let closed = tokio::time::timeout(patience, store.close()).await;
        closed.expect("closing a store comes to an end")
    }

    /// Checks everything there is after an opening.
    async fn check(&self, store: &Store) -> Result<(), StoreError> {
        for writer in 0..self.model.writers() {
            let seen = all(store, writer).await?;
            self.model.reopen(writer, &seen);
        }
        Ok(())
    }

    fn count(&mut self, store: &Store) {
        let engine = store.stats().engine;
        self.tally.tables += engine.tables.iter().sum::<u64>();
        self.tally.compactions += engine.compactions + engine.moves;
        self.tally.acknowledged = self.model.total();
    }
}

fn speed(rng: &mut Rng) -> DiskModel {
    let sync_us_max = log_uniform(rng, 100, 5_000);
    DiskModel {
        sync_us_min: sync_us_max / 10,
        sync_us_max,
        stall_ppm: *rng.pick(&[0, 10_000, 100_000]),
        stall_us_max: log_uniform(rng, 100, 3_000),
    }
}

/// Half of all lives have a drive that works; the others one that fails some syncs, writes or reads, or
/// has little room left.
fn trouble(rng: &mut Rng, used_bytes: u64) -> DiskTrouble {
    let (kind, room) = (rng.below(8), log_uniform(rng, 1, 64 << 10));
    let rate = log_uniform(rng, 1_000, 300_000) as u32;
    let rate_if = |wanted| if kind == wanted { rate } else { 0 };
    DiskTrouble {
        failed_sync_ppm: rate_if(0),
        keeps_dirty: rng.chance(0.5),
        failed_write_ppm: rate_if(1),
        failed_read_ppm: rate_if(2),
        capacity_bytes: (kind == 3).then_some(used_bytes + room),
    }
}

/// Tiny sizes, under which every rare path is common.
fn options(rng: &mut Rng) -> StoreOptions {
    let engine = Options {
        memtable_bytes: log_uniform(rng, 1 << 10, 16 << 10) as usize,
        table_bytes: log_uniform(rng, 1 << 10, 8 << 10) as usize,
        level0_tables_max: rng.between(1, 4) as usize,
        level_base_bytes: log_uniform(rng, 1 << 10, 8 << 10) as usize,
        cache_bytes: *rng.pick(&[0, 4 << 10, 1 << 20]),
        open_files_max: rng.between(1, 8) as usize,
        frozen_max: rng.between(1, 3) as usize,
        ..Options::test_min()
    };
    let sync = *rng.pick(&[
        SyncMode::EachWrite,
        SyncMode::Group,
        SyncMode::Group,
        SyncMode::None,
    ]);
    let stall_ms_max = log_uniform(rng, 1, 5_000);
    StoreOptions {
        sync,
        stall_ms_max,
        engine,
    }
}

/// The tasks of a life. They do not survive it.
#[derive(Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::task::spawn(task));
    }

    /// Ends those that still run. Panics if one of them did.
    async fn end(mut self) {
        for task in self.0.drain(..) {
            task.abort();
            match task.await {
                Err(error) if error.is_panic() => panic!("{error}"),
                _ => {}
            }
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
