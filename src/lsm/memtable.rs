//! The newest versions, in memory. Exactly one memtable is active and takes writes; frozen ones
//! wait for their flush; readers treat both alike.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

use super::{
    batch::Mutation,
    entry::{Entry, Seq},
    skiplist::{Cursor, SkipList, Writer, skip_list},
    tombstones::MemoryTombstones,
};
use crate::rng::Rng;

/// The memory of a memtable grows in this many steps until it is full.
const CHUNKS: usize = 64;

/// A chunk is at least this long, however small memtables are made …
const CHUNK_BYTES_MIN: usize = 4 << 10;

/// … and at most this long, however large.
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// What readers hold of a memtable.
pub(super) struct Memtable {
    list: SkipList,
    /// The memory of the versions.
    bytes: AtomicUsize,
    tombstones: MemoryTombstones,
    /// Counts the memtables of a database since it was opened.
    number: u64,
}

/// What its writer holds.
pub(super) struct MemtableWriter {
    list: Writer,
    memtable: Arc<Memtable>,
}

/// A version that a read found: its number, and its value unless it is a tombstone.
pub(super) type Hit = (Seq, Option<Bytes>);

impl Memtable {
    /// An empty memtable, to be frozen at about `full_bytes`. Its number decides the shape of its
    /// skip list, so that a run can be repeated exactly.
    pub(super) fn create(number: u64, full_bytes: usize) -> (MemtableWriter, Arc<Memtable>) {
        let chunk_bytes = (full_bytes / CHUNKS).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
        let (writer, list) = skip_list(chunk_bytes, Rng::new(number));
        let memtable = Arc::new(Memtable {
            list,
            bytes: AtomicUsize::new(0),
            tombstones: MemoryTombstones::default(),
            number,
        });
        let writer = MemtableWriter {
            list: writer,
            memtable: Arc::clone(&memtable),
        };
        (writer, memtable)
    }

    /// The newest version of `key` at or below `at`, whatever range tombstones say.
    pub(super) fn get(&self, key: &[u8], at: Seq) -> Option<Hit> {
        self.list.get(key, at, |entry| {
            (entry.seq, entry.value.map(Bytes::copy_from_slice))
        })
    }

    /// A cursor on the first version at or behind `(key, seq)`.
    pub(super) fn seek(&self, key: &[u8], seq: Seq) -> Cursor {
        self.list.seek(key, seq)
    }

    /// A cursor on the last version of keys below `key`, or on the last of all without one. It may
    /// go backwards.
    pub(super) fn before(&self, key: Option<&[u8]>) -> Cursor {
        self.list.before(key.map(|key| (key, Seq::MAX)))
    }

    /// A cursor on the first version.
    pub(super) fn first(&self) -> Cursor {
        self.list.first()
    }

    /// Its range tombstones.
    pub(super) fn tombstones(&self) -> &MemoryTombstones {
        &self.tombstones
    }

