//! How many writers become one: whoever finds nobody leading takes all that has queued, writes it
//! as one record, and tells the others.
//!
//! What a leader has begun is a value in the queue and not a part of its own future: when a leader
//! is dropped half-way, the next one goes on exactly where it stopped.

use std::{
    collections::BTreeMap,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::Mutex;

use super::{
    super::{db::Db, entry::Seq, error::LsmError, stats::Stats},
    batch::Writes,
    error::{Result, StoreError},
    group::{Done, Group, InFlight, Lead, Pending, Stage},
    log::Log,
    options::SyncMode,
    stats::StoreStats,
};
use crate::env::task::{Notify, yield_now};

/// So many writes are made without a wait before other tasks of the thread have their turn.
const QUICK_MAX: u64 = 32;

/// Everything about writers, under one short lock.
struct State {
    /// The log, while nobody leads.
    log: Option<Box<Log>>,
    /// What a leader left behind that was dropped half-way.
    abandoned: Option<InFlight>,
    pending: Pending,
    /// The buffer of the group before, to be used again.
    spare: Vec<u8>,
    /// The last group was made by one writer.
    is_lone: bool,
    /// What further writes are told, once there is a reason.
    refusal: Option<StoreError>,
    /// The numbers at which somebody reads, with how many do.
    readers: BTreeMap<Seq, u64>,
    /// Bytes written into the log.
    log_bytes: u64,
    /// How often something was written into it.
    log_writes: u64,
}

/// The queue in front of the log.
pub(super) struct Queue {
    state: Mutex<State>,
    db: Db,
    sync: SyncMode,
    /// The number of the last write that readers may see. Changed under the lock.
    visible: AtomicU64,
    /// Told when a group is taken or nobody leads, for those who found it full.
    room: Notify,
    /// Counts writes that have not let other tasks run.
    quick: AtomicU64,
}

impl Queue {
    /// The queue in front of a log.
    pub(super) fn new(log: Log, db: Db, sync: SyncMode) -> Queue {
        let visible = log.last();
        db.set_floor(visible);
        let state = State {
            log: Some(Box::new(log)),
            abandoned: None,
            pending: Pending::default(),
            spare: Vec::new(),
            is_lone: true,
            refusal: None,
            readers: BTreeMap::new(),
            log_bytes: 0,
            log_writes: 0,
        };
        Queue {
            state: Mutex::new(state),
            db,
            sync,
            visible: AtomicU64::new(visible),
            room: Notify::new(),
            quick: AtomicU64::new(0),
        }
    }

    /// The number of the last write that readers may see.
    pub(super) fn visible(&self) -> Seq {
        self.visible.load(Ordering::Acquire)
    }

    /// Makes writes, alone or together with others.
    pub(super) async fn write(&self, writes: Writes<'_>) -> Result<()> {
        if let Some(done) = self.write_now(&writes) {
            let quick = self.quick.fetch_add(1, Ordering::Relaxed);
            if quick % QUICK_MAX == QUICK_MAX - 1 {
                yield_now().await;
            }
            return done;
        }
        let group = self.enqueue(&writes).await?;
        self.outcome(&group).await
    }

    /// Has the memtable frozen, or the log synced, behind all that was written before.
    pub(super) async fn request(&self, wanted: impl FnOnce(&mut Pending)) -> Result<()> {
        let group = {
            let mut state = self.state.lock();
            state.check()?;
            wanted(&mut state.pending);
            Arc::clone(&state.pending.group)
        };
        self.outcome(&group).await
    }

    /// Refuses writes from now on, those that queue included.
    pub(super) fn close(&self) {
        self.stop(&mut self.state.lock(), &StoreError::Closed);
    }

    /// The number of the last write, which stays readable until it is unpinned.
    pub(super) fn pin(&self) -> Seq {
        let mut state = self.state.lock();
        let seq = self.visible();
        *state.readers.entry(seq).or_default() += 1;
        seq
    }

    /// Undoes a pin.
    pub(super) fn unpin(&self, seq: Seq) {
        let mut state = self.state.lock();
        let count = state.readers.get_mut(&seq);
        let count = count.expect("what is unpinned was pinned");
        *count -= 1;
        if *count == 0 {
            state.readers.remove(&seq);
        }
        self.raise_floor(&state);
    }

    /// The engine's numbers with those of the log.
    pub(super) fn stats(&self, engine: Stats) -> StoreStats {
        let state = self.state.lock();
        StoreStats {
            engine,
            log_bytes: state.log_bytes,
            log_writes: state.log_writes,
            snapshots: state.readers.values().sum(),
            seq: self.visible(),
        }
    }

    /// The way of a write that need not wait for another writer, nor for more of the disk than this
    /// thread may: no queue, no future, no memory.
    fn write_now(&self, writes: &Writes<'_>) -> Option<Result<()>> {
        let log = self.take_ready()?;
        let mut taken = Taken {
            queue: self,
            log: Some(log),
        };
        let log = taken.log.as_mut().expect("just taken");
        let result = log.write_now(writes);
        let log = taken.log.take().expect("just used");
        match &result {
            Some(result) => self.give_back(Some(log), Vec::new(), result),
            None => self.put_back(log),
        }
        result
    }

    /// The log, if its next write need not wait, nobody queues for it, and nobody is expected to join:
    /// of those who share a sync each would else take one of its own.
    fn take_ready(&self) -> Option<Box<Log>> {
        let mut state = self.state.lock();
        let is_first = state.pending.is_idle() && state.refusal.is_none();
        let is_alone = state.is_lone || self.sync != SyncMode::Group;
        state
            .log
            .take_if(|log| is_first && is_alone && log.is_ready())
    }

    /// Joins the group that queues, once it has room.
    async fn enqueue(&self, writes: &Writes<'_>) -> Result<Arc<Group>> {
        loop {
            // Before the look, so that room that is made behind it is not missed.
            let room = self.room.notified();
            if let Some(group) = self.try_enqueue(writes)? {
                return Ok(group);
            }
            // Those whose writes fill the group may all have gone, and nobody else would lead.
            match self.lead() {
                Some(lead) => lead.await,
                None => room.await,
            }
        }
    }

    fn try_enqueue(&self, writes: &Writes<'_>) -> Result<Option<Arc<Group>>> {
        let mut state = self.state.lock();
        state.check()?;
        if !state.pending.has_room(writes, self.sync) {
            return Ok(None);
        }
        state.pending.add(writes);
        // Whoever waits for room may fit as well.
        self.room.notify_one();
        Ok(Some(Arc::clone(&state.pending.group)))
    }

    /// Leads or follows until the group is done.
    async fn outcome(&self, group: &Group) -> Result<()> {
        loop {
            let changed = group.changed.notified();
            if let Some(outcome) = group.outcome.get() {
                return outcome.clone();
            }
            match self.lead() {
                Some(lead) => lead.await,
                None => changed.await,
            }
        }
    }

    /// The lead, if nobody has it and there is something to do.
    fn lead(&self) -> Option<Lead<'_>> {
        let mut state = self.state.lock();
        if let Some(begun) = state.abandoned.take() {
            return Some(Lead::new(self, Stage::Work(begun)));
        }
        if state.pending.is_idle() {
            return None;
        }
        let log = state.log.take()?;
        let stage = match self.sync {
            SyncMode::Group => Stage::Gather(log),
            SyncMode::EachWrite | SyncMode::None => Stage::Take(log),
        };
        Some(Lead::new(self, stage))
    }

    /// Called by a leader that is ready: it gets all that queues.
    pub(super) fn take(&self, log: Box<Log>) -> InFlight {
        let mut state = self.state.lock();
        let next = Pending::with(std::mem::take(&mut state.spare));
        let pending = std::mem::replace(&mut state.pending, next);
        if pending.writers > 0 {
            state.is_lone = pending.writers == 1;
        }
        drop(state);
        self.room.notify_one();
        pending.begin(log)
    }

    /// Called when a leader is dropped that has taken nothing yet.
    pub(super) fn put_back(&self, log: Box<Log>) {
        let mut state = self.state.lock();
        state.log = Some(log);
        self.call_next(&state);
    }

    /// Called by a leader at the end of its work.
    pub(super) fn finish(&self, group: &Group, done: Done) {
        self.give_back(Some(done.log), done.buffer, &done.result);
        group.end(done.result);
    }

    /// Called when a leader is dropped half-way: somebody else goes on.
    pub(super) fn abandon(&self, begun: InFlight) {
        let group = Arc::clone(&begun.group);
        let mut state = self.state.lock();
        state.abandoned = Some(begun);
        group.changed.notify_one();
        self.call_next(&state);
    }

    /// Called when a leader has panicked: what it did is not known.
    pub(super) fn panicked(&self, group: &Group) {
        let error = StoreError::Engine(LsmError::Panicked);
        group.end(Err(error.clone()));
        self.stop(&mut self.state.lock(), &error);
    }

    /// Lets readers see what was written, and the next one lead.
    fn give_back(&self, log: Option<Box<Log>>, buffer: Vec<u8>, result: &Result<()>) {
        let mut state = self.state.lock();
        match (result, &log) {
            (Ok(()), Some(log)) => {
                self.visible.store(log.last(), Ordering::Release);
                state.log_bytes = log.bytes_written();
                state.log_writes += 1;
                self.raise_floor(&state);
            }
            (Ok(()), None) => unreachable!("a write without a log"),
            (Err(error), _) if error.is_passing() => {}
            (Err(error), _) => self.stop(&mut state, error),
        }
        state.log = log;
        if buffer.capacity() > 0 {
            state.spare = buffer;
        }
        if !state.pending.is_idle() {
            self.call_next(&state);
        }
    }

    /// Tells one of those who queue that nobody leads, and, should they all have gone, one of those
    /// who wait for room behind their writes.
    fn call_next(&self, state: &State) {
        state.pending.group.changed.notify_one();
        self.room.notify_one();
    }

    /// Nobody reads below the oldest reader, or below the present if there is none.
    fn raise_floor(&self, state: &State) {
        let oldest = state.readers.first_key_value().map(|(seq, _)| *seq);
        self.db.set_floor(oldest.unwrap_or(self.visible()));
    }

    fn stop(&self, state: &mut State, error: &StoreError) {
        let refusal = state.refusal.get_or_insert_with(|| error.refusal()).clone();
        let pending = std::mem::take(&mut state.pending);
        pending.group.end(Err(refusal));
        self.room.notify_waiters();
    }
}

impl State {
    fn check(&self) -> Result<()> {
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

/// The log in the hands of a writer that does not wait.
struct Taken<'a> {
    queue: &'a Queue,
    log: Option<Box<Log>>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.log.is_some() {
            let error = StoreError::Engine(LsmError::Panicked);
            self.queue.stop(&mut self.queue.state.lock(), &error);
        }
    }
}
