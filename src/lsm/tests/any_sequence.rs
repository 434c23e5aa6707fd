//! Any sequence of operations leaves what the same operations leave in a map.

use std::{
    ops::{Bound, RangeBounds},
    sync::Arc,
};

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};

use super::{
    super::*,
    model::{
        Listed, Model, all_of, assert_agrees, listed, listed_behind, note, number, seen, seen_back,
    },
};
use crate::env::{MemDisk, task::block_on};

/// One step.
#[derive(Clone, Debug)]
enum Step {
    /// Writes keys and deletes ranges, all as one version number, which is the last or the next.
    Write {
        next_seq: bool,
        writes: Vec<(u8, Option<usize>)>,
        ranges: Vec<(u8, u8)>,
    },
    Freeze,
    Flush,
    /// Waits for all compactions.
    Settle,
    /// Raises the floor to some percentage of the present number.
    Floor(u64),
    /// A process crash: memtables are gone.
    Reopen,
    /// Takes a snapshot and keeps it.
    Snapshot,
    /// Replaces everything by what was seen by the last snapshot, or drops the attempt.
    Ingest {
        finish: bool,
    },
    /// Compares at a percentage of the present number.
    Check(u64),
    /// Compares a range.
    Range(Bound<u8>, Bound<u8>),
}

/// The database and what it should hold.
struct Story {
    disk: MemDisk,
    db: Db,
    model: Model,
    seq: Seq,
    floor: Seq,
    /// The model at each note.
    notes: Vec<Model>,
    snapshots: Vec<(Snapshot, Vec<Listed>)>,
}

fn key(n: u8) -> Vec<u8> {
    // Prefixes of each other, and an empty key.
    format!("{:b}", n % 64).into_bytes()[1.min(n as usize)..].to_vec()
}

fn value(length: usize, seq: Seq) -> Vec<u8> {
    (0..length)
        .map(|place| (place as u64 ^ seq) as u8)
        .collect()
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![9 => 0_usize..40, 1 => 100_usize..400];
    let writes = vec((any::<u8>(), option::weighted(0.8, length)), 0..12);
    let bound = prop_oneof![
        any::<u8>().prop_map(Bound::Included),
        any::<u8>().prop_map(Bound::Excluded),
        Just(Bound::Unbounded),
    ];
    let ranges = prop_oneof![
        2 => Just(Vec::new()),
        1 => vec((any::<u8>(), any::<u8>()), 1..4),
    ];
    prop_oneof![
        12 => (prop::bool::weighted(0.8), writes, ranges)
            .prop_map(|(next_seq, writes, ranges)| Step::Write { next_seq, writes, ranges }),
        4 => Just(Step::Freeze),
        2 => Just(Step::Flush),
        1 => Just(Step::Settle),
        1 => (0_u64..=100).prop_map(Step::Floor),
        1 => Just(Step::Reopen),
        1 => Just(Step::Snapshot),
        1 => any::<bool>().prop_map(|finish| Step::Ingest { finish }),
        2 => (0_u64..=110).prop_map(Step::Check),
        1 => (bound.clone(), bound).prop_map(|(from, to)| Step::Range(from, to)),
    ]
}

async fn open(disk: &MemDisk) -> Db {
    let disk = Arc::new(disk.clone());
    let db = Db::open(disk, "a/b", Options::test_min()).await;
    db.expect("a database that opens")
}

impl Story {
    async fn begin() -> Story {
        let disk = MemDisk::new();
        Story {
            db: open(&disk).await,
            disk,
            model: Model::default(),
            seq: 1,
            floor: 0,
            notes: vec![Model::default()],
            snapshots: Vec::new(),
        }
    }

    async fn play(&mut self, step: &Step) {
        match step {
            Step::Write {
                next_seq,
                writes,
                ranges,
            } => self.write(*next_seq, writes, ranges).await,
            Step::Freeze => {
                let note = self.next_note();
                self.db.freeze(note).await.expect("a freeze");
            }
            Step::Flush => {
                self.db.flush().await.expect("a flush");
                assert_eq!(number(&self.db.note()), self.notes.len() as u64 - 1);
            }
            Step::Settle => {
                self.db.settle().await.expect("compactions");
                assert!(self.db.stats().tables[0] <= 2, "{:?}", self.db.stats());
            }
            Step::Floor(percent) => {
                self.floor = self.floor.max(self.seq * percent / 100);
                self.db.set_floor(self.floor);
            }
            Step::Reopen => self.reopen().await,
            Step::Snapshot => self.snapshot().await,
            Step::Ingest { finish } => self.ingest(*finish).await,
            Step::Check(percent) => {
                let at = (self.seq * percent / 100).max(self.floor);
                assert_agrees(&self.db, &self.model, at).await;
            }
            Step::Range(from, to) => self.range(from, to).await,
        }
    }

    fn next_note(&mut self) -> Bytes {
        self.notes.push(self.model.clone());
        note(self.notes.len() as u64 - 1)
    }

