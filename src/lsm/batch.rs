//! Writes that go into one memtable together.

use super::entry::{Entry, SEQ_MAX, Seq};

/// A list of versions to write, in order, in one buffer that can be used again; and ranges of keys
/// to delete.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Keys and values, back to back.
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// Kept apart: versions and ranges of one number do not touch each other, in whatever order
    /// they come.
    ranges: Vec<OwnedRange>,
}

/// A range of keys that becomes absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeDelete<'a> {
    /// The first key of the range.
    pub start: &'a [u8],
    /// The first key behind it that is not deleted.
    pub end: &'a [u8],
    /// Hides all versions with smaller numbers, from readers at this one and later.
    pub seq: Seq,
}

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutation<'a> {
    /// A version of a key.
    Version(Entry<'a>),
    /// A range that becomes absent; not an empty one.
    DeleteRange(RangeDelete<'a>),
}

/// A range delete with its own memory: there are few of them.
#[derive(Clone, Debug)]
struct OwnedRange {
    start: Box<[u8]>,
    end: Box<[u8]>,
    seq: Seq,
}

/// One version: where its parts end in the buffer.
#[derive(Clone, Copy, Debug)]
struct Item {
    seq: Seq,
    key_end: usize,
    value_end: usize,
    is_tombstone: bool,
}

impl Batch {
    /// A batch without writes.
    pub fn new() -> Self {
        Batch::default()
    }

    /// Writes a value as version `seq` of `key`.
    pub fn put(&mut self, key: &[u8], seq: Seq, value: &[u8]) {
        self.push(key, seq, Some(value));
    }

    /// Makes `key` absent from version `seq` on.
    pub fn delete(&mut self, key: &[u8], seq: Seq) {
        self.push(key, seq, None);
    }

    /// Makes every key from `start` up to, but not including, `end` absent from version `seq` on.
    /// Versions that have this very number stay visible, so that within one batch of one number
    /// it does not matter what was added first. An empty range, or one that ends before it begins,
    /// is ignored.
    pub fn delete_range(&mut self, start: &[u8], end: &[u8], seq: Seq) {
        assert!(seq <= SEQ_MAX, "a version number beyond {SEQ_MAX}");
        if start < end {
            let (start, end) = (start.into(), end.into());
            self.ranges.push(OwnedRange { start, end, seq });
        }
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.ranges.is_empty()
    }

    /// How many versions and ranges are written.
    pub fn len(&self) -> usize {
        self.items.len() + self.ranges.len()
    }

    /// Forgets the writes and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
        self.ranges.clear();
    }

    /// The ranges to delete, none of them empty, in the order in which they were added. Together
    /// with [`Self::entries`] they are all of the batch.
    pub fn range_deletes(&self) -> impl Iterator<Item = RangeDelete<'_>> {
        self.ranges.iter().map(|range| RangeDelete {
            start: &range.start,
            end: &range.end,
            seq: range.seq,
        })
    }

    /// The versions in the order in which they were added.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut from = 0;
        self.items.iter().map(move |item| {
            let key = &self.bytes[from..item.key_end];
            let value = &self.bytes[item.key_end..item.value_end];
            from = item.value_end;
            Entry {
                key,
                seq: item.seq,
                value: (!item.is_tombstone).then_some(value),
            }
        })
    }

    /// All writes.
    pub(super) fn mutations(&self) -> impl Iterator<Item = Mutation<'_>> {
        let versions = self.entries().map(Mutation::Version);
        versions.chain(self.range_deletes().map(Mutation::DeleteRange))
    }

    /// The bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        let ranges = self.ranges.iter();
        let ranges = ranges.map(|range| range.start.len() + range.end.len());
        self.bytes.len() + ranges.sum::<usize>()
    }

    fn push(&mut self, key: &[u8], seq: Seq, value: Option<&[u8]>) {
        assert!(seq <= SEQ_MAX, "a version number beyond {SEQ_MAX}");
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.items.push(Item {
            seq,
            key_end,
            value_end: self.bytes.len(),
            is_tombstone: value.is_none(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_comes_back_in_order() {
        let mut batch = Batch::new();
        batch.put(b"a", 1, b"one");
        batch.delete(b"b", 2);
        batch.put(b"", 3, b"");
        let listed: Vec<_> = batch
            .entries()
            .map(|entry| (entry.key, entry.seq, entry.value))
            .collect();
        assert_eq!(
            listed,
            [
                (&b"a"[..], 1, Some(&b"one"[..])),
                (b"b", 2, None),
                (b"", 3, Some(b""))
            ]
        );
        batch.clear();
        assert!(batch.is_empty() && batch.bytes() == 0);
    }

    #[test]
    fn ranges_come_back_beside_the_versions_and_empty_ones_are_ignored() {
        let mut batch = Batch::new();
        batch.put(b"a", 1, b"one");
        for (start, end) in [("b", "d"), ("c", "c"), ("e", "d"), ("", "z")] {
            batch.delete_range(start.as_bytes(), end.as_bytes(), 2);
        }
        let listed: Vec<_> = batch
            .range_deletes()
            .map(|range| (range.start, range.end, range.seq))
            .collect();
        assert_eq!(listed, [(&b"b"[..], &b"d"[..], 2), (b"", b"z", 2)]);
        assert_eq!((batch.len(), batch.bytes()), (3, 7));
        batch.clear();
        assert!(batch.is_empty() && batch.bytes() == 0);
        batch.delete_range(b"b", b"d", 3);
        assert!(!batch.is_empty());
    }
}
