//! The directory of a database: its tables are created, opened and removed here.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    error::Result,
    garbage::{Garbage, LiveTable},
    names,
    options::Options,
    table::{Access, Table, TableBuilder, TableInfo},
};
use crate::env::Disk;

/// The files of one database.
pub(super) struct Files {
    disk: Arc<dyn Disk>,
    dir: String,
    options: Options,
    /// What tables share to be read.
    access: Arc<Access>,
    next_id: AtomicU64,
    garbage: Arc<Garbage>,
}

impl Files {
    /// The files in `dir`, where all tables have ids below `next_id`.
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        dir: &str,
        options: Options,
        next_id: u64,
        garbage: Arc<Garbage>,
    ) -> Self {
        Files {
            access: Arc::new(Access::new(Arc::clone(&disk), dir, &options)),
            disk,
            dir: dir.to_owned(),
            options,
            next_id: AtomicU64::new(next_id),
            garbage,
        }
    }

    /// The sizes to keep to.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// All tables so far have lower ids.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// Takes an id for a table.
    pub(super) fn take_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// What tables share to be read.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Begins the table of this id, for a level.
    pub(super) async fn create(&self, id: u64, level: usize) -> Result<TableBuilder> {
        let file = self.disk.create(&self.path(id)).await?;
        Ok(TableBuilder::new(id, file, level, &self.options))
    }

    /// A table that is there. It is opened by the first read.
    pub(super) fn table(&self, info: TableInfo) -> Arc<LiveTable> {
        let table = Table::new(Arc::clone(&self.access), info);
        Arc::new(LiveTable::new(table, Arc::clone(&self.garbage)))
    }

    /// Makes the names of new tables durable.
    pub(super) async fn sync_names(&self) -> Result<()> {
        Ok(self.disk.sync_dir(&self.dir).await?)
    }

    /// Gives up tables that were begun and will not be used.
    pub(super) fn discard(&self, ids: Vec<u64>) {
        if !ids.is_empty() {
            self.garbage.push(ids);
        }
    }

    /// Removes the files of tables that nobody needs any more.
    pub(super) async fn collect_garbage(&self) {
        let ids = self.garbage.take();
        if ids.is_empty() {
            return;
        }
        self.access.forget(ids.clone());
        for id in ids {
            // A file that cannot be removed does no harm: the next opening tries again.
            let _ = self.disk.remove(&self.path(id)).await;
        }
    }

    /// The disk.
    pub(super) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The path of a file of this name; of no name, what all paths begin with.
    pub(super) fn path_of(&self, name: &str) -> String {
        names::path(&self.dir, name)
    }

    fn path(&self, id: u64) -> String {
        names::path(&self.dir, &names::table(id))
    }
}
