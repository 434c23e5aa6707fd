//! What all tables of a database share to be read.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::{
    super::{compression::Expander, error::Result, options::Options},
    cache::BlockCache,
    handles::Handles,
};
use crate::env::{Disk, File};

/// Open files, cached blocks, and counters.
pub(in crate::lsm) struct Access {
    /// The directory of the tables.
    pub(super) dir: String,
    /// Blocks that were read.
    pub(super) cache: BlockCache,
    /// Undoes compression.
    pub(super) expander: Expander,
    /// What filters said.
    pub(super) filters: FilterCounters,
    handles: Handles,
}

/// How useful the filters are.
#[derive(Debug, Default)]
pub(super) struct FilterCounters {
    /// How often a filter denied a key, which saved a read.
    pub(super) denied: AtomicU64,
    /// How often a filter let a key pass.
    pub(super) passed: AtomicU64,
    /// How often a key that had passed was not there.
    pub(super) misled: AtomicU64,
}

/// The counters of reading, for [`Stats`](super::super::Stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct ReadCounts {
    /// Blocks that were found in the cache.
    pub(in crate::lsm) cache_hits: u64,
    /// Blocks that were not.
    pub(in crate::lsm) cache_misses: u64,
    /// The memory of all cached blocks, in bytes.
    pub(in crate::lsm) cache_bytes: u64,
    /// Questions to filters.
    pub(in crate::lsm) filter_checks: u64,
    /// Those that were answered with no.
    pub(in crate::lsm) filter_useful: u64,
    /// Those that were answered with yes although the key was not there.
    pub(in crate::lsm) filter_false: u64,
    /// Open files of tables.
    pub(in crate::lsm) open_files: u64,
}

impl Access {
    /// Access to the tables in `dir`.
    pub(in crate::lsm) fn new(disk: Arc<dyn Disk>, dir: &str, options: &Options) -> Self {
        Access {
            dir: dir.to_owned(),
            cache: BlockCache::new(options.cache_bytes, options.block_bytes),
            expander: Expander::default(),
            filters: FilterCounters::default(),
            handles: Handles::new(disk, options.open_files_max),
        }
    }

    /// The file of a table, which has this path.
    pub(super) async fn file(&self, id: u64, path: &str) -> Result<Arc<dyn File>> {
        Ok(self.handles.file(id, path).await?)
    }

    /// Closes the files of tables that are about to be removed, and lets go of their blocks.
    pub(in crate::lsm) fn forget(&self, mut ids: Vec<u64>) {
        ids.iter().for_each(|id| self.handles.close(*id));
        ids.sort_unstable();
        self.cache.forget(&ids);
    }

    /// What was counted so far.
    pub(in crate::lsm) fn counts(&self) -> ReadCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (cache_hits, cache_misses) = self.cache.hits_and_misses();
        let filter_useful = load(&self.filters.denied);
        ReadCounts {
            cache_hits,
            cache_misses,
            cache_bytes: self.cache.bytes(),
            filter_checks: filter_useful + load(&self.filters.passed),
            filter_useful,
            filter_false: load(&self.filters.misled),
            open_files: self.handles.count() as u64,
        }
    }
}

impl FilterCounters {
    /// Counts an answer, and returns it.
    pub(super) fn answered(&self, may_contain: bool) -> bool {
        let counter = if may_contain {
            &self.passed
        } else {
            &self.denied
        };
        counter.fetch_add(1, Ordering::Relaxed);
        may_contain
    }
}
