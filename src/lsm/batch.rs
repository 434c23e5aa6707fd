//! Writes that go into one memtable together.

use super::entry::{Entry, SEQ_MAX, Seq};

/// A list of versions to write, in order, in one buffer that can be used again.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Keys and values, back to back.
    bytes: Vec<u8>,
    items: Vec<Item>,
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

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many versions are written.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Forgets the writes and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
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

    /// The bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
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
}
