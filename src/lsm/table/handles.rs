//! The files of tables that are open.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

use crate::env::{Disk, DiskResult, File};

/// Opens files when they are needed, and closes the one that was used least recently when there
/// are too many. Whoever reads from a file keeps it open as long as that takes.
pub(super) struct Handles {
    disk: Arc<dyn Disk>,
    /// At most so many are kept open, at least one.
    max: usize,
    // Held to look up, add and remove handles, and for nothing else.
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    /// The open files by the ids of their tables, each with the time of its last use.
    files: BTreeMap<u64, (Arc<dyn File>, u64)>,
    /// The ids by the time of last use.
    uses: BTreeMap<u64, u64>,
    /// Counts uses.
    now: u64,
}

impl Handles {
    /// No file is open yet.
    pub(super) fn new(disk: Arc<dyn Disk>, max: usize) -> Self {
        Handles {
            disk,
            max: max.max(1),
            open: Mutex::default(),
        }
    }

    /// The file of table `id`, which has this path.
    pub(super) async fn file(&self, id: u64, path: &str) -> DiskResult<Arc<dyn File>> {
        if let Some(file) = self.open.lock().touch(id) {
            return Ok(file);
        }
        // Two who come at once open it twice; one handle is kept.
        let file = self.disk.open(path).await?;
        let closed = self.open.lock().insert(id, Arc::clone(&file), self.max);
        // Closing may take a moment: not under the lock.
        drop(closed);
        Ok(file)
    }

    /// Closes the file of a table that is not needed any more.
    pub(super) fn close(&self, id: u64) {
        let closed = self.open.lock().remove(id);
        drop(closed);
    }

    /// How many files are open.
    pub(super) fn count(&self) -> usize {
        self.open.lock().files.len()
    }
}

impl Open {
    /// The file, if it is open; it is then the one used last.
    fn touch(&mut self, id: u64) -> Option<Arc<dyn File>> {
        self.now += 1;
        let (file, used) = self.files.get_mut(&id)?;
        self.uses.remove(used);
        self.uses.insert(self.now, id);
        *used = self.now;
        Some(Arc::clone(file))
    }

    /// Adds a file that was just opened; returns one that is to be closed.
    fn insert(&mut self, id: u64, file: Arc<dyn File>, max: usize) -> Option<Arc<dyn File>> {
        let twice = self.remove(id);
        self.now += 1;
        self.files.insert(id, (file, self.now));
        self.uses.insert(self.now, id);
        if self.files.len() <= max {
            return twice;
        }
        let (_, oldest) = self.uses.pop_first()?;
        self.files.remove(&oldest).map(|(file, _)| file)
    }

    fn remove(&mut self, id: u64) -> Option<Arc<dyn File>> {
        let (file, used) = self.files.remove(&id)?;
        self.uses.remove(&used);
        Some(file)
    }
}
