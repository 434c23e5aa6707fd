//! The logs against a dumb model, with crashes.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    env::{MemDisk, task::block_on},
    raft::{Aim, Entry, HardState, Membership, Payload},
    types::{Index, LogPosition, NodeId, Term},
};

mod damage;
mod records;
mod witnesses;

const SHARD: ShardId = ShardId(1);

type Logs = BTreeMap<ShardId, Restored>;

async fn try_open(disk: &MemDisk) -> Result<(LogStore, Logs), LogStoreError> {
    LogStore::open(Arc::new(disk.clone()), "raft", 512).await
}

async fn open(disk: &MemDisk) -> (LogStore, Logs) {
    try_open(disk).await.expect("a log that opens")
}

/// How many segments the log has, without files that wait to be used again.
async fn segments(disk: &MemDisk) -> usize {
    let names = disk.list("raft").await.unwrap();
    let segments = names.iter().filter(|name| name.ends_with(".wal"));
    segments.count()
}

fn at(term: Term, index: Index) -> LogPosition {
    LogPosition { term, index }
}

fn entry(term: Term, index: Index) -> Entry {
    Entry {
        at: at(term, index),
        payload: Payload::of_command(Bytes::from(format!("{index}@{term}"))),
    }
}

/// A base, with a membership that is one's own.
fn base(term: Term, index: Index) -> Base {
    Base {
        at: at(term, index),
        membership: Membership::of_voters([NodeId(1 + index)]),
    }
}

/// What an entry says that adds a learner.
fn membership(id: u64) -> Payload {
    let mut membership = Membership::of_voters([NodeId(1), NodeId(2)]);
    membership.learners.insert(NodeId(3 + id), Aim::Vote);
    Payload::of_membership(membership, Bytes::from("its name"))
}

fn entries(term: Term, indexes: std::ops::RangeInclusive<Index>) -> Persist {
    Persist {
        entries: indexes.map(|index| entry(term, index)).collect(),
        ..Persist::default()
    }
}

fn last(log: &Restored) -> LogPosition {
    log.entries.last().map_or(log.base.at, |entry| entry.at)
}

/// What the batch means.
fn persist(log: &mut Restored, batch: &Persist) {
    log.hard_state = batch.hard_state.unwrap_or(log.hard_state);
    if let Some(base) = &batch.reset {
        (log.base, log.applied) = (base.clone(), base.at.index);
        log.entries.clear();
    }
    if let Some(first) = batch.entries.first() {
        log.entries.retain(|entry| entry.at.index < first.at.index);
        log.entries.extend(batch.entries.iter().cloned());
    }
}

/// What the compaction means.
fn compact(log: &mut Restored, base: Base) {
    log.entries.retain(|entry| entry.at.index > base.at.index);
    (log.applied, log.base) = (base.at.index, base);
}

#[derive(Clone, Debug)]
enum Step {
    /// `count` entries, the first one this many behind the end (as far as the log goes back).
    Append(ShardId, usize, u64, Term),
    Vote(ShardId, u64),
    Reset(ShardId, Index),
    /// To the entry this many behind the end.
    Compact(ShardId, usize),
    Commit,
    /// Power fails, or only the process crashes; and again after so many operations of the opening.
    Crash(bool, u64),
    /// The disk fails after so many operations.
    Stop(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let shard = || (1..=2_u32).prop_map(ShardId);
    prop_oneof![
        6 => (shard(), 0..6_usize, 1..8_u64, 0..2_u64)
            .prop_map(|(shard, back, count, term)| Step::Append(shard, back, count, term)),
        1 => (shard(), 0..3_u64).prop_map(|(shard, vote)| Step::Vote(shard, vote)),
        1 => (shard(), 0..9_u64).prop_map(|(shard, jump)| Step::Reset(shard, jump)),
        3 => (shard(), 0..9_usize).prop_map(|(shard, back)| Step::Compact(shard, back)),
        6 => Just(Step::Commit),
        2 => (any::<bool>(), 0..12_u64).prop_map(|(power, after)| Step::Crash(power, after)),
        1 => (0..12_u64).prop_map(Step::Stop),
    ]
}

/// The store and what it should hold.
struct Trial {
    disk: MemDisk,
    store: LogStore,
    /// What was appended.
    model: Logs,
    /// What may be found after a crash: what was committed, and every later state that may have
    /// been committed on the way.
    possible: Vec<Logs>,
}

impl Trial {
    async fn new() -> Self {
        let disk = MemDisk::new();
        Trial {
            store: open(&disk).await.0,
            disk,
            model: Logs::new(),
            possible: vec![Logs::new()],
        }
    }

    fn append(&mut self, shard: ShardId, batch: &Persist) {
        self.store.append(shard, batch);
        persist(self.model.entry(shard).or_default(), batch);
    }

    fn restart(&mut self, power: bool) {
        self.disk = match power {
            true => self.disk.restart(),
            false => self.disk.restart_keeping_unsynced(),
        };
    }

