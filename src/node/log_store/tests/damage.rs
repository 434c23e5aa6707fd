//! Logs whose bytes have changed on the disk.

use super::*;

/// A log of several segments, its parts removed and compacted as in life, and everything it ever was:
/// after each commit, and after each part of a batch that may be the last one found.
struct Life {
    disk: MemDisk,
    now: Restored,
    /// Every entry that was ever at its index, with what came before it.
    ever: Vec<Vec<Entry>>,
}

fn vote(term: Term, node: u64) -> Persist {
    let vote = Some(NodeId(node));
    Persist {
        hard_state: Some(HardState { term, vote }),
        ..Persist::default()
    }
}

/// Room for the votes of two rounds, each with the block that keeps its records apart.
const SEGMENT_BYTES: usize = 16 << 10;

/// Some of everything, in segments of [`SEGMENT_BYTES`]; `rounds` of it.
async fn live(rounds: u64) -> Life {
    let disk = MemDisk::new();
    let opened = LogStore::open(Arc::new(disk.clone()), "raft", SEGMENT_BYTES).await;
    let (mut store, _) = opened.unwrap();
    let (mut now, mut ever) = (Restored::default(), Vec::new());
    let founding = Persist {
        reset: Some(base(0, 0)),
        ..Persist::default()
    };
    let mut batches = vec![founding];
    for round in 0..rounds {
        let (term, first) = (2 * round + 1, 5 * round + 1);
        batches.push(vote(term, round + 1));
        batches.push(entries(term, first..=first + 3));
        batches.push(entries(term, first + 4..=first + 6));
        // The last two are replaced, in a term in which nobody else was voted for.
        let replacing = entries(term + 1, first + 5..=first + 5);
        let hard_state = vote(term + 1, 7).hard_state;
        batches.push(Persist {
            hard_state,
            ..replacing
        });
        batches.push(entries(term + 1, first + 5..=first + 5));
    }
    for batch in &batches {
        store.append(SHARD, batch);
        store.commit().await.unwrap();
        persist(&mut now, batch);
        ever.push(now.entries.clone());
        if let Some(rank) = now.entries.len().checked_sub(15) {
            let LogPosition { term, index } = now.entries[rank].at;
            compact(&mut now, base(term, index));
            store.compact(SHARD, base(term, index)).await.unwrap();
            store.commit().await.unwrap();
        }
    }
    Life { disk, now, ever }
}

impl Life {
    /// Whether these entries were once what the log began with behind their predecessor.
    fn knew(&self, found: &Restored) -> bool {
        let from = found.base.at.index + 1;
        self.ever.iter().any(|log| {
            let known = log.iter().filter(|entry| entry.at.index >= from);
            let mut known = known.take(found.entries.len());
            found
                .entries
                .iter()
                .all(|entry| known.next() == Some(entry))
        })
    }

    /// What a log that was damaged may come back as.
    fn check(&self, found: &Restored, what: &str) {
        assert_eq!(found.hard_state, self.now.hard_state, "{what}");
        assert!(self.knew(found), "{what}: {found:?}");
        assert!(found.base.at <= self.now.base.at, "{what}: {found:?}");
    }

    /// Where the zeros begin that end a file.
    fn end(&self, file: &str) -> usize {
        let bytes = self.disk.contents(file);
        let last = bytes.iter().rposition(|byte| *byte != 0);
        last.map_or(0, |last| last + 1)
    }

    /// Whether something stands at an offset of a file, or it is one of a few in the midst of zeros.
    fn is_worth_damage(&self, file: &str, offset: usize) -> bool {
        self.disk.contents(file)[offset] != 0 || offset.is_multiple_of(256)
    }

    async fn files(&self) -> Vec<String> {
        let names = self.disk.list("raft").await.unwrap();
        let names = names.iter().filter(|name| name.ends_with(".wal"));
        names.map(|name| format!("raft/{name}")).collect()
    }
}

/// How many logs came back as what.
#[derive(Debug, Default)]
struct Tally {
    intact: usize,
    damaged: usize,
    refused: usize,
}

#[test]
fn whichever_byte_changes_term_and_vote_stay() {
    block_on(async {
        let life = live(4).await;
        // Begins a segment, and stops before anything is in it.
        open(&life.disk).await;
        let files = life.files().await;
        assert!(files.len() > 2, "{files:?}");
        let mut tally = Tally::default();
        for file in &files {
            let length = life.disk.contents(file).len();
            let offsets = 0..(life.end(file) + 20).min(length);
            for offset in offsets.filter(|at| life.is_worth_damage(file, *at)) {
                let disk = life.disk.restart();
                disk.flip_bit(file, offset);
                let what = format!("{file} at {offset}");
                match try_open(&disk).await {
                    // One damaged place anywhere can be done without.
                    Err(error) => panic!("{what}: {error}"),
                    Ok((_, found)) => {
                        let found = &found[&SHARD];
                        life.check(found, &what);
                        match found.damaged {
                            true => tally.damaged += 1,
                            false => tally.intact += 1,
                        }
                        let (_, again) = open(&disk.restart()).await;
                        assert_eq!(&again[&SHARD], found, "{what}");
                    }
                }
            }
        }
        assert!(tally.damaged > 1000, "{tally:?}");
    });
}

