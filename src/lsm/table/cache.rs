//! Blocks that were read before.

use std::{
    hash::{BuildHasher, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use super::super::block::Block;

/// Into so many parts the cache is cut, each with a lock of its own. Fixed, so that what is in the
/// cache does not depend on the machine.
const SHARDS: usize = 16;

/// What a block takes beside its payload.
const ENTRY_BYTES: u64 = 96;

/// What a read may do with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lsm) enum Caching {
    /// Take blocks from it, and leave there what was read from the disk: reads of users.
    Fill,
    /// Take blocks from it without leaving any: whoever reads everything once would only drive
    /// out what others read often.
    Pass,
}

/// The blocks of all tables of a database, uncompressed and checked. It holds those that are read
/// again and again: a block must be asked for twice before it drives out others, so that long scans
/// pass through (`quick_cache` keeps order by CLOCK-Pro, Jiang and others, 2005).
///
/// Ids of tables are never used twice: blocks of removed tables are not found any more. They are
/// [forgotten](Self::forget) with the files, for they would else keep their memory until others come.
pub(super) struct BlockCache {
    blocks: Option<Cache<Place, Block, ByBytes, Spread, Lifecycle>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// The id of a table, and where in it a block begins.
type Place = (u64, u64);

type Lifecycle = DefaultLifecycle<Place, Block>;

/// Weighs blocks by their memory.
#[derive(Clone)]
struct ByBytes;

/// Spreads places evenly, the same in every run.
#[derive(Clone, Copy, Default)]
struct Spread(u64);

impl BlockCache {
    /// An empty cache for so many bytes of blocks that usually have `block_bytes`.
    pub(super) fn new(bytes: usize, block_bytes: usize) -> Self {
        let mut options = OptionsBuilder::new();
        options
            .shards(SHARDS)
            .estimated_items_capacity(bytes / block_bytes.max(1) + 1)
            .weight_capacity(bytes as u64);
        let options = options.build().expect("both capacities are given");
        let cache = || {
            let spread = Spread::default();
            Cache::with_options(options, ByBytes, spread, DefaultLifecycle::default())
        };
        BlockCache {
            blocks: (bytes > 0).then(cache),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The block at `offset` of table `id`, if it is here.
    pub(super) fn get(&self, id: u64, offset: u64, caching: Caching) -> Option<Block> {
        let blocks = self.blocks.as_ref();
        match caching {
            Caching::Fill => {
                let found = blocks.and_then(|blocks| blocks.get(&(id, offset)));
                let counter = if found.is_some() {
                    &self.hits
                } else {
                    &self.misses
                };
                counter.fetch_add(1, Ordering::Relaxed);
                found
            }
            Caching::Pass => blocks?.peek(&(id, offset)),
        }
    }

    /// Keeps a block that was read.
    pub(super) fn insert(&self, id: u64, offset: u64, block: &Block) {
        if let Some(blocks) = &self.blocks {
            blocks.insert((id, offset), block.clone());
        }
    }

    /// Lets go of the blocks of these tables, whose ids ascend.
    pub(super) fn forget(&self, tables: &[u64]) {
        if let Some(blocks) = &self.blocks {
            blocks.retain(|(id, _), _| tables.binary_search(id).is_err());
        }
    }

    /// How many reads of users found their block here, and how many did not.
    pub(super) fn hits_and_misses(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.hits), load(&self.misses))
    }

    /// The memory of all blocks here, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks.as_ref().map_or(0, Cache::weight)
    }
}

impl Weighter<Place, Block> for ByBytes {
    fn weight(&self, _: &Place, block: &Block) -> u64 {
        block.len() as u64 + ENTRY_BYTES
    }
}

impl BuildHasher for Spread {
    type Hasher = Spread;

    fn build_hasher(&self) -> Spread {
        *self
    }
}

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // Both halves of the product with the golden ratio, laid over each other.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15_u128;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
