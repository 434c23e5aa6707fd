//! Any sequence of operations against a map.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::env::task::block_on;

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<(u8, Option<u8>)>),
    Put(u8, u8),
    Delete(u8),
    DeleteRange(u8, u8),
    Snapshot,
    DropSnapshot,
    Flush,
    Settle,
    Sync,
    Reopen,
    CrashOfTheProcess,
    Read(u8, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..24_u8;
    prop_oneof![
        6 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => key().prop_map(Step::Delete),
        1 => (key(), key()).prop_map(|(from, to)| Step::DeleteRange(from, to)),
        3 => vec((key(), prop::option::of(any::<u8>())), 0..6).prop_map(Step::Write),
        2 => (key(), key()).prop_map(|(from, to)| Step::Read(from, to)),
        1 => Just(Step::Snapshot),
        1 => Just(Step::DropSnapshot),
        1 => Just(Step::Flush),
        1 => Just(Step::Settle),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::CrashOfTheProcess),
    ]
}

/// A value long enough for a few of them to fill a memtable.
fn value(byte: u8) -> Vec<u8> {
    vec![byte; 40 + usize::from(byte)]
}

struct World {
    disk: MemDisk,
    sync: SyncMode,
    store: Store,
    model: Model,
    snapshots: Vec<(StoreSnapshot, Model)>,
}

impl World {
    fn write(&mut self, key: u8, byte: Option<u8>) {
        match byte {
            Some(byte) => self.model.insert(vec![key], value(byte)),
            None => self.model.remove(&vec![key]),
        };
    }

    fn delete_range(&mut self, from: u8, to: u8) {
        self.model
            .retain(|key, _| key[..] < [from][..] || key[..] >= [to][..]);
    }

    async fn reopen(&mut self, disk: MemDisk) {
        self.snapshots.clear();
        self.disk = disk;
        self.store = open(&self.disk, self.sync)
            .await
            .expect("a store that opens");
        assert_eq!(all(&self.store).await, self.model);
    }

    async fn step(&mut self, step: Step) -> Result<(), StoreError> {
        match step {
            Step::Put(key, byte) => {
                self.write(key, Some(byte));
                self.store.put(&[key], &value(byte)).await?;
            }
            Step::Delete(key) => {
                self.write(key, None);
                self.store.delete(&[key]).await?;
            }
            Step::DeleteRange(from, to) => {
                self.delete_range(from, to);
                self.store.delete_range(&[from], &[to]).await?;
            }
            Step::Write(writes) => {
                let mut batch = WriteBatch::new();
                for (key, byte) in writes {
                    if key % 7 == 0 {
                        self.delete_range(key / 2, key);
                        batch.delete_range(&[key / 2], &[key]);
                    }
                    self.write(key, byte);
                    match byte {
                        Some(byte) => batch.put(&[key], &value(byte)),
                        None => batch.delete(&[key]),
                    }
                }
                self.store.write(&batch).await?;
            }
            Step::Snapshot => {
                let snapshot = self.store.snapshot();
                self.snapshots.push((snapshot, self.model.clone()));
            }
            Step::DropSnapshot => drop(self.snapshots.pop()),
            Step::Flush => self.store.flush().await?,
            Step::Settle => self.store.settle().await?,
            Step::Sync => self.store.sync().await?,
            Step::Reopen => {
                self.store.clone().close().await?;
                self.reopen(self.disk.restart()).await;
            }
            Step::CrashOfTheProcess => {
                self.reopen(self.disk.restart_keeping_unsynced()).await;
            }
            Step::Read(from, to) => self.read(from, to).await?,
        }
        Ok(())
    }

    async fn read(&self, from: u8, to: u8) -> Result<(), StoreError> {
        let (start, end) = (vec![from.min(to)], vec![from.max(to)]);
        let within = |model: &Model| -> Model {
            let range = model.range(start.clone()..end.clone());
            range
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        };
        let bounds = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
        assert_eq!(
            collect(self.store.range(bounds)).await?,
            within(&self.model)
        );
        let found = self.store.get(&[from]).await?;
        assert_eq!(
            found.as_deref(),
            self.model.get(&vec![from]).map(Vec::as_slice)
        );
        for (snapshot, model) in &self.snapshots {
            assert_eq!(collect(snapshot.range(bounds)).await?, within(model));
            let found = snapshot.get(&[to]).await?;
            assert_eq!(found.as_deref(), model.get(&vec![to]).map(Vec::as_slice));
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_store_is_a_map(
        steps in vec(step(), 0..120),
        sync in prop_oneof![Just(SyncMode::EachWrite), Just(SyncMode::Group), Just(SyncMode::None)],
    ) {
        block_on(async {
            let disk = MemDisk::new();
            let store = open(&disk, sync).await.expect("a new store");
            let (model, snapshots) = (Model::new(), Vec::new());
            let mut world = World { disk, sync, store, model, snapshots };
            for step in steps {
                world.step(step).await.expect("a disk that works");
            }
            world.read(0, 23).await.expect("a disk that works");
            assert_eq!(all(&world.store).await, world.model);
        });
    }
}
