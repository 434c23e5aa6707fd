//! Which records say what a shard voted once a log is damaged, and what happens when none is left.

use super::*;
use crate::wal::Recovered;

const OTHER: ShardId = ShardId(2);

/// A record of a log, and where it stands.
struct Written {
    file: String,
    offset: usize,
    shard: ShardId,
    change: Change,
}

impl Written {
    fn hard_state(&self) -> Option<HardState> {
        match &self.change {
            Change::Head(head) => Some(head.hard_state),
            Change::HardState(hard_state) => Some(*hard_state),
            _ => None,
        }
    }

    fn says(&self, hard_state: HardState) -> bool {
        self.shard == SHARD && self.hard_state() == Some(hard_state)
    }

    fn is_entry(&self, index: Index) -> bool {
        matches!(&self.change, Change::Entry(entry) if entry.at.index == index)
    }

    /// Damages the record on a disk that holds a copy of its log.
    fn destroy(&self, disk: &MemDisk) {
        disk.flip_bit(&self.file, self.offset + 16);
    }
}

/// A term, and who got the vote in it; 0 is nobody.
fn voted(term: Term, node: u64) -> HardState {
    let vote = Some(NodeId(node)).filter(|node| node.0 != 0);
    HardState { term, vote }
}

fn vote(hard_state: HardState) -> Persist {
    Persist {
        hard_state: Some(hard_state),
        ..Persist::default()
    }
}

/// A log into which each batch was committed by itself.
async fn log_of(batches: &[(ShardId, Persist)]) -> MemDisk {
    let disk = MemDisk::new();
    // Room for all of it in one segment, whose beginning would repeat the votes.
    let opened = LogStore::open(Arc::new(disk.clone()), "raft", 64 << 10).await;
    let (mut store, _) = opened.unwrap();
    for (shard, batch) in batches {
        store.append(*shard, batch);
        store.commit().await.unwrap();
    }
    disk.restart()
}

/// Every record, in the order of the log. The disk has one more segment behind it, which holds
/// nothing: as if the process had stopped while it opened the log.
async fn records(disk: &MemDisk) -> Vec<Written> {
    let opened = Wal::open(Arc::new(disk.clone()), "raft", 512).await;
    let Recovered { records } = opened.unwrap().1;
    let written = records.into_iter().map(|placed| Written {
        file: format!("raft/{}", placed.segment),
        offset: placed.offset as usize,
        shard: placed.record.shard,
        change: Change::decode(&placed.record).unwrap(),
    });
    written.collect()
}

/// The opening must say that the vote may be lost and what to do, and the next one the same.
async fn refuses(disk: &MemDisk, what: &str) {
    for _ in 0..2 {
        let error = match try_open(disk).await {
            Ok((_, found)) => panic!("{what}: came back as {found:?}"),
            Err(error) => error.to_string(),
        };
        let named = error.contains("term and vote may be lost") && error.contains("--join");
        assert!(named, "{what}: {error}");
    }
}

/// Damages every subset of the three records of a vote, and the entry `also`. The vote is what it
/// was if one is left behind the last damaged place that was promised (the third, being in the last
/// batch, was not); else the opening is refused, even if one is left before the damage.
async fn known_or_refused(pristine: &MemDisk, newer: HardState, also: Option<Index>) {
    let written = records(&pristine.restart()).await;
    let copies: Vec<&Written> = written.iter().filter(|one| one.says(newer)).collect();
    assert!(copies.len() == 3, "the vote, the vote again, and the batch");
    let besides = written
        .iter()
        .filter(|one| also.is_some_and(|i| one.is_entry(i)));
    let besides: Vec<&Written> = besides.collect();
    assert_eq!(besides.len(), also.iter().count());
    for lost in (0..1_usize << copies.len()).rev() {
        let disk = pristine.restart();
        let gone = copies.iter().enumerate();
        let gone = gone.filter(|(rank, _)| lost >> rank & 1 == 1);
        gone.for_each(|(_, copy)| copy.destroy(&disk));
        besides.iter().for_each(|one| one.destroy(&disk));
        let what = format!("{newer:?} without {lost:03b} and entry {also:?}");
        if lost & 0b110 == 0b110 {
            refuses(&disk, &what).await;
        } else {
            let (_, found) = open(&disk).await;
            assert_eq!(found[&SHARD].hard_state, newer, "{what}");
        }
    }
}

/// What was voted first, and then: in a newer term, and in the same one, where the term gives
/// nothing away.
fn changes() -> [[HardState; 2]; 3] {
    let pairs = [[(1, 1), (5, 2)], [(1, 1), (2, 0)], [(1, 0), (1, 2)]];
    pairs.map(|pair| pair.map(|(term, node)| voted(term, node)))
}

/// Damages every record of the vote, and no other: the opening must be refused.
async fn refuses_without(newer: HardState, written: &[Written], disk: &MemDisk) {
    let copies = written.iter().filter(|one| one.says(newer));
    copies.for_each(|copy| copy.destroy(disk));
    refuses(disk, &format!("without {newer:?}")).await;
}

#[test]
fn an_older_vote_never_stands_in_for_one_of_which_every_record_is_damaged() {
    block_on(async {
        for [older, newer] in changes() {
            let batches = [
                vote(older),
                entries(1, 1..=1),
                vote(newer),
                entries(1, 2..=3),
            ];
            let pristine = log_of(&batches.map(|batch| (SHARD, batch))).await;
            known_or_refused(&pristine, newer, None).await;
        }
    });
}

#[test]
fn a_vote_between_two_damaged_places_is_no_witness() {
    block_on(async {
        for [older, newer] in changes() {
            // The second entry's batch repeats the older vote. The first entry, which is damaged,
            // makes it stand behind a damaged place: and before another one.
            let first = Persist {
                hard_state: Some(older),
                ..entries(1, 1..=1)
            };
            let batches = [first, entries(1, 2..=2), vote(newer), entries(1, 3..=3)];
            let pristine = log_of(&batches.map(|batch| (SHARD, batch))).await;
            known_or_refused(&pristine, newer, Some(1)).await;
        }
    });
}

#[test]
fn another_shard_is_no_witness() {
    block_on(async {
        for [older, newer] in changes() {
            let pristine = log_of(&[
                (SHARD, vote(older)),
                (SHARD, vote(newer)),
                (OTHER, vote(newer)),
                (OTHER, vote(voted(7, 3))),
            ])
            .await;
            let written = records(&pristine.restart()).await;
            refuses_without(newer, &written, &pristine).await;
        }
    });
}

#[test]
fn a_segment_that_holds_nothing_is_no_witness() {
    block_on(async {
        for [older, newer] in changes() {
            let pristine = log_of(&[older, newer].map(|one| (SHARD, vote(one)))).await;
            // Stops behind the new segment's link, which says that the votes had been durable.
            let written = records(&pristine).await;
            refuses_without(newer, &written, &pristine).await;
        }
    });
}

#[test]
fn no_block_holds_both_records_of_a_vote() {
    block_on(async {
        for [older, newer] in changes() {
            let disk = log_of(&[older, newer].map(|one| (SHARD, vote(one)))).await;
            let written = records(&disk.restart()).await;
            let copies: Vec<&Written> = written.iter().filter(|one| one.says(newer)).collect();
            let [first, again] = copies[..] else {
                panic!("{} records", copies.len());
            };
            assert_eq!(first.file, again.file);
            // Whatever block has the end of the first one.
            assert!(again.offset > first.offset + 64 + 4_096);
        }
    });
}
