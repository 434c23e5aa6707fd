//! RocksDB.

use std::{
    ops::Range,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, Direction, FlushOptions, IteratorMode,
    Options, WriteOptions,
};

use super::{BLOOM_BITS, Engine, Failure, MEMTABLE_BYTES, SCAN_KEYS, on_threads};
use crate::data::{Key, Order, key, value};

/// What must be 0 when nothing is being done.
const WORK: [&str; 4] = [
    "rocksdb.mem-table-flush-pending",
    "rocksdb.compaction-pending",
    "rocksdb.num-running-flushes",
    "rocksdb.num-running-compactions",
];

/// An open database.
pub struct Rocks {
    db: DB,
    synced: bool,
}

impl Rocks {
    pub fn open(dir: &Path, cache_bytes: usize, synced: bool) -> Result<Rocks, Failure> {
        let mut table = BlockBasedOptions::default();
        table.set_bloom_filter(BLOOM_BITS as f64, false);
        table.set_block_cache(&Cache::new_lru_cache(cache_bytes)?);
        table.set_block_size(4 << 10);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(MEMTABLE_BYTES);
        // As many frozen memtables as we allow ourselves, and the active one.
        options.set_max_write_buffer_number(4);
        let cores = std::thread::available_parallelism()?;
        options.increase_parallelism(cores.get() as i32);
        let db = DB::open(&options, dir)?;
        Ok(Rocks { db, synced })
    }

    fn write_options(&self) -> WriteOptions {
        let mut options = WriteOptions::default();
        options.set_sync(self.synced);
        options
    }
}

impl Engine for Rocks {
    fn fill(&self, order: Order, numbers: Range<u64>) -> Result<Duration, Failure> {
        let options = self.write_options();
        let mut worst = Duration::ZERO;
        for number in numbers {
            let (key, value) = (key(order, number), value(number));
            let begin = Instant::now();
            self.db.put_opt(key, value, &options)?;
            worst = worst.max(begin.elapsed());
        }
        Ok(worst)
    }

    fn fill_synced(&self, writers: u64, each: u64) -> Result<(), Failure> {
        on_threads(writers, |writer| {
            let numbers = writer * each..(writer + 1) * each;
            self.fill(Order::Random, numbers).map(drop)
        })
    }

    fn read(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure> {
        let mut found = 0;
        for key in keys {
            found += u64::from(self.db.get_pinned(key)?.is_some());
        }
        Ok(found)
    }

    fn scan(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure> {
        let mut found = 0;
        for key in keys {
            let from = IteratorMode::From(&key, Direction::Forward);
            for entry in self.db.iterator(from).take(SCAN_KEYS) {
                entry?;
                found += 1;
            }
        }
        Ok(found)
    }

    fn settle(&self) -> Result<(), Failure> {
        let mut options = FlushOptions::default();
        options.set_wait(true);
        self.db.flush_opt(&options)?;
        loop {
            let mut busy = 0;
            for property in WORK {
                busy += self.db.property_int_value(property)?.unwrap_or(0);
            }
            if busy == 0 {
                return Ok(());
            }
            sleep(Duration::from_millis(10));
        }
    }
}
