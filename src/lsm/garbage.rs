//! Tables that nobody needs any more: their files are removed once nobody looks at them either.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;

use super::table::Table;
use crate::env::task::watch;

/// The ids of tables whose files may be removed. There are never more of them than tables were
/// replaced since the last collection.
pub(super) struct Garbage {
    ids: Mutex<Vec<u64>>,
    changes: watch::Sender<()>,
}

/// A table in use. Versions, readers and snapshots share it; when the last of them lets go of it
/// and it is disposable, its file becomes garbage.
pub(super) struct LiveTable {
    table: Table,
    disposable: AtomicBool,
    garbage: Arc<Garbage>,
}

impl Garbage {
    /// No garbage yet; `changes` is told when some arrives.
    pub(super) fn new(changes: watch::Sender<()>) -> Self {
        Garbage {
            ids: Mutex::default(),
            changes,
        }
    }

    /// Gives up the files of these tables.
    pub(super) fn push(&self, ids: impl IntoIterator<Item = u64>) {
        self.ids.lock().extend(ids);
        self.changes.send_replace(());
    }

    /// Takes everything there is.
    pub(super) fn take(&self) -> Vec<u64> {
        std::mem::take(&mut self.ids.lock())
    }
}

impl LiveTable {
    /// A table that was just written, and is disposable until it [is kept](Self::keep).
    pub(super) fn new(table: Table, garbage: Arc<Garbage>) -> Self {
        LiveTable {
            table,
            disposable: AtomicBool::new(true),
            garbage,
        }
    }

    /// The manifest names the table, or may do so from now on: its file stays.
    pub(super) fn keep(&self) {
        self.disposable.store(false, Ordering::Relaxed);
    }

    /// The manifest durably does not name the table any more: its file goes with its last user.
    pub(super) fn dispose(&self) {
        self.disposable.store(true, Ordering::Relaxed);
    }
}

impl Deref for LiveTable {
    type Target = Table;

    fn deref(&self) -> &Table {
        &self.table
    }
}

impl Drop for LiveTable {
    fn drop(&mut self) {
        if self.disposable.load(Ordering::Relaxed) {
            self.garbage.push([self.table.info().id]);
        }
    }
}