#[test]
fn two_damaged_places_never_make_an_older_vote() {
    block_on(async {
        let life = live(3).await;
        let files = life.files().await;
        let mut tally = Tally::default();
        let mut places = Vec::new();
        for (rank, file) in files.iter().enumerate() {
            let is_late = rank + 2 >= files.len();
            let step = if is_late { 18 } else { 300 };
            let written = (32..life.end(file)).filter(|at| life.is_worth_damage(file, *at));
            places.extend(written.step_by(step).map(|at| (file, at)));
        }
        for (rank, first) in places.iter().enumerate() {
            for second in &places[rank + 1..] {
                let disk = life.disk.restart();
                for (file, offset) in [first, second] {
                    disk.flip_bit(file, *offset);
                }
                let what = format!("{first:?} {second:?}");
                match try_open(&disk).await {
                    Err(error) => {
                        tally.refused += 1;
                        let error = error.to_string();
                        assert!(error.contains("--join"), "{what}: {error}");
                    }
                    Ok((_, found)) if found[&SHARD].damaged => {
                        life.check(&found[&SHARD], &what);
                        tally.damaged += 1;
                    }
                    // Both were in the last batch.
                    Ok(_) => tally.intact += 1,
                }
            }
        }
        assert!(tally.damaged > 100 && tally.refused > 0, "{tally:?}");
        assert!(tally.intact < 100, "{tally:?}");
    });
}

/// The log, damaged near its beginning.
async fn damaged(life: &Life) -> MemDisk {
    let disk = life.disk.restart();
    let files = life.files().await;
    disk.flip_bit(&files[0], 300);
    disk
}

#[test]
fn a_stop_after_any_operation_of_the_recovery_finds_the_same_again() {
    block_on(async {
        let life = live(2).await;
        let pristine = damaged(&life).await;
        let expected = open(&pristine.restart()).await.1;
        assert!(expected[&SHARD].damaged);
        let mut stops = 0;
        for first in 0.. {
            let disk = pristine.restart();
            disk.stop_after(first);
            let is_done = try_open(&disk).await.is_ok();
            for step in 0..20 {
                let (power, second) = (step % 2 == 0, step / 2 * 3 + first % 3);
                let again = |disk: &MemDisk| match power {
                    true => disk.restart(),
                    false => disk.restart_keeping_unsynced(),
                };
                let disk = again(&disk);
                disk.stop_after(second);
                let is_second = try_open(&disk).await.is_ok();
                let (_, found) = open(&again(&disk)).await;
                assert_eq!(
                    found, expected,
                    "stopped at {first}, {second}, power {power}"
                );
                stops += 1;
                if is_second && power {
                    break;
                }
            }
            if is_done {
                break;
            }
        }
        assert!(stops > 200, "{stops}");
    });
}

#[test]
fn a_damaged_log_stays_so_until_it_is_healed() {
    block_on(async {
        let life = live(4).await;
        let disk = damaged(&life).await;
        let (mut store, found) = open(&disk).await;
        let mut log = found[&SHARD].clone();
        let (disk, mark) = (disk.restart(), |damaged, index| Persist {
            damaged,
            ..entries(90, index..=index)
        });
        drop(store);
        // Through enough segments that nothing is left of those that were written by the recovery.
        let mut disk = disk;
        for round in 0..30 {
            (store, _) = open(&disk).await;
            // Healed, damaged once more without the disk's knowing, and healed in the end.
            let damaged = [(15, false), (18, true), (20, false)];
            let damaged = damaged.into_iter().find(|(at, _)| *at == round);
            let batch = mark(damaged.map(|(_, damaged)| damaged), last(&log).index + 1);
            store.append(SHARD, &batch);
            store.commit().await.unwrap();
            persist(&mut log, &batch);
            log.damaged = batch.damaged.unwrap_or(log.damaged);
            let at = last(&log);
            compact(&mut log, base(at.term, at.index));
            store.compact(SHARD, log.base.clone()).await.unwrap();
            store.commit().await.unwrap();
            disk = disk.restart();
            let (_, found) = open(&disk).await;
            assert_eq!(found[&SHARD], log, "round {round}");
            disk = disk.restart();
        }
        assert!(!log.damaged);
    });
}

#[test]
fn a_missing_segment_is_refused_with_the_remedy() {
    block_on(async {
        let life = live(4).await;
        let disk = life.disk.restart();
        disk.remove(&life.files().await[1]).await.unwrap();
        let error = try_open(&disk).await.err().unwrap().to_string();
        assert!(
            error.contains("missing") && error.contains("--join"),
            "{error}"
        );
    });
}

#[test]
fn a_vote_that_was_the_last_thing_written_survives_any_byte() {
    block_on(async {
        let pristine = MemDisk::new();
        let (mut store, _) = open(&pristine).await;
        for batch in [entries(1, 1..=1), vote(5, 2)] {
            store.append(SHARD, &batch);
            store.commit().await.unwrap();
        }
        let file = format!("raft/{}", pristine.list("raft").await.unwrap()[0]);
        let mut tried = 0;
        for offset in 32..pristine.contents(&file).len() {
            let disk = pristine.restart();
            disk.flip_bit(&file, offset);
            if let Ok((_, found)) = try_open(&disk).await {
                assert_eq!(
                    Some(found[&SHARD].hard_state),
                    vote(5, 2).hard_state,
                    "{offset}"
                );
                tried += 1;
            }
        }
        assert!(tried > 0);
    });
}