    /// The memory that its versions and range tombstones take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) + self.tombstones.bytes()
    }

    /// Its number among the memtables of this database since it was opened.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl MemtableWriter {
    /// Adds what is written, and returns the bytes of its keys and value.
    pub(super) fn apply(&mut self, mutation: Mutation<'_>) -> usize {
        match mutation {
            Mutation::Version(entry) => {
                self.insert(entry);
                entry.bytes()
            }
            Mutation::DeleteRange(range) => {
                let tombstones = &self.memtable.tombstones;
                tombstones.insert(range.start, range.end, range.seq);
                range.start.len() + range.end.len()
            }
        }
    }

    /// Adds a version. One that equals another in key and number hides it.
    pub(super) fn insert(&mut self, entry: Entry<'_>) {
        let bytes = self.list.insert(entry);
        self.memtable.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// As [`Memtable::bytes`].
    pub(super) fn bytes(&self) -> usize {
        self.memtable.bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::{cmp::Reverse, collections::BTreeMap};

    use proptest::prelude::*;

    use super::{super::allocations, *};

    fn listed(memtable: &Memtable) -> Vec<(Vec<u8>, Seq, Option<Vec<u8>>)> {
        let mut cursor = memtable.first();
        let mut listed = Vec::new();
        while let Some(entry) = cursor.entry() {
            listed.push((
                entry.key.to_vec(),
                entry.seq,
                entry.value.map(<[u8]>::to_vec),
            ));
            cursor.advance();
        }
        listed
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_map_of_versions(
            writes in prop::collection::vec(("[a-c]{0,3}", prop::option::of(".{0,20}")), 0..200),
            probes in prop::collection::vec(("[a-d]{0,3}", 0_u64..250), 20),
        ) {
            let (mut writer, memtable) = Memtable::create(1, 1 << 10);
            let mut model = BTreeMap::new();
            for (seq, (key, value)) in (1..).zip(&writes) {
                let (key, value) = (key.as_bytes(), value.as_ref().map(String::as_bytes));
                writer.insert(Entry { key, seq, value });
                model.insert((key.to_vec(), Reverse(seq)), value.map(<[u8]>::to_vec));
            }
            let expected: Vec<_> = model
                .iter()
                .map(|((key, seq), value)| (key.clone(), seq.0, value.clone()))
                .collect();
            prop_assert_eq!(listed(&memtable), expected);
            for (key, at) in probes {
                let key = key.as_bytes();
                let expected = model
                    .range((key.to_vec(), Reverse(at))..)
                    .next()
                    .filter(|((found, _), _)| found == key)
                    .map(|((_, seq), value)| (seq.0, value.clone().map(Bytes::from)));
                prop_assert_eq!(memtable.get(key, at), expected);
                let mut cursor = memtable.seek(key, at);
                let behind = model.range((key.to_vec(), Reverse(at))..).count();
                let mut back = memtable.before(Some(key));
                for ((key, seq), value) in model.range(..(key.to_vec(), Reverse(Seq::MAX))).rev() {
                    let value = value.as_deref();
                    prop_assert_eq!(back.entry(), Some(Entry { key, seq: seq.0, value }));
                    back.retreat();
                }
                prop_assert_eq!(back.entry(), None);
                prop_assert_eq!((0..).take_while(|_| {
                    let on = cursor.entry().is_some();
                    cursor.advance();
                    on
                }).count(), behind);
            }
        }
    }

    #[test]
    fn the_later_of_two_equal_versions_hides_the_earlier() {
        let (mut writer, memtable) = Memtable::create(1, 1 << 10);
        for value in [Some(&b"first"[..]), Some(b"second"), None] {
            let key = b"k";
            writer.insert(Entry { key, seq: 7, value });
        }
        assert_eq!(memtable.get(b"k", 9), Some((7, None)));
        let mut back = memtable.before(None);
        assert_eq!(back.entry().map(|entry| entry.value), Some(None));
        back.retreat();
        assert_eq!(back.entry(), None);
        let values: Vec<_> = listed(&memtable).into_iter().map(|entry| entry.2).collect();
        assert_eq!(
            values,
            [None, Some(b"second".into()), Some(b"first".into())]
        );
    }

    #[test]
    #[should_panic(expected = "in their order")]
    fn an_older_version_behind_a_newer_one_is_a_bug_of_the_owner() {
        let (mut writer, _memtable) = Memtable::create(1, 1 << 10);
        for seq in [2, 1] {
            let (key, value) = (b"k", None);
            writer.insert(Entry { key, seq, value });
        }
    }

    #[test]
    fn an_insert_allocates_nothing_but_a_chunk_now_and_then() {
        let full_bytes = 4 << 20;
        let (mut writer, memtable) = Memtable::create(1, full_bytes);
        let keys: Vec<String> = (0..20_000).map(|n| format!("key {n}")).collect();
        let before = allocations::calls();
        for (seq, key) in (1..).zip(&keys) {
            let value = Some(&[b'v'; 100][..]);
            writer.insert(Entry {
                key: key.as_bytes(),
                seq,
                value,
            });
        }
        let calls = allocations::calls() - before;
        let chunks = (memtable.bytes() / (full_bytes / CHUNKS)) as u64;
        // Every chunk is one call, and the list of chunks grows by doubling.
        assert!(
            (1..=2 * chunks + 8).contains(&calls),
            "{calls} calls, {chunks} chunks"
        );
    }
}
