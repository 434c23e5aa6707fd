//! The skip list under every interleaving of its writer and a reader, and under every outcome
//! that the memory model allows. Its source is compiled a second time here, with loom's atomics in
//! place of the machine's.

#![allow(
    dead_code,
    missing_docs,
    unsafe_code,
    reason = "the product's files, seen from here"
)]

#[path = "../src/lsm/arena.rs"]
mod arena;
#[path = "../src/lsm/entry.rs"]
mod entry;
#[path = "../src/lsm/lanes.rs"]
mod lanes;
#[path = "../src/lsm/leaf.rs"]
mod leaf;
#[path = "../src/lsm/skiplist.rs"]
mod skiplist;

/// Where the skip list looks for its randomness.
mod rng {
    pub use sisyphus::rng::Rng;
}

/// Loom's twin of the product's `lsm/sync.rs`.
mod sync {
    pub use loom::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

    /// So few that a handful of writes splits leaves.
    pub const LEAF_SLOTS: usize = 2;

    /// Complains when it is read before its creation is known to the reader.
    pub struct Written<T>(loom::cell::Cell<T>);

    impl<T: Copy> Written<T> {
        pub fn new(value: T) -> Self {
            Written(loom::cell::Cell::new(value))
        }

        pub fn get(&self) -> T {
            self.0.get()
        }
    }
}

use entry::Entry;
use rng::Rng;
use skiplist::{SkipList, skip_list};

/// The seeds whose first three nodes stand on 2, 1, 2 lanes, on 1, 2, 2, and on 2, 2, 3: the
/// heights at which a node between two stores can be seen from an upper lane.
const SEEDS: [u64; 3] = [102, 1007, 1475];

const CHUNK_BYTES: usize = 1 << 16;

/// What is written, out of order: the third splits the first leaf, the fourth grows the list at
/// its end, the fifth fills up a leaf, and the sixth splits that.
const WRITES: [(&[u8], u64); 6] = [
    (b"m", 1),
    (b"c", 2),
    (b"m", 3),
    (b"x", 4),
    (b"e", 5),
    (b"d", 6),
];

fn write(writer: &mut skiplist::Writer, (key, seq): (&[u8], u64)) {
    writer.insert(Entry {
        key,
        seq,
        value: Some(key),
    });
}

fn every_interleaving(first: usize, story: fn(usize, u64)) {
    for seed in SEEDS {
        loom::model(move || story(first, seed));
    }
}

/// All that a reader finds, checked for order and completeness.
fn walk(list: &SkipList) -> Vec<(Vec<u8>, u64)> {
    let mut cursor = list.first();
    let mut seen: Vec<(Vec<u8>, u64)> = Vec::new();
    while let Some(found) = cursor.entry() {
        assert_eq!(found.value, Some(found.key));
        if let Some((key, seq)) = seen.last() {
            assert!(entry::order((key, *seq), (found.key, found.seq)).is_lt());
        }
        seen.push((found.key.to_vec(), found.seq));
        cursor.advance();
    }
    seen
}

#[test]
fn a_reader_sees_what_was_written_before_it_and_only_whole_entries() {
    for first in 1..WRITES.len() - 1 {
        every_interleaving(first, |first, seed| {
            let (mut writer, list) = skip_list(CHUNK_BYTES, Rng::new(seed));
            let (before, meanwhile) = WRITES.split_at(first);
            before.iter().for_each(|one| write(&mut writer, *one));
            let reader = loom::thread::spawn(move || {
                let seen = walk(&list);
                // Later walks see at least as much.
                assert!(walk(&list).len() >= seen.len());
                seen
            });
            let meanwhile = meanwhile.iter().take(2);
            meanwhile.for_each(|one| write(&mut writer, *one));
            let mut seen = reader.join().expect("the reader's assertions hold");
            // Writes become visible in their order, and those before the reader began are there.
            seen.sort_by_key(|(_, seq)| *seq);
            let seqs: Vec<u64> = seen.iter().map(|(_, seq)| *seq).collect();
            assert!(seqs.len() >= first && seqs.iter().copied().eq(1..=seqs.len() as u64));
        });
    }
}

#[test]
fn a_search_finds_what_is_there_on_whatever_lanes_it_rides() {
    // Before the first split, and before the second.
    for first in [2, 5] {
        every_interleaving(first, |first, seed| {
            let (mut writer, list) = skip_list(CHUNK_BYTES, Rng::new(seed));
            let (before, meanwhile) = WRITES.split_at(first);
            before.iter().for_each(|one| write(&mut writer, *one));
            let reader = loom::thread::spawn(move || {
                let (key, seq) = before[before.len() - 1];
                assert_eq!(list.get(key, seq, |found| found.seq), Some(seq));
                assert_eq!(list.get(b"c", 1, |found| found.seq), None);
                // What is found at or behind a key is not in front of it.
                let behind = list.seek(b"e", u64::MAX);
                assert!(behind.entry().is_some_and(|found| found.key >= &b"e"[..]));
            });
            write(&mut writer, meanwhile[0]);
            reader.join().expect("the reader's assertions hold");
        });
    }
}
