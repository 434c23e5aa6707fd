//! The contract of the disk, from both sides: what must survive, and what must be able to get lost.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use madsim::runtime::Runtime;
use parking_lot::Mutex;
use proptest::prelude::*;
use sisyphus::{
    env::{Disk, File},
    types::NodeId,
};

use super::*;
use crate::plan::DiskModel;

const QUICK: DiskModel = DiskModel {
    sync_us_min: 0,
    sync_us_max: 0,
    stall_ppm: 0,
    stall_us_max: 0,
};

pub(super) fn drive(seed: u64) -> Drive {
    Drive::new(seed, NodeId(1), QUICK, Arc::new(|_, _| {}))
}

pub(super) fn run<F: Future>(future: F) -> F::Output {
    Runtime::with_seed_and_config(1, madsim::Config::default()).block_on(future)
}

pub(super) async fn contents(disk: &Arc<dyn Disk>, path: &str) -> Option<Vec<u8>> {
    let file = disk.open(path).await.ok()?;
    let length = file.length().await.unwrap() as usize;
    let bytes = file.read_at(0, length + 1).await.unwrap();
    assert_eq!(bytes.len(), length);
    Some(bytes.to_vec())
}

/// A file `f` with synced contents and a synced name.
pub(super) async fn synced_file(disk: &Arc<dyn Disk>, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.create("f").await.unwrap();
    file.append(bytes).await.unwrap();
    file.sync().await.unwrap();
    disk.sync_dir("").await.unwrap();
    file
}

#[test]
fn what_a_failed_sync_left_behind_is_not_made_good_by_the_next() {
    let mut lost = BTreeSet::new();
    for seed in 0..200 {
        run(async {
            let drive = drive(seed);
            let disk = drive.boot();
            let file = synced_file(&disk, &[b'a'; 4 * SECTOR_BYTES]).await;
            let failed_sync_ppm = 1_000_000;
            drive.set_trouble(DiskTrouble {
                failed_sync_ppm,
                ..DiskTrouble::default()
            });
            file.write_at(0, &[b'b'; 4 * SECTOR_BYTES]).await.unwrap();
            assert!(file.sync().await.is_err());
            drive.set_trouble(DiskTrouble::default());
            file.sync().await.unwrap();
            let seen = contents(&disk, "f").await.unwrap();
            assert_eq!(seen, [b'b'; 4 * SECTOR_BYTES], "the page cache has it");
            drive.lose_power();
            let kept = contents(&drive.boot(), "f").await.unwrap();
            lost.insert(kept.iter().filter(|byte| **byte == b'a').count() / SECTOR_BYTES);
        });
    }
    assert_eq!(lost, BTreeSet::from([0, 1, 2, 3, 4]));
}

#[test]
fn on_a_full_disk_the_part_of_a_write_that_fits_is_written() {
    run(async {
        let drive = drive(1);
        let disk = drive.boot();
        let file = synced_file(&disk, b"12345").await;
        let capacity_bytes = Some(8);
        drive.set_trouble(DiskTrouble {
            capacity_bytes,
            ..DiskTrouble::default()
        });
        file.write_at(0, b"abcde")
            .await
            .expect("the file does not grow");
        let error = file.append(b"fghij").await.unwrap_err();
        assert_eq!(error.kind, std::io::ErrorKind::StorageFull);
        assert_eq!(contents(&disk, "f").await.unwrap(), b"abcdefgh");
        assert!(disk.create("g").await.is_err());
        drive.set_trouble(DiskTrouble::default());
        file.append(b"ij").await.unwrap();
        assert_eq!(drive.used_bytes(), 10);
    });
}

#[test]
fn a_process_crash_keeps_everything() {
    run(async {
        let drive = drive(1);
        let disk = drive.boot();
        disk.create_dir("a/b").await.unwrap();
        let file = disk.create("a/b/f").await.unwrap();
        file.append(b"unsynced").await.unwrap();
        let disk = drive.boot();
        assert_eq!(contents(&disk, "a/b/f").await.unwrap(), b"unsynced");
        assert_eq!(disk.list("").await.unwrap(), ["a/"]);
        assert_eq!(disk.list("a").await.unwrap(), ["b/"]);
    });
}