    async fn write(&mut self, next_seq: bool, writes: &[(u8, Option<usize>)], ranges: &[(u8, u8)]) {
        self.seq += u64::from(next_seq);
        let mut batch = Batch::new();
        for (number, length) in writes {
            let (key, value) = (key(*number), length.map(|length| value(length, self.seq)));
            match &value {
                Some(value) => batch.put(&key, self.seq, value),
                None => batch.delete(&key, self.seq),
            }
            self.model.write(&key, self.seq, value.as_deref());
        }
        for (start, end) in ranges {
            let (start, end) = (key(*start), key(*end));
            batch.delete_range(&start, &end, self.seq);
            self.model.delete_range(&start, &end, self.seq);
        }
        self.db.write(&batch);
        if self.db.wants_freeze() {
            let note = self.next_note();
            self.db.freeze(note).await.expect("a freeze");
        }
    }

    async fn reopen(&mut self) {
        // Snapshots do not outlive their database's files.
        self.check_snapshots().await;
        self.snapshots.clear();
        self.disk = self.disk.restart_keeping_unsynced();
        self.db = open(&self.disk).await;
        self.db.set_floor(self.floor);
        let durable = number(&self.db.note()) as usize;
        self.notes.truncate(durable + 1);
        self.model = self.notes[durable].clone();
    }

    async fn snapshot(&mut self) {
        let note = self.next_note();
        let snapshot = self.db.snapshot(note).await.expect("a snapshot");
        let listed = listed(&snapshot).await.expect("its entries");
        for (place, (key, seq, _)) in listed.iter().enumerate().step_by(7) {
            let next = listed_behind(&snapshot, key, *seq).await;
            assert_eq!(next.as_ref(), listed.get(place + 1), "behind {key:?} {seq}");
        }
        if self.floor == 0 {
            assert_eq!(listed, self.model.listed());
        }
        let held = Model {
            versions: listed
                .iter()
                .map(|(key, seq, value)| ((key.clone(), std::cmp::Reverse(*seq)), value.clone()))
                .collect(),
            ranges: Vec::new(),
        };
        for at in self.floor..=self.seq {
            assert_eq!(held.seen(at), self.model.seen(at), "at {at}");
        }
        self.snapshots.push((snapshot, listed));
    }

    async fn ingest(&mut self, finish: bool) {
        let mut ingest = self.db.ingest().await;
        let mut model = Model::default();
        let newest = self.snapshots.last().map(|(_, listed)| listed.as_slice());
        for (key, seq, value) in newest.unwrap_or_default() {
            let added = ingest.add(key, *seq, value.as_deref()).await;
            added.expect("an ingested version");
            model.write(key, *seq, value.as_deref());
        }
        if finish {
            self.model = model;
            let note = self.next_note();
            ingest.finish(note).await.expect("an ingestion");
        }
    }

    async fn range(&self, from: &Bound<u8>, to: &Bound<u8>) {
        let (from, to) = (from.map(key), to.map(key));
        let bounds = (
            from.as_ref().map(Vec::as_slice),
            to.as_ref().map(Vec::as_slice),
        );
        let found = seen(&self.db, bounds, self.seq).await.expect("a range");
        let mut expected = self.model.seen(self.seq);
        expected.retain(|(key, _, _)| <_ as RangeBounds<[u8]>>::contains(&bounds, key.as_slice()));
        assert_eq!(found, expected, "{bounds:?}");
        let mut back = seen_back(&self.db, bounds, self.seq)
            .await
            .expect("a range");
        back.reverse();
        assert_eq!(back, expected, "backwards {bounds:?}");
        assert_eq!(self.both_ends(bounds).await, expected, "{bounds:?}");
        if let Bound::Included(prefix) = bounds.0 {
            let found = all_of(self.db.prefix(prefix, self.seq))
                .await
                .expect("a range");
            let mut expected = self.model.seen(self.seq);
            expected.retain(|(key, _, _)| key.starts_with(prefix));
            assert_eq!(found, expected, "{prefix:?}");
        }
    }

    /// Reads a range in pages of a few keys, in turn from its beginning and from its end, until they
    /// meet.
    async fn both_ends(&self, bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> Vec<Listed> {
        let (mut start, mut end) = (bounds.0.map(<[u8]>::to_vec), bounds.1.map(<[u8]>::to_vec));
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for page in 0.. {
            let rest = (
                start.as_ref().map(Vec::as_slice),
                end.as_ref().map(Vec::as_slice),
            );
            let range = self.db.range(rest, self.seq);
            let (mut range, keys, bound) = match page % 2 {
                0 => (range, &mut front, &mut start),
                _ => (range.reversed(), &mut back, &mut end),
            };
            let before = keys.len();
            while keys.len() < before + 3
                && let Some((key, found)) = range.next().await.expect("a read")
            {
                keys.push((key.to_vec(), found.seq, Some(found.value.to_vec())));
            }
            if keys.len() == before {
                break;
            }
            *bound = Bound::Excluded(keys[keys.len() - 1].0.clone());
        }
        back.reverse();
        [front, back].concat()
    }

    async fn check_snapshots(&self) {
        for (snapshot, expected) in &self.snapshots {
            assert_eq!(&listed(snapshot).await.expect("its entries"), expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn it_agrees_with_a_map(steps in vec(step(), 1..80)) {
        block_on(async {
            let mut story = Story::begin().await;
            for step in &steps {
                story.play(step).await;
            }
            story.check_snapshots().await;
            assert_agrees(&story.db, &story.model, story.seq).await;
        });
    }
}