    async fn step(&mut self, step: &Step) -> Result<(), LogStoreError> {
        match *step {
            Step::Append(shard, back, count, newer) => {
                let log = self.model.entry(shard).or_default();
                let kept = log.entries.len().saturating_sub(back);
                let before = kept
                    .checked_sub(1)
                    .map_or(log.base.at, |i| log.entries[i].at);
                let term = (before.term + newer).max(1);
                let mut batch = entries(term, before.index + 1..=before.index + count);
                if count == 1 {
                    batch.entries[0].payload = membership(before.index);
                }
                self.append(shard, &batch);
            }
            Step::Vote(shard, vote) => {
                let term = self.model.entry(shard).or_default().hard_state.term + 1;
                let vote = Some(vote).filter(|vote| *vote != 0).map(NodeId);
                let hard_state = Some(HardState { term, vote });
                let batch = Persist {
                    hard_state,
                    ..Persist::default()
                };
                self.append(shard, &batch);
            }
            Step::Reset(shard, jump) => {
                let last = last(self.model.entry(shard).or_default());
                let reset = Some(base(last.term + 1, last.index + jump));
                let batch = Persist {
                    reset,
                    ..Persist::default()
                };
                self.append(shard, &batch);
            }
            Step::Compact(shard, back) => {
                let log = self.model.entry(shard).or_default();
                if let Some(rank) = log.entries.len().checked_sub(back + 1) {
                    let LogPosition { term, index } = log.entries[rank].at;
                    let base = base(term, index);
                    compact(log, base.clone());
                    self.possible.push(self.model.clone());
                    self.store.compact(shard, base).await?;
                }
            }
            Step::Commit => {
                self.possible.push(self.model.clone());
                self.store.commit().await?;
                self.possible = vec![self.model.clone()];
            }
            Step::Crash(power, after) => self.crash(power, after).await,
            Step::Stop(after) => self.disk.stop_after(self.disk.operations() + after),
        }
        Ok(())
    }

    /// Crashes twice, the second time while the log is being opened, and looks at what is left.
    async fn crash(&mut self, power: bool, after: u64) {
        self.restart(power);
        self.disk.stop_after(after);
        let _ = try_open(&self.disk).await;
        self.restart(power);
        let (store, mut found) = open(&self.disk).await;
        found.retain(|_, log| *log != Restored::default());
        let known = |logs: &Logs| {
            let mut logs = logs.clone();
            logs.retain(|_, log| *log != Restored::default());
            logs == found
        };
        assert!(
            self.possible.iter().any(known),
            "found {found:?}\nbut possible are {:?}",
            self.possible
        );
        self.store = store;
        self.model = found.clone();
        self.possible = vec![found];
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn the_logs_are_those_of_a_model(steps in vec(step(), 1..60)) {
        block_on(async {
            let mut trial = Trial::new().await;
            for (rank, step) in steps.iter().enumerate() {
                if trial.step(step).await.is_err() {
                    trial.crash(rank % 2 == 0, rank as u64 % 12).await;
                }
            }
            trial.crash(true, 12).await;
        });
    }
}

#[test]
fn a_replaced_suffix_does_not_come_back() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut store, found) = open(&disk).await;
        assert!(found.is_empty());
        let hard_state = HardState {
            term: 2,
            vote: Some(NodeId(3)),
        };
        let first = Persist {
            hard_state: Some(hard_state),
            ..entries(1, 1..=5)
        };
        store.append(SHARD, &first);
        store.commit().await.unwrap();
        store.append(SHARD, &entries(2, 3..=3));
        store.commit().await.unwrap();
        let (mut store, found) = open(&disk.restart()).await;
        assert_eq!(found[&SHARD].hard_state, hard_state);
        let expected = [entry(1, 1), entry(1, 2), entry(2, 3)];
        assert_eq!(found[&SHARD].entries, expected);
        store.append(SHARD, &entries(2, 4..=4));
        store.commit().await.unwrap();
    });
}

#[test]
fn a_compacted_log_stays_small() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut store, _) = open(&disk).await;
        let other = ShardId(2);
        store.append(other, &entries(1, 1..=1));
        for index in 1..=1_000 {
            store.append(SHARD, &entries(1, index..=index));
            store.commit().await.unwrap();
            store
                .compact(SHARD, base(1, index.saturating_sub(20)))
                .await
                .unwrap();
        }
        let held_back = store.bytes();
        assert!(
            held_back > 40_000,
            "the other shard needs the oldest segment"
        );
        store.compact(other, base(1, 1)).await.unwrap();
        assert!(store.bytes() < 12_000, "{} bytes", store.bytes());
        assert!(segments(&disk).await < 26);
        let (store, found) = open(&disk.restart()).await;
        assert_eq!(last(&found[&SHARD]), at(1, 1_000));
        assert_eq!(found[&SHARD].base, base(1, 980));
        assert_eq!(found[&other].base, base(1, 1));
        assert!(store.bytes() < 12_000);
    });
}

#[test]
fn openings_do_not_pile_up() {
    block_on(async {
        let mut disk = MemDisk::new();
        for _ in 0..10 {
            open(&disk).await;
            disk = disk.restart();
        }
        assert_eq!(segments(&disk).await, 1);
    });
}

#[test]
fn a_needed_segment_that_is_missing_is_noticed() {
    block_on(async {
        let disk = MemDisk::new();
        let (mut store, _) = open(&disk).await;
        for index in 1..=20 {
            store.append(SHARD, &entries(1, index..=index));
            store.commit().await.unwrap();
        }
        let first = disk.list("raft").await.unwrap().remove(0);
        disk.remove(&format!("raft/{first}")).await.unwrap();
        let error = try_open(&disk).await.err().unwrap();
        assert!(error.to_string().contains("missing"), "{error}");
    });
}
