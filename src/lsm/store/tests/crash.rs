//! A store that is stopped after every single operation of the disk in turn, under writers that
//! write at the same time.

use parking_lot::Mutex;

use super::*;
use crate::{
    env::task::{block_on, spawn},
    rng::Rng,
};

const WRITERS: u64 = 5;
const WRITES_EACH: u64 = 16;

/// What writer `writer` does in its step `step`: a batch on a few keys.
fn batch(writer: u64, step: u64) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut rng = Rng::new(writer * 1_000 + step);
    let mut write = |_| {
        let key = format!("key {:02}", rng.below(30)).into_bytes();
        let length = rng.below(60) as usize;
        (key, (!rng.chance(0.2)).then(|| vec![step as u8; length]))
    };
    let mut writes: Vec<_> = (0..2).map(&mut write).collect();
    // A key that tells how far this writer has come.
    writes.push((vec![writer as u8], Some(vec![step as u8])));
    writes
}

/// What a step of a writer writes at once: that, and a key of the step's own; and now and then all
/// but the last of those keys are deleted by their range.
fn encode(writer: u64, step: u64) -> WriteBatch {
    let mut write = WriteBatch::new();
    for (key, value) in &batch(writer, step) {
        match value {
            Some(value) => write.put(key, value),
            None => write.delete(key),
        }
    }
    let (writer, step) = (writer as u8, step as u8);
    write.put(&[writer, step], b"");
    if step.is_multiple_of(4) {
        write.delete_range(&[writer, 0], &[writer, step - 1]);
    }
    write
}

/// The steps whose own keys are there after so many steps.
fn own_keys(steps: u64) -> Vec<u8> {
    let deleted = (steps / 4 * 4).saturating_sub(1);
    (deleted.max(1)..=steps).map(|step| step as u8).collect()
}

/// How many steps of each writer were acknowledged.
type Acknowledged = Arc<Mutex<[u64; WRITERS as usize]>>;

/// All writers at once, until they are done or the disk stops.
async fn work(
    disk: &MemDisk,
    sync: SyncMode,
    acknowledged: &Acknowledged,
) -> Result<(), StoreError> {
    let store = open(disk, sync).await?;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, acknowledged) = (store.clone(), Arc::clone(acknowledged));
            spawn(async move {
                for step in 1..=WRITES_EACH {
                    store.write(&encode(writer, step)).await?;
                    acknowledged.lock()[writer as usize] = step;
                    if (writer, step % 7) == (0, 0) {
                        store.flush().await?;
                    }
                }
                Ok::<(), StoreError>(())
            })
        })
        .collect();
    let mut result = Ok(());
    for writer in writers {
        result = result.and(writer.await.expect("no panic"));
    }
    result?;
    store.settle().await?;
    store.close().await
}

/// Whether what is found can come of the first so many steps of each writer, in some order: every
/// key has the value of the last step of some writer that wrote it.
fn assert_consistent(found: &Model, steps: [u64; WRITERS as usize], place: &str) {
    let last = |writer: u64, key: &Vec<u8>| {
        let steps = 1..=steps[writer as usize];
        let writes = steps
            .rev()
            .flat_map(|step| batch(writer, step).into_iter().rev());
        writes.into_iter().find(|write| write.0 == *key)
    };
    for number in 0..30 {
        let key = format!("key {number:02}").into_bytes();
        let mut candidates = (0..WRITERS).filter_map(|writer| last(writer, &key));
        let value = found.get(&key).cloned();
        let is_untouched = (0..WRITERS).all(|writer| last(writer, &key).is_none());
        let agrees = (is_untouched && value.is_none())
            || candidates.any(|(_, candidate)| candidate == value);
        assert!(agrees, "{place}: key {number} is {value:?}");
    }
}

async fn check(disk: &MemDisk, sync: SyncMode, acknowledged: [u64; WRITERS as usize], place: &str) {
    let store = open(disk, sync)
        .await
        .expect("a store that opens after a crash");
    let found = all(&store).await;
    // Batches are whole: a writer's own key says up to which step it is there.
    let steps = std::array::from_fn(|writer| {
        let step = found.get(&vec![writer as u8]);
        step.map_or(0, |value| u64::from(value[0]))
    });
    for (writer, (step, promised)) in steps.iter().zip(acknowledged).enumerate() {
        assert!(
            *step >= promised,
            "{place}: writer {writer} lost {promised}, has {step}"
        );
    }
    assert_consistent(&found, steps, place);
    for (writer, steps) in steps.iter().enumerate() {
        let own = found
            .keys()
            .filter(|key| key.len() == 2 && key[0] == writer as u8);
        let own: Vec<u8> = own.map(|key| key[1]).collect();
        assert_eq!(own, own_keys(*steps), "{place}: keys of writer {writer}");
    }
    // It works on, and finds the same after another crash.
    store.put(b"later", b"1").await.expect("more work");
    store.sync().await.expect("a sync");
    drop(store);
    let mut again = all(&open(&disk.restart(), sync).await.expect("a store")).await;
    assert!(again.remove(&b"later"[..]).is_some(), "{place}");
    assert_eq!(again, found, "{place}");
}

