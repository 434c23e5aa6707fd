//! Writes that become one record, from the queue to their common outcome.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
};

use super::{batch::Writes, error::Result, log::Log, options::SyncMode, queue::Queue};
use crate::env::task::Notify;

/// A group takes no further writes when it has this many bytes; they wait for the next one.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// Writes that queue.
#[derive(Default)]
pub(super) struct Pending {
    /// The writes, encoded.
    pub(super) bytes: Vec<u8>,
    /// How many there are.
    pub(super) writes: u64,
    /// How many tasks made them.
    pub(super) writers: u64,
    /// The memtable is to be frozen before them.
    pub(super) wants_freeze: bool,
    /// The log is to be synced behind them, whatever the mode.
    pub(super) wants_sync: bool,
    /// Those who made them.
    pub(super) group: Arc<Group>,
}

/// Where those of one group wait.
#[derive(Default)]
pub(super) struct Group {
    /// What came of it, once it is known.
    pub(super) outcome: OnceLock<Result<()>>,
    /// Told when there is an outcome, and one of them when nobody leads.
    pub(super) changed: Notify,
}

/// What a leader has begun.
pub(super) struct InFlight {
    /// Whose writes they are.
    pub(super) group: Arc<Group>,
    work: Pin<Box<dyn Future<Output = Done> + Send>>,
}

/// What is left at the end of it.
pub(super) struct Done {
    /// The log, for the next leader.
    pub(super) log: Box<Log>,
    /// The memory of the writes.
    pub(super) buffer: Vec<u8>,
    /// What came of the writes.
    pub(super) result: Result<()>,
}

/// The lead: a future that ends when a group is in the log and in memory. Dropped before, it
/// leaves what it has begun to the next leader.
pub(super) struct Lead<'a> {
    queue: &'a Queue,
    stage: Stage,
}

/// How far a leader has come.
pub(super) enum Stage {
    /// It has the log, and lets others run once before it takes what queues: those whose writes
    /// have just been made are about to bring the next ones, and would else find the sync begun
    /// that could have served them.
    Gather(Box<Log>),
    /// It has the log, and takes what queues.
    Take(Box<Log>),
    /// The group is on its way.
    Work(InFlight),
    /// It is done.
    Over,
}

impl Pending {
    /// An empty group that collects its writes in this memory.
    pub(super) fn with(bytes: Vec<u8>) -> Self {
        Pending {
            bytes,
            ..Pending::default()
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.writes == 0 && !self.wants_freeze && !self.wants_sync
    }

    /// Whether more writes may join.
    pub(super) fn has_room(&self, writes: &Writes<'_>, sync: SyncMode) -> bool {
        let fits = self.bytes.len() + writes.bytes() <= GROUP_BYTES_MAX;
        self.writes == 0 || (sync != SyncMode::EachWrite && fits)
    }

    /// Adds writes.
    pub(super) fn add(&mut self, writes: &Writes<'_>) {
        writes.put(&mut self.bytes);
        self.writes += writes.count();
        self.writers += 1;
    }

    /// Begins to write them.
    pub(super) fn begin(self, mut log: Box<Log>) -> InFlight {
        let group = Arc::clone(&self.group);
        let work = async move {
            let result = log.commit(&self).await;
            let mut buffer = self.bytes;
            buffer.clear();
            buffer.shrink_to(GROUP_BYTES_MAX);
            Done {
                log,
                buffer,
                result,
            }
        };
        InFlight {
            group,
            work: Box::pin(work),
        }
    }
}

impl Group {
    /// Tells all who wait.
    pub(super) fn end(&self, outcome: Result<()>) {
        // A group that was stopped has its outcome.
        let _ = self.outcome.set(outcome);
        self.changed.notify_waiters();
    }
}

impl<'a> Lead<'a> {
    /// Leads on from there.
    pub(super) fn new(queue: &'a Queue, stage: Stage) -> Self {
        Lead { queue, stage }
    }
}

impl Future for Lead<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Gather(log) => {
                    self.stage = Stage::Take(log);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Stage::Take(log) => self.stage = Stage::Work(self.queue.take(log)),
                Stage::Work(begun) => {
                    self.stage = Stage::Work(begun);
                    return self.work(context);
                }
                Stage::Over => panic!("a leader that was done is polled"),
            }
        }
    }
}

impl Lead<'_> {
    fn work(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Stage::Work(begun) = &mut self.stage else {
            unreachable!("only called on the way")
        };
        let done = ready!(begun.work.as_mut().poll(context));
        let group = Arc::clone(&begun.group);
        self.stage = Stage::Over;
        self.queue.finish(&group, done);
        Poll::Ready(())
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Work(begun) if std::thread::panicking() => self.queue.panicked(&begun.group),
            Stage::Work(begun) => self.queue.abandon(begun),
            Stage::Gather(log) | Stage::Take(log) => self.queue.put_back(log),
            Stage::Over => {}
        }
    }
}