#[test]
fn what_was_synced_survives_every_power_loss() {
    run(async {
        for seed in 0..200 {
            let drive = drive(seed);
            let disk = drive.boot();
            let bytes = vec![7; 700];
            let file = synced_file(&disk, &bytes).await;
            // Shares the second sector with what was synced.
            file.append(&[9; 2_000]).await.unwrap();
            drive.lose_power();
            let found = contents(&drive.boot(), "f").await.unwrap();
            assert_eq!(found[..700], bytes, "seed {seed}");
            assert!(found.len() <= 2_700);
        }
    });
}

#[test]
fn what_was_not_synced_comes_out_in_every_way() {
    run(async {
        let mut lengths = BTreeSet::new();
        let (mut old, mut new, mut zero, mut garbage, mut half) = (0, 0, 0, 0, 0);
        for seed in 0..400 {
            let drive = drive(seed);
            let disk = drive.boot();
            let file = synced_file(&disk, &[1; 1_024]).await;
            file.write_at(0, &[2; 1_024]).await.unwrap();
            file.append(&[3; 1_000]).await.unwrap();
            drive.lose_power();
            let found = contents(&drive.boot(), "f").await.unwrap();
            lengths.insert(found.len());
            let sector = &found[..512];
            let (first, last) = (sector[0], sector[511]);
            let kinds: BTreeSet<u8> = sector.iter().copied().collect();
            match (kinds.len(), first, last) {
                (1, 1, _) => old += 1,
                (1, 2, _) => new += 1,
                (1, 0, _) => zero += 1,
                (2, 2, 1) => half += 1,
                _ => garbage += 1,
            }
        }
        for count in [old, new, zero, garbage, half] {
            assert!(count > 10, "{old} {new} {zero} {garbage} {half}");
        }
        assert!(lengths.contains(&1_024) && lengths.contains(&2_024) && lengths.len() > 20);
    });
}

#[test]
fn names_are_durable_after_their_directory_was_synced_and_not_before() {
    run(async {
        let (mut kept, mut lost) = (0, 0);
        for seed in 0..100 {
            let drive = drive(seed);
            let disk = drive.boot();
            synced_file(&disk, b"old").await;
            let fresh = disk.create("fresh").await.unwrap();
            fresh.append(b"new").await.unwrap();
            fresh.sync().await.unwrap();
            disk.rename("fresh", "f").await.unwrap();
            drive.lose_power();
            match contents(&drive.boot(), "f").await.unwrap().as_slice() {
                b"old" => lost += 1,
                b"new" => kept += 1,
                other => panic!("a rename is atomic, found {other:?}"),
            }
        }
        assert!(kept > 10 && lost > 10, "kept {kept}, lost {lost}");
    });
}

#[test]
fn a_directory_takes_what_is_in_it_along() {
    run(async {
        let mut lost = 0;
        for seed in 0..100 {
            let drive = drive(seed);
            let disk = drive.boot();
            disk.create_dir("d").await.unwrap();
            let file = disk.create("d/f").await.unwrap();
            file.sync().await.unwrap();
            // The directory knows its file, but nobody made the root know the directory.
            disk.sync_dir("d").await.unwrap();
            drive.lose_power();
            let disk = drive.boot();
            match disk.list("d").await {
                Ok(names) => assert_eq!(names, ["f"]),
                Err(_) => lost += 1,
            }
        }
        assert!((10..90).contains(&lost), "lost {lost}");
    });
}

#[test]
fn a_sync_covers_what_was_written_before_it_began() {
    run(async {
        let model = DiskModel {
            sync_us_min: 5_000,
            sync_us_max: 5_000,
            ..QUICK
        };
        let mut lost = 0;
        for seed in 0..50 {
            let drive = Drive::new(seed, NodeId(1), model, Arc::new(|_, _| {}));
            let disk = drive.boot();
            let file = synced_file(&disk, &[1; 512]).await;
            file.append(&[2; 512]).await.unwrap();
            let syncing = {
                let file = file.clone();
                madsim::task::spawn(async move { file.sync().await })
            };
            tokio::time::sleep(Duration::from_millis(1)).await;
            file.append(&[3; 512]).await.unwrap();
            syncing.await.unwrap().unwrap();
            drive.lose_power();
            let found = contents(&drive.boot(), "f").await.unwrap();
            assert_eq!(found[512..1_024], [2; 512]);
            lost += u32::from(found.len() < 1_536 || found[1_024..] != [3; 512]);
        }
        assert!(lost > 10, "lost {lost}");
    });
}

