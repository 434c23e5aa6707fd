//! Our own.

use std::{
    ops::{Bound, Range},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use sisyphus::{
    env::OsDisk,
    lsm::{Compression, Options, Store, StoreOptions, SyncMode},
};
use tokio::runtime::Runtime;

use super::{BLOOM_BITS, Engine, Failure, MEMTABLE_BYTES, SCAN_KEYS};
use crate::data::{Key, Order, key, value};

/// An open store and the threads it runs on: as many as the machine has cores.
pub struct Ours {
    runtime: Runtime,
    store: Store,
}

impl Ours {
    pub fn open(dir: &Path, cache_bytes: usize, synced: bool) -> Result<Ours, Failure> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().build()?;
        let options = StoreOptions {
            sync: match synced {
                true => SyncMode::Group,
                false => SyncMode::None,
            },
            engine: Options {
                memtable_bytes: MEMTABLE_BYTES,
                compression: vec![Compression::Lz4],
                bloom_bits_per_key: BLOOM_BITS,
                cache_bytes,
                ..Options::default()
            },
            ..StoreOptions::default()
        };
        let disk = Arc::new(OsDisk::open(dir)?);
        let store = runtime.block_on(Store::open(disk, "db", options))?;
        Ok(Ours { runtime, store })
    }
}

impl Engine for Ours {
    fn fill(&self, order: Order, numbers: Range<u64>) -> Result<Duration, Failure> {
        self.runtime.block_on(async {
            let mut worst = Duration::ZERO;
            for number in numbers {
                let (key, value) = (key(order, number), value(number));
                let begin = Instant::now();
                self.store.put(&key, &value).await?;
                worst = worst.max(begin.elapsed());
            }
            Ok(worst)
        })
    }

    fn fill_synced(&self, writers: u64, each: u64) -> Result<(), Failure> {
        self.runtime.block_on(async {
            let start = |writer| {
                let store = self.store.clone();
                tokio::spawn(async move {
                    for number in writer * each..(writer + 1) * each {
                        store
                            .put(&key(Order::Random, number), &value(number))
                            .await?;
                    }
                    Ok::<(), Failure>(())
                })
            };
            let tasks: Vec<_> = (0..writers).map(start).collect();
            for task in tasks {
                task.await??;
            }
            Ok(())
        })
    }

    fn read(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure> {
        self.runtime.block_on(async {
            let mut found = 0;
            for key in keys {
                found += u64::from(self.store.get(&key).await?.is_some());
            }
            Ok(found)
        })
    }

    fn scan(&self, keys: &mut dyn Iterator<Item = Key>) -> Result<u64, Failure> {
        self.runtime.block_on(async {
            let mut found = 0;
            for key in keys {
                let mut range = self.store.range((Bound::Included(&key), Bound::Unbounded));
                for _ in 0..SCAN_KEYS {
                    found += u64::from(range.next().await?.is_some());
                }
            }
            Ok(found)
        })
    }

    fn settle(&self) -> Result<(), Failure> {
        self.runtime.block_on(async {
            self.store.flush().await?;
            Ok(self.store.settle().await?)
        })
    }
}
