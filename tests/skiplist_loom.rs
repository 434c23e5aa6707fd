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
#[path = "../src/lsm/skiplist.rs"]
mod skiplist;

/// Where the skip list looks for its randomness.
mod rng {
    pub use sisyphus::rng::Rng;
}

/// Loom's twin of the product's `lsm/sync.rs`.
mod sync {
    pub use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

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
/// heights at which an insertion between two stores can be seen from an upper lane.
const SEEDS: [u64; 3] = [102, 1007, 1475];

const CHUNK_BYTES: usize = 1 << 16;

/// What is written, out of order, so that nodes go before, between and behind others.
const WRITES: [(&[u8], u64); 3] = [(b"m", 1), (b"c", 2), (b"m", 3)];

fn write(writer: &mut skiplist::Writer, (key, seq): (&[u8], u64)) {
    writer.insert(Entry {
        key,
        seq,
        value: Some(key),
    });
}

fn every_interleaving(story: fn(u64)) {
    for seed in SEEDS {
        loom::model(move || story(seed));
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
    every_interleaving(|seed| {
        let (mut writer, list) = skip_list(CHUNK_BYTES, Rng::new(seed));
        write(&mut writer, WRITES[0]);
        let reader = loom::thread::spawn(move || {
            // The write before the reader began is there whatever the writer does meanwhile.
            let first = list.get(b"m", 2, |found| found.seq);
            assert_eq!(first, Some(1));
            let seen = walk(&list);
            // Later walks see at least as much.
            assert!(walk(&list).len() >= seen.len());
            seen
        });
        write(&mut writer, WRITES[1]);
        write(&mut writer, WRITES[2]);
        let seen = reader.join().expect("the reader's assertions hold");
        // Writes become visible in their order: the third only together with the second.
        let has = |n: usize| {
            seen.iter()
                .any(|(key, seq)| (key.as_slice(), *seq) == WRITES[n])
        };
        assert!(has(0) && (has(1) || !has(2)), "{seen:?}");
    });
}

#[test]
fn a_search_finds_what_is_there_on_whatever_lanes_it_rides() {
    every_interleaving(|seed| {
        let (mut writer, list) = skip_list(CHUNK_BYTES, Rng::new(seed));
        write(&mut writer, WRITES[0]);
        write(&mut writer, WRITES[1]);
        let reader = loom::thread::spawn(move || {
            let newest = list.get(b"m", u64::MAX, |found| found.seq);
            assert!(matches!(newest, Some(1 | 3)), "{newest:?}");
            assert_eq!(list.get(b"c", 2, |found| found.seq), Some(2));
            assert_eq!(list.get(b"c", 1, |found| found.seq), None);
        });
        write(&mut writer, WRITES[2]);
        reader.join().expect("the reader's assertions hold");
    });
}
