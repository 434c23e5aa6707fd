//! The one who changes what is on disk: a task that takes changes one after another, makes each
//! durable by one edit of the manifest, and only then lets readers see it.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    error::Result,
    garbage::LiveTable,
    manifest::{Catalog, Edit, Manifest},
    shared::Shared,
    state::SuperVersion,
    trouble::{Attempts, Worker},
};
use crate::env::task::{Receiver, oneshot};

/// So many changes wait in the queue; whoever comes with one more waits before it.
pub(super) const REQUESTS_MAX: usize = 4;

/// What is to be changed.
pub(super) enum Change {
    /// The oldest frozen memtable has become a table, or was empty.
    Flush {
        /// The generation in which it was frozen.
        generation: u64,
        /// Its number.
        memtable: u64,
        /// The table.
        table: Option<Arc<LiveTable>>,
        /// The memtable's note.
        note: Bytes,
    },
    /// Tables were merged, or one goes to another level as it is.
    Compaction {
        /// The generation of the tables.
        generation: u64,
        /// The ids of the tables that were merged.
        removed: Vec<u64>,
        /// What came of them.
        added: Vec<(usize, Arc<LiveTable>)>,
    },
    /// Everything is replaced.
    Ingest {
        /// By this.
        added: Vec<(usize, Arc<LiveTable>)>,
        /// And the note by this.
        note: Bytes,
    },
}

/// What is asked of the committer, and where the outcome is awaited.
pub(super) enum Request {
    /// To make a change.
    Change {
        /// What to change.
        change: Change,
        /// Is told whether it was done, or came too late.
        done: oneshot::Sender<Result<bool>>,
    },
    /// To look at what there is while nothing changes.
    Look {
        /// Is shown it.
        done: oneshot::Sender<Look>,
    },
}

/// What there is between two changes.
pub(super) struct Look {
    /// What the manifest should say.
    pub(super) catalog: Catalog,
    /// What readers look at.
    pub(super) current: Arc<SuperVersion>,
    /// What the manifest says.
    pub(super) reread: Result<Catalog>,
}

/// Takes requests until one fails.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut manifest: Manifest,
    mut requests: Receiver<Request>,
) {
    let attempts = Attempts::new(&shared, Worker::Committer);
    while let Some(request) = requests.recv().await {
        let (change, done) = match request {
            Request::Change { change, done } => (change, done),
            Request::Look { done } => {
                let look = Look {
                    catalog: manifest.catalog().clone(),
                    current: shared.current.load(),
                    reread: manifest.reread().await,
                };
                let _ = done.send(look);
                continue;
            }
        };
        let outcome = commit(&shared, &mut manifest, &attempts, change).await;
        if let Err(error) = &outcome {
            shared.fail(error.clone());
        }
        let failed = outcome.is_err();
        // Whoever asked may have gone meanwhile.
        let _ = done.send(outcome);
        if failed {
            return;
        }
    }
}

async fn commit(
    shared: &Shared,
    manifest: &mut Manifest,
    attempts: &Attempts,
    change: Change,
) -> Result<bool> {
    let before = shared.current.load();
    if change.is_late(before.generation) {
        return Ok(false);
    }
    let edit = change.edit(&before, shared.files.next_id());
    // From here on the manifest may name these tables, whatever comes of the attempt.
    change.added().for_each(|(_, table)| table.keep());
    make_durable(manifest, attempts, &edit).await?;
    install(shared, &edit, change);
    shared.update_pressure();
    // A table that only changes its level is removed and added.
    let is_kept = |id| edit.added.iter().any(|(_, info)| info.id == id);
    let is_removed = |table: &&Arc<LiveTable>| {
        let id = table.info().id;
        edit.removed.contains(&id) && !is_kept(id)
    };
    let removed = before.version.tables().filter(is_removed);
    removed.for_each(|table| table.dispose());
    if let Some(note) = edit.note {
        shared.note.send_replace(note);
    }
    shared.changes.send_replace(());
    Ok(true)
}

/// Appends an edit. What is on disk of one that failed nobody knows, so a new manifest is written
/// that has it for sure, as often as it takes.
async fn make_durable(manifest: &mut Manifest, attempts: &Attempts, edit: &Edit) -> Result<()> {
    let mut done = manifest.append(edit).await;
    while let Err(error) = done {
        if !attempts.fail(error.clone()).await {
            return Err(error);
        }
        done = manifest.rewrite().await;
    }
    attempts.succeed();
    Ok(())
}

/// Lets readers see a change that is durable.
fn install(shared: &Shared, edit: &Edit, change: Change) {
    let added: Vec<_> = change.added().collect();
    let next_version =
        |current: &SuperVersion| Arc::new(current.version.edit(&edit.removed, &added));
    match change {
        Change::Flush { memtable, .. } => {
            shared.current.update(|current| {
                let flushed = current.frozen.remove(0);
                assert_eq!(
                    flushed.memtable.number(),
                    memtable,
                    "flushes keep their order"
                );
                current.version = next_version(current);
            });
        }
        Change::Compaction { .. } => {
            shared.current.update(|current| {
                current.version = next_version(current);
            });
        }
        Change::Ingest { .. } => {
            let mut writer = shared.writer();
            let (new_writer, active) = shared.new_memtable();
            *writer = new_writer;
            shared.current.update(|current| {
                current.version = next_version(current);
                current.frozen.clear();
                current.active = active;
                current.generation += 1;
            });
        }
    }
}

impl Change {
    /// Whether everything was replaced since the change was begun.
    fn is_late(&self, present: u64) -> bool {
        match self {
            Change::Flush { generation, .. } | Change::Compaction { generation, .. } => {
                *generation != present
            }
            Change::Ingest { .. } => false,
        }
    }

    /// The new tables, each with its level.
    fn added(&self) -> impl Iterator<Item = (usize, Arc<LiveTable>)> {
        let (flushed, rest) = match self {
            Change::Flush { table, .. } => (table.clone(), None),
            Change::Compaction { added, .. } | Change::Ingest { added, .. } => (None, Some(added)),
        };
        let rest = rest.into_iter().flatten().cloned();
        flushed.map(|table| (0, table)).into_iter().chain(rest)
    }

    fn edit(&self, before: &SuperVersion, next_id: u64) -> Edit {
        let added = self.added();
        let added = added.map(|(level, table)| (level, table.info().clone()));
        let (note, removed) = match self {
            Change::Flush { note, .. } => (Some(note.clone()), Vec::new()),
            Change::Compaction { removed, .. } => (None, removed.clone()),
            Change::Ingest { note, .. } => {
                let everything = before.version.tables().map(|table| table.info().id);
                (Some(note.clone()), everything.collect())
            }
        };
        Edit {
            next_id,
            note,
            removed,
            added: added.collect(),
        }
    }
}
