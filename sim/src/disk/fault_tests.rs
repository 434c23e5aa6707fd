//! Drives that fail, stick, rot and lie: each of it can be seen, and none of it without being asked for.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use sisyphus::env::Disk;

use super::tests::{contents, drive, run, synced_file};
use super::*;
use crate::plan::Damage;

const ALWAYS: u32 = 1_000_000;

async fn removed_and_forgotten(drive: &Drive, bytes: &[u8]) -> Arc<dyn Disk> {
    let disk = drive.boot();
    synced_file(&disk, bytes).await;
    disk.remove("f").await.unwrap();
    disk.sync_dir("").await.unwrap();
    drive.boot()
}

#[test]
fn a_new_file_may_show_what_a_removed_one_had_left() {
    run(async {
        let (mut shows, mut shows_in_place) = (0, 0);
        for seed in 0..400 {
            let drive = drive(seed);
            let old: Vec<u8> = (1..=4).flat_map(|sector| [sector; SECTOR_BYTES]).collect();
            let disk = removed_and_forgotten(&drive, &old).await;
            let file = disk.create("f").await.unwrap();
            disk.sync_dir("").await.unwrap();
            file.append(&[9; 2 * SECTOR_BYTES]).await.unwrap();
            drive.lose_power();
            let found = contents(&drive.boot(), "f").await.unwrap();
            let sectors = found.chunks(SECTOR_BYTES).enumerate();
            for (at, sector) in sectors.filter(|(_, sector)| sector.len() == SECTOR_BYTES) {
                let is_old = (1..=4).contains(&sector[0]) && sector.iter().all(|b| *b == sector[0]);
                shows += u32::from(is_old);
                shows_in_place += u32::from(is_old && usize::from(sector[0]) == at + 1);
            }
        }
        assert!(
            shows > 10 && shows_in_place * 2 > shows,
            "{shows_in_place} of {shows}"
        );
    });
}

#[test]
fn a_sync_that_keeps_its_pages_dirty_is_made_good_by_the_next() {
    run(async {
        for seed in 0..40 {
            let drive = drive(seed);
            let disk = drive.boot();
            let file = synced_file(&disk, &[b'a'; 4 * SECTOR_BYTES]).await;
            drive.set_trouble(DiskTrouble {
                failed_sync_ppm: ALWAYS,
                keeps_dirty: true,
                ..DiskTrouble::default()
            });
            file.write_at(0, &[b'b'; 4 * SECTOR_BYTES]).await.unwrap();
            assert!(file.sync().await.is_err());
            drive.set_trouble(DiskTrouble::default());
            file.sync().await.unwrap();
            drive.lose_power();
            let kept = contents(&drive.boot(), "f").await.unwrap();
            assert_eq!(kept, [b'b'; 4 * SECTOR_BYTES]);
        }
    });
}

#[test]
fn a_write_that_fails_may_have_done_its_first_part() {
    run(async {
        let mut lengths = BTreeSet::new();
        for seed in 0..40 {
            let drive = drive(seed);
            let disk = drive.boot();
            let file = synced_file(&disk, b"").await;
            drive.set_trouble(DiskTrouble {
                failed_write_ppm: ALWAYS,
                ..DiskTrouble::default()
            });
            assert!(file.append(b"abcdef").await.is_err());
            assert!(disk.create("g").await.is_err() && disk.remove("f").await.is_err());
            let found = contents(&disk, "f").await.unwrap();
            assert!(b"abcdef".starts_with(&found));
            lengths.insert(found.len());
        }
        assert_eq!(lengths, (0..=6).collect());
    });
}

#[test]
fn a_read_that_fails_says_so_and_a_directory_that_is_not_synced_may_be_synced_again() {
    run(async {
        let drive = drive(1);
        let disk = drive.boot();
        let file = synced_file(&disk, b"abc").await;
        drive.set_trouble(DiskTrouble {
            failed_read_ppm: ALWAYS,
            failed_sync_ppm: ALWAYS,
            ..DiskTrouble::default()
        });
        let error = file.read_at(0, 3).await.unwrap_err();
        assert_eq!((error.op, error.path.as_str()), ("read", "f"));
        disk.rename("f", "g").await.unwrap();
        assert!(disk.sync_dir("").await.is_err());
        drive.set_trouble(DiskTrouble::default());
        disk.sync_dir("").await.unwrap();
        drive.lose_power();
        assert_eq!(contents(&drive.boot(), "g").await.unwrap(), b"abc");
    });
}

#[test]
fn what_is_stuck_returns_when_every_cause_is_gone_and_not_before() {
    run(async {
        let drive = drive(1);
        let disk = drive.boot();
        let file = synced_file(&disk, b"abc").await;
        let patience = Duration::from_secs(5);
        drive.stick(true);
        file.append(b"d").await.unwrap();
        assert_eq!(contents(&disk, "f").await.unwrap(), b"abcd");
        assert!(tokio::time::timeout(patience, file.sync()).await.is_err());
        drive.stick(false);
        assert!(
            tokio::time::timeout(patience, file.read_at(0, 1))
                .await
                .is_err()
        );
        let syncing = {
            let file = file.clone();
            madsim::task::spawn(async move { file.sync().await })
        };
        drive.unstick(false);
        tokio::time::sleep(patience).await;
        assert!(!syncing.is_finished());
        drive.unstick(true);
        syncing.await.unwrap().unwrap();
    });
}