#[test]
fn a_dead_process_neither_writes_nor_hears() {
    run(async {
        let drive = drive(1);
        let disk = drive.boot();
        let file = synced_file(&disk, b"alive").await;
        let survivor = madsim::task::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            file.append(b" and dead").await
        });
        let disk = drive.boot();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!survivor.is_finished());
        assert_eq!(contents(&disk, "f").await.unwrap(), b"alive");
    });
}

#[test]
fn a_hook_may_end_the_process_in_the_middle_of_an_operation() {
    run(async {
        let place: Arc<Mutex<Option<Drive>>> = Arc::default();
        let seen = place.clone();
        let hook = move |event, _: &str| {
            if event == DiskEvent::Syncing {
                seen.lock().take().unwrap().lose_power();
            }
        };
        let drive = Drive::new(3, NodeId(1), QUICK, Arc::new(hook));
        *place.lock() = Some(drive.clone());
        let disk = drive.boot();
        let file = disk.create("f").await.unwrap();
        let sync = tokio::time::timeout(Duration::from_secs(1), file.sync());
        assert!(sync.await.is_err());
    });
}

#[test]
fn errors_name_the_operation_and_the_path() {
    run(async {
        let disk = drive(1).boot();
        let missing = disk.open("a/b").await.err().unwrap();
        assert_eq!((missing.op, missing.path.as_str()), ("open", "a/b"));
        assert_eq!(missing.kind, std::io::ErrorKind::NotFound);
        disk.create("f").await.unwrap();
        let twice = disk.create("f").await.err().unwrap();
        assert_eq!(twice.kind, std::io::ErrorKind::AlreadyExists);
        assert!(disk.create("no/f").await.is_err());
        assert!(disk.create_dir("f/d").await.is_err());
    });
}

/// A write by its offset, length and byte; a truncation; a sync.
#[derive(Clone, Debug)]
enum Step {
    Write(u64, usize, u8),
    Append(usize, u8),
    Truncate(u64),
    Sync,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_000_u64, 0..1_500_usize, 1..255_u8).prop_map(|(o, n, b)| Step::Write(o, n, b)),
        (0..1_500_usize, 1..255_u8).prop_map(|(n, b)| Step::Append(n, b)),
        (0..4_000_u64).prop_map(Step::Truncate),
        Just(Step::Sync),
    ]
}

/// Does the step to the file and to a plain vector.
async fn take(step: &Step, file: &Arc<dyn File>, model: &mut Vec<u8>, synced: &mut Vec<u8>) {
    match *step {
        Step::Write(offset, length, byte) => {
            let end = offset as usize + length;
            model.resize(model.len().max(end), 0);
            model[offset as usize..end].fill(byte);
            file.write_at(offset, &vec![byte; length]).await.unwrap();
        }
        Step::Append(length, byte) => {
            let at = file.append(&vec![byte; length]).await.unwrap();
            assert_eq!(at as usize, model.len());
            model.resize(model.len() + length, byte);
        }
        Step::Truncate(length) => {
            model.resize(length as usize, 0);
            file.truncate(length).await.unwrap();
        }
        Step::Sync => {
            file.sync().await.unwrap();
            synced.clone_from(model);
        }
    }
}

proptest! {
    #[test]
    fn a_file_is_like_a_vector_until_the_power_fails(
        seed: u64,
        steps in proptest::collection::vec(step(), 0..20),
    ) {
        run(async {
            let drive = drive(seed);
            let disk = drive.boot();
            let file = synced_file(&disk, b"").await;
            let (mut model, mut synced) = (Vec::new(), Vec::new());
            for step in &steps {
                take(step, &file, &mut model, &mut synced).await;
            }
            assert_eq!(contents(&disk, "f").await.unwrap(), model);
            let untouched = steps.last().is_none_or(|step| matches!(step, Step::Sync));
            drive.lose_power();
            let found = contents(&drive.boot(), "f").await.unwrap();
            if untouched {
                assert_eq!(found, synced);
            }
            // A second loss, with nothing written in between, changes nothing.
            drive.lose_power();
            assert_eq!(contents(&drive.boot(), "f").await.unwrap(), found);
        });
    }
}
