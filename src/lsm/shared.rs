//! What the database's handle and its background tasks have in common.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::{
    commit::{Change, Look, Request},
    compaction::{Situation, next_sweep, pick},
    entry::Seq,
    error::{LsmError, Result},
    files::Files,
    job::Running,
    memtable::{Memtable, MemtableWriter},
    pressure::{Pressure, Reason, WAIT_US_MAX},
    scrub::Damage,
    state::{Current, Frozen, SuperVersion},
    stats::Counters,
    trouble::Troubles,
};
use crate::env::{
    Clock, Rate, rare,
    task::{Sender, oneshot, select, watch},
};

/// A stall that lasts longer is counted anew, so that who looks at the numbers sees it.
const STALL_COUNTED: Duration = Duration::from_secs(10);

/// The state of an open database.
pub(super) struct Shared {
    /// The directory.
    pub(super) files: Arc<Files>,
    /// What readers look at.
    pub(super) current: Current,
    /// The active memtable's writer.
    pub(super) writer: Mutex<MemtableWriter>,
    /// The number of the next memtable.
    pub(super) next_memtable: AtomicU64,
    /// Whether writers are to be slowed down.
    pub(super) pressure: Pressure,
    /// What is being compacted.
    pub(super) running: Running,
    /// How fast compactions may go.
    pub(super) compaction_rate: Rate,
    /// A floor from which on there may be more to compact.
    pub(super) next_sweep: AtomicU64,
    /// No reader looks at anything older.
    pub(super) floor: AtomicU64,
    /// Told whenever there may be something to do, or to go on with.
    pub(super) changes: watch::Sender<()>,
    /// The note of the newest durable flush.
    pub(super) note: watch::Sender<Bytes>,
    /// Why the background work stopped, if it did.
    pub(super) failure: OnceLock<LsmError>,
    /// What the background work is waiting to try again.
    pub(super) troubles: Troubles,
    /// What the scrub has found.
    pub(super) damage: Damage,
    /// For waits.
    pub(super) clock: Clock,
    /// For [`Stats`](super::Stats).
    pub(super) counters: Counters,
    /// The way to the one who changes what is on disk.
    pub(super) requests: Sender<Request>,
}

/// Does background work. Should it panic, that is a failure like any other, so that nobody waits
/// for it for ever.
pub(super) async fn guarded(shared: Arc<Shared>, work: impl Future<Output = ()>) {
    let _guard = Guard(shared);
    work.await;
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(LsmError::Panicked);
        }
    }
}