/// What is found of a file of four sectors, each with its number in it, the first two of them written
/// last, when it was damaged.
async fn damaged(how: Damage, seed: u64) -> Vec<u8> {
    let drive = drive(seed);
    let disk = drive.boot();
    let bytes: Vec<u8> = (1..=4).flat_map(|sector| [sector; SECTOR_BYTES]).collect();
    // A gap of zeros first: then a write that gets lost leaves those.
    let file = synced_file(&disk, &[0; 4 * SECTOR_BYTES]).await;
    file.write_at(0, &bytes).await.unwrap();
    file.sync().await.unwrap();
    assert!(drive.damage(how, "nobody/", 1).is_empty());
    let files = drive.damage(how, "f", 1);
    assert!(!files.is_empty() && files.iter().all(|file| file == "f"));
    assert_eq!(drive.damaged(), BTreeSet::from(["f".to_owned()]));
    let seen = contents(&disk, "f").await.unwrap();
    drive.lose_power();
    let found = contents(&drive.boot(), "f").await.unwrap();
    assert_eq!(found, seen, "the page cache had forgotten it");
    let changed = found
        .iter()
        .zip(&bytes)
        .filter(|(now, before)| now != before);
    assert!(changed.count() > 0 && found.len() == bytes.len());
    found
}

#[test]
fn bits_flip_and_sectors_turn_to_garbage() {
    run(async {
        let mut alone = 0;
        for seed in 0..40 {
            let found = damaged(Damage::Flip, seed).await;
            let flipped =
                |(at, byte): (usize, &u8)| (*byte ^ (at / SECTOR_BYTES + 1) as u8).count_ones();
            let flipped: u32 = found.iter().enumerate().map(flipped).sum();
            assert!((1..=40).contains(&flipped));
            let found = damaged(Damage::Garbage, seed).await;
            let is_whole =
                |(at, sector): (usize, &[u8])| sector.iter().all(|b| *b as usize == at + 1);
            let whole = found
                .chunks(SECTOR_BYTES)
                .enumerate()
                .filter(|s| is_whole(*s))
                .count();
            assert!(whole < 4);
            alone += u32::from(whole == 3);
        }
        assert!((10..40).contains(&alone), "one sector or several: {alone}");
    });
}

#[test]
fn writes_are_lost_or_go_astray() {
    run(async {
        let mut astray = 0;
        for seed in 0..40 {
            let found = damaged(Damage::Lost, seed).await;
            let sectors = || found.chunks(SECTOR_BYTES);
            assert_eq!(sectors().filter(|sector| sector[0] == 0).count(), 1);
            let found = damaged(Damage::Misdirected, seed).await;
            let firsts: BTreeSet<u8> = found.iter().step_by(SECTOR_BYTES).copied().collect();
            // One sector is as before, and another one has what it should have.
            astray += u32::from(firsts.len() == 4 && firsts.contains(&0));
        }
        assert!(astray > 10, "{astray}");
    });
}

#[test]
fn images_differ_and_leave_the_drive_alone() {
    run(async {
        let mut found = BTreeSet::new();
        let drive = drive(1);
        let disk = drive.boot();
        let file = synced_file(&disk, &[1; SECTOR_BYTES]).await;
        file.append(&[2; SECTOR_BYTES]).await.unwrap();
        for number in 0..40 {
            let image = contents(&drive.image(number).boot(), "f").await.unwrap();
            assert_eq!(image[..SECTOR_BYTES], [1; SECTOR_BYTES], "it was synced");
            assert_eq!(
                contents(&drive.image(number).boot(), "f").await.unwrap(),
                image
            );
            found.insert(image);
        }
        assert!(found.len() > 5);
        assert_eq!(
            contents(&disk, "f").await.unwrap()[SECTOR_BYTES..],
            [2; SECTOR_BYTES]
        );
    });
}

#[test]
fn what_is_wiped_is_gone_for_sure_and_nothing_else_is() {
    run(async {
        for dir in ["log", ""] {
            let drive = drive(1);
            let disk = drive.boot();
            synced_file(&disk, b"who I am").await;
            disk.create_dir("log").await.unwrap();
            disk.create_dir("logbook").await.unwrap();
            disk.sync_dir("").await.unwrap();
            drive.stop();
            match dir {
                "" => drive.wipe(),
                dir => assert_eq!(drive.damage(Damage::Gone, dir, 1), ["log"]),
            }
            drive.lose_power();
            let left = drive.boot().list("").await.unwrap();
            let expected: &[&str] = if dir.is_empty() {
                &[]
            } else {
                &["f", "logbook/"]
            };
            assert_eq!(left, expected);
            assert_eq!(drive.damaged().contains("`log`"), dir == "log");
        }
        let empty = drive(2);
        assert!(
            empty.damage(Damage::Gone, "log", 1).is_empty(),
            "it never was there"
        );
    });
}

#[test]
fn one_fault_at_most_strikes_a_file_of_the_log() {
    run(async {
        for seed in 0..20 {
            let drive = drive(seed);
            let disk = drive.boot();
            disk.create_dir("log").await.unwrap();
            let file = disk.create("log/1").await.unwrap();
            file.write_at(0, &[1; 8 * SECTOR_BYTES]).await.unwrap();
            file.sync().await.unwrap();
            disk.sync_dir("log").await.unwrap();
            disk.sync_dir("").await.unwrap();
            assert_eq!(drive.damage(Damage::Garbage, "log/", 1), ["log/1"]);
            assert_eq!(drive.damage(Damage::Flip, "", 2), [""; 0]);
            let found = contents(&drive.boot(), "log/1").await.unwrap();
            let sectors = found.chunks(SECTOR_BYTES);
            let changed = sectors.filter(|sector| sector.iter().any(|byte| *byte != 1));
            assert_eq!(changed.count(), 1);
        }
    });
}
