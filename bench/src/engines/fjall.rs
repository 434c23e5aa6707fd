//! fjall.

use std::{
    ops::Range,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, PersistMode,
    config::{BloomConstructionPolicy, FilterPolicy, FilterPolicyEntry},
};

use super::{BLOOM_BITS, Engine, Failure, MEMTABLE_BYTES, SCAN_KEYS, on_threads};
use crate::data::{Key, Order, key, value};

/// So often in a row nothing must be under way: one job may just have asked for another.
const IDLE_LOOKS: u32 = 20;

/// An open database.
pub struct Fjall {
    db: Database,
    entries: Keyspace,
}

impl Fjall {
    pub fn open(dir: &Path, cache_bytes: usize) -> Result<Fjall, Failure> {
        let db = Database::builder(dir)
            .cache_size(cache_bytes as u64)
            .open()?;
        let bits = BloomConstructionPolicy::BitsPerKey(BLOOM_BITS as f32);
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES as u64)
                .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(bits)))
        };
        let entries = db.keyspace("entries", options)?;
        Ok(Fjall { db, entries })
    }
}

impl Engine for Fjall {
    fn fill(&self, order: Order, numbers: Range<u64>) -> Result<Duration, Failure> {
        let mut worst = Duration::ZERO;
        for number in numbers {
            let (key, value) = (key(order, number), value(number));
            let begin = Instant::now();
            self.entries.insert(key, value)?;
            worst = worst.max(begin.elapsed());
        }
        Ok(worst)
    }

    fn fill_synced(&self, writers: u64, each: u64) -> Result<(), Failure> {
        on_threads(writers, |writer| {
            for number in writer * each..(writer + 1) * each {
                self.entries
                    .insert(key(Order::Random, number), value(number))?;
                self.db.persist(PersistMode::SyncData)?;
            }
            Ok(())
        })
    }

    fn read(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure> {
        let mut found = 0;
        for key in keys {
            found += u64::from(self.entries.get(key)?.is_some());
        }
        Ok(found)
    }

    fn scan(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure> {
        let mut found = 0;
        for key in keys {
            for entry in self.entries.range(key..).take(SCAN_KEYS) {
                entry.into_inner()?;
                found += 1;
            }
        }
        Ok(found)
    }

    fn settle(&self) -> Result<(), Failure> {
        self.entries.rotate_memtable_and_wait()?;
        let mut idle = 0;
        while idle < IDLE_LOOKS {
            let is_busy = self.db.active_compactions() + self.db.outstanding_flushes() > 0;
            idle = if is_busy { 0 } else { idle + 1 };
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}
