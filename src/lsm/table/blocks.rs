//! How a cursor comes by its blocks, whichever way it goes.

use super::{
    super::{block::Block, error::Result},
    cache::Caching,
    format::Handle,
    reader::Table,
};

/// A cursor that has gone through so many blocks is on a long way, and leaves no more of them in
/// the cache.
pub(super) const FILL_BLOCKS_MAX: usize = 64;

/// The blocks that a cursor reads, one after another.
pub(super) struct Blocks {
    caching: Caching,
    /// How many were read.
    read: usize,
}

impl Blocks {
    /// None was read yet.
    pub(super) fn new(caching: Caching) -> Self {
        Blocks { caching, read: 0 }
    }

    /// Reads one more.
    pub(super) async fn read(&mut self, table: &Table, handle: Handle) -> Result<Block> {
        self.read += 1;
        if self.read > FILL_BLOCKS_MAX {
            self.caching = Caching::Pass;
        }
        table.block(handle, self.caching).await
    }
}