impl Shared {
    /// The writer of the active memtable. Panics if somebody is writing.
    pub(super) fn writer(&self) -> MutexGuard<'_, MemtableWriter> {
        let writer = self.writer.try_lock();
        writer.expect("a database has one writer at a time")
    }

    /// An empty memtable.
    pub(super) fn new_memtable(&self) -> (MemtableWriter, Arc<Memtable>) {
        let number = self.next_memtable.fetch_add(1, Ordering::Relaxed);
        Memtable::create(number, self.files.options().memtable_bytes)
    }

    /// Freezes the active memtable once there is room for one more frozen one. Returns what the
    /// database then holds; its active memtable is a fresh one.
    pub(super) async fn freeze(&self, note: Bytes) -> Result<Arc<SuperVersion>> {
        while !self.make_room(STALL_COUNTED).await? {}
        let frozen = self.rotate(note);
        self.update_pressure();
        self.changes.send_replace(());
        Ok(frozen)
    }

    /// Waits until there is room for one more frozen memtable. False if that takes longer than
    /// `patience`; fails if the background work has failed.
    pub(super) async fn make_room(&self, patience: Duration) -> Result<bool> {
        let frozen_max = self.files.options().frozen_max;
        let has_room = |current: &SuperVersion| current.frozen.len() < frozen_max;
        if has_room(&self.current.load()) {
            let failure = self.failure.get().cloned();
            return failure.map_or(Ok(true), Err);
        }
        self.counters.stalled.count(self.stall_reason());
        rare::probe("a write waited for a flush");
        let began_us = self.clock.now_us();
        let outcome = select! {
            biased;
            room = self.wait_until(has_room) => room.map(|()| true),
            () = self.clock.sleep(patience) => Ok(false),
        };
        let waited_us = self.clock.now_us() - began_us;
        self.counters.stalled.add_us(waited_us);
        outcome
    }

    /// Why there is no room for one more frozen memtable.
    fn stall_reason(&self) -> Reason {
        let level0 = self.current.load().version.level(0).len();
        match self.troubles.any() {
            Some(_) => Reason::Trouble,
            None if level0 >= self.files.options().level0_stall() => Reason::Level0,
            None => Reason::Memtables,
        }
    }

    /// Waits as long as whoever has just written is to be slowed down.
    pub(super) async fn hold_back(&self) {
        let written = self.counters.user_bytes.load(Ordering::Relaxed);
        let bytes = self.pressure.since_last(written);
        let strength = match self.pressure.is_on() {
            true => {
                let options = self.files.options();
                self.pressure.strength(&self.current.load(), options)
            }
            false => None,
        };
        let Some((reason, bytes_per_second)) = strength else {
            return;
        };
        let now_us = self.clock.now_us();
        let debt = &self.pressure.debt;
        let wait_us = debt.owe(bytes, bytes_per_second, now_us, WAIT_US_MAX);
        // Timers are not finer than a millisecond: less is left for the next call.
        if wait_us >= 1000 {
            self.counters.slowed.count(reason);
            self.clock.sleep(Duration::from_micros(wait_us)).await;
            self.counters.slowed.add_us(self.clock.now_us() - now_us);
        }
    }

    /// To be called when tables or frozen memtables have changed.
    pub(super) fn update_pressure(&self) {
        let current = self.current.load();
        self.pressure.update(&current, self.files.options());
    }

    fn rotate(&self, note: Bytes) -> Arc<SuperVersion> {
        let mut writer = self.writer();
        let (new_writer, active) = self.new_memtable();
        *writer = new_writer;
        self.current.update(|current| {
            if !current.frozen.is_empty() {
                rare::probe("a memtable was frozen while another was flushing");
            }
            let memtable = std::mem::replace(&mut current.active, active);
            current.frozen.push(Frozen { memtable, note });
        })
    }

    /// Waits until the super-version is as wanted; fails if the background work fails.
    pub(super) async fn wait_until(&self, wanted: impl Fn(&SuperVersion) -> bool) -> Result<()> {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(error) = self.failure.get() {
                return Err(error.clone());
            }
            if wanted(&self.current.load()) {
                return Ok(());
            }
            changes.changed().await.map_err(|_| LsmError::Closed)?;
        }
    }

    /// Has a change made durable and then visible. False if an ingestion came before it and it
    /// does not count any more.
    pub(super) async fn commit(&self, change: Change) -> Result<bool> {
        let (done, outcome) = oneshot::channel();
        let sent = self.requests.send(Request::Change { change, done }).await;
        sent.map_err(|_| self.stopped())?;
        outcome.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// What there is between two changes. Fails once the background work has stopped.
    pub(super) async fn look(&self) -> Result<Look> {
        let (done, outcome) = oneshot::channel();
        let sent = self.requests.send(Request::Look { done }).await;
        sent.map_err(|_| self.stopped())?;
        outcome.await.map_err(|_| self.stopped())
    }

    /// Stops the background work: what is in memory stays readable, nothing more becomes durable.
    pub(super) fn fail(&self, error: LsmError) {
        if self.failure.set(error.clone()).is_ok() {
            tracing::error!(%error, "the storage engine stops");
        }
        self.changes.send_replace(());
    }

    /// Whether the tables of a super-version are as they should be.
    pub(super) fn is_settled(&self, current: &SuperVersion) -> bool {
        let situation = Situation {
            shape: current.version.shape(),
            options: self.files.options(),
            floor: self.floor(),
            running: &[],
        };
        pick(&situation).is_none()
    }

    /// Versions that no reader looks at.
    pub(super) fn floor(&self) -> Seq {
        self.floor.load(Ordering::SeqCst)
    }

    /// Raises the floor, and tells those who compact if that gives them something to do.
    pub(super) fn set_floor(&self, floor: Seq) {
        self.floor.store(floor, Ordering::SeqCst);
        self.tell_at_floor();
    }

    /// Finds out at which floor to [tell](Self::set_floor). To be called before a wait for
    /// changes, which begins with one if the floor has come so far meanwhile.
    pub(super) fn expect_floor(&self, floor: Seq) {
        let next = next_sweep(&self.current.load().version.shape(), floor);
        self.next_sweep.store(next, Ordering::SeqCst);
        // Either this sees the floor that was raised meanwhile, or whoever raises it sees this.
        self.tell_at_floor();
    }

    fn tell_at_floor(&self) {
        if self.floor() >= self.next_sweep.load(Ordering::SeqCst) {
            self.next_sweep.store(Seq::MAX, Ordering::SeqCst);
            self.changes.send_replace(());
        }
    }

    fn stopped(&self) -> LsmError {
        let failure = self.failure.get().cloned();
        failure.unwrap_or(LsmError::Closed)
    }
}
