//! The dumb twin: all versions in a map.

use std::{cmp::Reverse, collections::BTreeMap, ops::Bound};

use bytes::Bytes;

use super::super::*;
use crate::rng::Rng;

/// All versions in the engine's order; no value is a tombstone.
pub type Versions = BTreeMap<(Vec<u8>, Reverse<Seq>), Option<Vec<u8>>>;

/// What a database should hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// All that was written.
    pub versions: Versions,
    /// Ranges that were deleted: from the first key to the first one behind it, at a number.
    pub ranges: Vec<(Vec<u8>, Vec<u8>, Seq)>,
}

/// A version as [`Model::listed`] shows it.
pub type Listed = (Vec<u8>, Seq, Option<Vec<u8>>);

impl Model {
    /// Writes a version.
    pub fn write(&mut self, key: &[u8], seq: Seq, value: Option<&[u8]>) {
        let version = (key.to_vec(), Reverse(seq));
        self.versions.insert(version, value.map(<[u8]>::to_vec));
    }

    /// Deletes a range.
    pub fn delete_range(&mut self, start: &[u8], end: &[u8], seq: Seq) {
        self.ranges.push((start.to_vec(), end.to_vec(), seq));
    }

    /// The numbers of the deleted ranges that hold a key.
    fn covering(&self, key: &[u8]) -> impl Iterator<Item = Seq> {
        let covers =
            move |range: &&(Vec<u8>, Vec<u8>, Seq)| &range.0[..] <= key && key < &range.1[..];
        self.ranges.iter().filter(covers).map(|range| range.2)
    }

    /// All versions, in order, with a tombstone before each value that a range hides first.
    pub fn listed(&self) -> Vec<Listed> {
        let mut listed: Vec<Listed> = Vec::new();
        for ((key, Reverse(seq)), value) in &self.versions {
            let newer = listed.last().filter(|newer| newer.0 == *key);
            let newer = newer.map_or(Seq::MAX, |newer| newer.1);
            let hiding = self.covering(key).filter(|number| number > seq).min();
            if let Some(number) = hiding.filter(|number| value.is_some() && *number < newer) {
                listed.push((key.clone(), number, None));
            }
            listed.push((key.clone(), *seq, value.clone()));
        }
        listed
    }

    /// What a reader at `at` sees.
    pub fn seen(&self, at: Seq) -> Vec<Listed> {
        let mut seen: Vec<Listed> = Vec::new();
        let mut decided: Option<&Vec<u8>> = None;
        for ((key, Reverse(seq)), value) in &self.versions {
            if *seq <= at && decided != Some(key) {
                decided = Some(key);
                let is_hidden = self
                    .covering(key)
                    .any(|number| *seq < number && number <= at);
                let value = value.clone().filter(|_| !is_hidden);
                seen.extend(value.map(|value| (key.clone(), *seq, Some(value))));
            }
        }
        seen
    }
}

/// What the database shows of bounds at `at`.
pub async fn seen(
    db: &Db,
    bounds: (Bound<&[u8]>, Bound<&[u8]>),
    at: Seq,
) -> Result<Vec<Listed>, LsmError> {
    all_of(db.range(bounds, at)).await
}

/// What the database shows of bounds at `at`, descending.
pub async fn seen_back(
    db: &Db,
    bounds: (Bound<&[u8]>, Bound<&[u8]>),
    at: Seq,
) -> Result<Vec<Listed>, LsmError> {
    all_of(db.range(bounds, at).reversed()).await
}

/// All keys of a range, in its order.
pub async fn all_of(mut range: Range) -> Result<Vec<Listed>, LsmError> {
    let mut seen = Vec::new();
    while let Some((key, found)) = range.next().await? {
        seen.push((key.to_vec(), found.seq, Some(found.value.to_vec())));
    }
    Ok(seen)
}

/// Everything in the database at `at`.
pub async fn seen_all(db: &Db, at: Seq) -> Result<Vec<Listed>, LsmError> {
    seen(db, (Bound::Unbounded, Bound::Unbounded), at).await
}

/// All versions of a snapshot.
pub async fn listed(snapshot: &Snapshot) -> Result<Vec<Listed>, LsmError> {
    let mut entries = snapshot.entries();
    let mut listed = Vec::new();
    while let Some(entry) = entries.next().await? {
        listed.push(to_listed(entry));
    }
    Ok(listed)
}

/// The version behind that of a key and a number.
pub async fn listed_behind(snapshot: &Snapshot, key: &[u8], seq: Seq) -> Option<Listed> {
    let key = Bytes::copy_from_slice(key);
    let next = snapshot.entries_behind(key, seq).next().await;
    next.expect("a read").map(to_listed)
}

fn to_listed((key, seq, value): OwnedEntry) -> Listed {
    (key.to_vec(), seq, value.map(|value| value.to_vec()))
}

/// Asserts that the database agrees with the model at `at`, for every key and in ranges.
pub async fn assert_agrees(db: &Db, model: &Model, at: Seq) {
    let expected = model.seen(at);
    assert_eq!(
        seen_all(db, at).await.expect("a range"),
        expected,
        "at {at}"
    );
    let everything = (Bound::Unbounded, Bound::Unbounded);
    let mut back = seen_back(db, everything, at).await.expect("a range");
    back.reverse();
    assert_eq!(back, expected, "backwards at {at}");
    let keys = model.versions.keys().map(|(key, _)| key.as_slice());
    for key in keys.chain([&b"absent"[..]]) {
        let found = db.get(key, at).await.expect("a read");
        let found = found.map(|found| (key.to_vec(), found.seq, Some(found.value.to_vec())));
        let expected = expected.iter().find(|entry| entry.0 == key);
        assert_eq!(found.as_ref(), expected, "{key:?} at {at}");
    }
}

/// Bytes that cannot be compressed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    (0..length).map(|_| rng.below(256) as u8).collect()
}

/// A note that says a number.
pub fn note(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

/// The number that a note says; 0 in a new database.
pub fn number(note: &Bytes) -> u64 {
    note.first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