fn crash_everywhere(sync: SyncMode) {
    block_on(async move {
        for operations in 0.. {
            let disk = MemDisk::new();
            disk.slow_down();
            disk.stop_after(operations);
            let acknowledged = Acknowledged::default();
            let done = work(&disk, sync, &acknowledged).await;
            let promised = *acknowledged.lock();
            let place = format!("{sync:?} after {operations} operations");
            let on_disk = match sync {
                SyncMode::None if done.is_err() => [0; WRITERS as usize],
                _ => promised,
            };
            check(&disk.restart(), sync, on_disk, &place).await;
            check(&disk.restart_keeping_unsynced(), sync, promised, &place).await;
            if done.is_ok() {
                assert!(
                    operations > 100,
                    "{operations} operations are too few to tell"
                );
                break;
            }
        }
    });
}

#[test]
fn a_crash_loses_nothing_that_each_write_synced() {
    crash_everywhere(SyncMode::EachWrite);
}

#[test]
fn a_crash_loses_nothing_that_a_group_synced() {
    crash_everywhere(SyncMode::Group);
}

#[test]
fn a_crash_of_the_process_loses_nothing_and_one_of_the_machine_keeps_a_prefix() {
    crash_everywhere(SyncMode::None);
}

#[test]
fn what_is_found_is_a_prefix_of_the_order_of_writes() {
    block_on(async {
        for operations in 0.. {
            let disk = MemDisk::new();
            disk.slow_down();
            disk.stop_after(operations);
            // One key for each write: the order of numbers is the order of keys per writer.
            let done = numbered(&disk).await;
            let store = open(&disk.restart(), SyncMode::Group)
                .await
                .expect("a store");
            let count = store.stats().seq;
            let found = all(&store).await;
            assert_eq!(found.len() as u64, count, "after {operations} operations");
            let mut numbers = Vec::new();
            for key in found.keys() {
                let snapshot = store.range((Bound::Included(key), Bound::Included(key)));
                numbers.push(sequence(snapshot).await);
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (1..=count).collect::<Vec<_>>());
            if done.is_ok() {
                break;
            }
        }
    });
}

/// Twenty writers, each with a key of its own at every write.
async fn numbered(disk: &MemDisk) -> Result<(), StoreError> {
    let store = open(disk, SyncMode::Group).await?;
    let writers: Vec<_> = (0..20_u8)
        .map(|writer| {
            let store = store.clone();
            spawn(async move {
                for step in 0..5 {
                    store.put(&[writer, step], &[0; 40]).await?;
                }
                Ok::<(), StoreError>(())
            })
        })
        .collect();
    let mut result = Ok(());
    for writer in writers {
        result = result.and(writer.await.expect("no panic"));
    }
    result
}

/// The number of the first version in a range.
async fn sequence(mut range: crate::lsm::Range) -> u64 {
    let first = range.next().await.expect("a readable store");
    first.expect("a key that was found").1.seq
}

#[test]
fn after_a_failure_the_store_says_what_is_known_and_refuses_the_rest() {
    block_on(async {
        let disk = MemDisk::new();
        let store = open(&disk, SyncMode::Group).await.unwrap();
        store.put(b"kept", b"1").await.unwrap();
        // The write goes through, its sync does not.
        disk.stop_after(disk.operations() + 1);
        let error = store.put(b"unknown", b"2").await.unwrap_err();
        assert!(matches!(error, StoreError::Unknown { .. }), "{error}");
        let error = store.put(b"refused", b"3").await.unwrap_err();
        let StoreError::Refused { cause } = &error else {
            panic!("{error}")
        };
        assert!(matches!(**cause, StoreError::Unknown { .. }), "{error}");
        let survived = open(&disk.restart_keeping_unsynced(), SyncMode::Group).await;
        let found = all(&survived.unwrap()).await;
        assert!(found.contains_key(&b"kept"[..]) && !found.contains_key(&b"refused"[..]));
    });
}
