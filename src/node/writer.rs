//! The stage that makes the log durable. One task for all shards of a node: whatever queued while
//! the last sync ran is the next batch, with one sync for all of it.

use std::collections::BTreeMap;

use super::{Event, Failure, LogStore, LogStoreError, link::Link, replica::Completion};
use crate::{
    env::{
        rare,
        task::{Receiver, Sender},
    },
    raft::{Base, Persist},
    types::ShardId,
};

/// Work for the log writer.
#[derive(Debug)]
pub(super) enum WriterJob {
    /// Make a batch durable, then say so to its shard.
    Persist(ShardId, Persist),
    /// Entries up to here are no longer needed.
    Compact(ShardId, Base),
}

/// The log writer: owns the log store, and with it the only file handle that is synced on the way
/// of a write.
pub(super) struct Writer {
    pub(super) store: LogStore,
    pub(super) jobs: Receiver<WriterJob>,
    /// Where each shard's replica hears of it. A replica has one batch under way at a time, so
    /// there is always room.
    pub(super) shards: BTreeMap<ShardId, (Link, Sender<Completion>)>,
    pub(super) failure: Failure,
}

impl Writer {
    /// Works until the replicas are gone or the disk fails. A disk that failed once is not
    /// believed again: nothing is acknowledged any more, and the node gives up.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.jobs.recv().await {
            let mut batch = vec![job];
            while !rare::buggify("write a batch alone")
                && let Ok(job) = self.jobs.try_recv()
            {
                batch.push(job);
            }
            if let Err(error) = self.write(batch).await {
                self.failure
                    .report(format!("the log cannot be written: {error}"));
                return;
            }
        }
    }

    async fn write(&mut self, batch: Vec<WriterJob>) -> Result<(), LogStoreError> {
        let (mut written, mut cuts) = (Vec::new(), Vec::new());
        for job in batch {
            match job {
                WriterJob::Persist(shard, persist) => {
                    self.store.append(shard, &persist);
                    written.push((shard, persist));
                }
                WriterJob::Compact(shard, base) => cuts.push((shard, base)),
            }
        }
        if !written.is_empty() {
            self.store.commit().await?;
        }
        for (shard, persist) in written {
            self.announce(shard, persist);
        }
        for (shard, base) in cuts {
            self.store.compact(shard, base).await?;
        }
        Ok(())
    }

    fn announce(&self, shard: ShardId, persist: Persist) {
        let (link, done) = &self.shards[&shard];
        let Persist {
            ticket,
            hard_state,
            reset,
            entries,
            damaged: _,
        } = persist;
        link.observe(Event::Persisted {
            hard_state,
            reset: reset.map(|base| base.at),
            entries: &entries,
        });
        // A closed channel means that the node is stopping.
        let _ = done.try_send(Completion::Persisted { ticket });
    }
}
