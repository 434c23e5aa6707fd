//! What is written at once, in the bytes in which the log keeps it.
//!
//! ```text
//! record:  first number u64, little-endian │ write │ write │ …
//! write:   1 │ key length varint │ key │ value length varint │ value     put
//!          0 │ key length varint │ key                                   delete
//! ```
//! The writes of a record have consecutive numbers, from the first one on.

use super::super::entry::{Entry, Seq};
use crate::codec::{DecodeError, VARINT_BYTES_MAX, split_varint};

/// The most bytes that are written at once: far more than is sensible, and so little that the
/// memtable that takes them stays of its size.
pub(super) const BATCH_BYTES_MAX: usize = 64 << 20;

const DELETE: u8 = 0;
const PUT: u8 = 1;

/// Bytes before a key or a value: a kind and a length at most.
const HEAD_BYTES_MAX: usize = 1 + VARINT_BYTES_MAX;

/// Writes that are made together: after a crash all of them are there or none, and no reader sees
/// some without the others. The later of two writes of one key counts.
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    bytes: Vec<u8>,
    writes: u64,
}

impl WriteBatch {
    /// A batch without writes.
    pub fn new() -> Self {
        WriteBatch::default()
    }

    /// Gives `key` a value.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.push(&Write::put(key, value));
    }

    /// Makes `key` absent.
    pub fn delete(&mut self, key: &[u8]) {
        self.push(&Write::delete(key));
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.writes as usize
    }

    /// Whether nothing is written.
    pub fn is_empty(&self) -> bool {
        self.writes == 0
    }

    /// Forgets the writes and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.writes = 0;
    }

    fn push(&mut self, write: &Write<'_>) {
        write.pieces().put(&mut self.bytes);
        self.writes += 1;
    }
}

/// One key's write: a value, or none to delete it.
#[derive(Clone, Copy)]
pub(super) struct Write<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

impl<'a> Write<'a> {
    /// Gives `key` a value.
    pub(super) fn put(key: &'a [u8], value: &'a [u8]) -> Self {
        let value = Some(value);
        Write { key, value }
    }

    /// Makes `key` absent.
    pub(super) fn delete(key: &'a [u8]) -> Self {
        Write { key, value: None }
    }

    fn pieces(&self) -> Pieces<'a> {
        let kind = self.value.map_or(DELETE, |_| PUT);
        let value_head = self.value.map(|value| Head::of(None, value.len()));
        Pieces {
            key_head: Head::of(Some(kind), self.key.len()),
            key: self.key,
            value_head: value_head.unwrap_or_default(),
            value: self.value.unwrap_or_default(),
        }
    }
}

/// An encoded write that still lies in pieces: the caller's key and value are copied once, into the
/// log's own buffer.
struct Pieces<'a> {
    key_head: Head,
    key: &'a [u8],
    value_head: Head,
    value: &'a [u8],
}

impl Pieces<'_> {
    fn parts(&self) -> [&[u8]; 4] {
        let value_head = self.value_head.bytes();
        [self.key_head.bytes(), self.key, value_head, self.value]
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.parts()
            .iter()
            .for_each(|part| out.extend_from_slice(part));
    }
}

/// A few bytes of our own.
#[derive(Clone, Copy, Default)]
struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    length: usize,
}

impl Head {
    fn of(kind: Option<u8>, mut length: usize) -> Head {
        let mut head = Head::default();
        kind.into_iter().for_each(|kind| head.push(kind));
        while length >= 0x80 {
            head.push(length as u8 | 0x80);
            length >>= 7;
        }
        head.push(length as u8);
        head
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What one call writes.
#[derive(Clone, Copy)]
pub(super) enum Writes<'a> {
    /// One key.
    One(Write<'a>),
    /// Several, encoded.
    Many(&'a WriteBatch),
}

impl Writes<'_> {
    /// How many numbers they take.
    pub(super) fn count(&self) -> u64 {
        match self {
            Writes::One(_) => 1,
            Writes::Many(batch) => batch.writes,
        }
    }

    /// About how many bytes they take in the log.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Writes::One(write) => {
                2 * HEAD_BYTES_MAX + write.key.len() + write.value.map_or(0, <[u8]>::len)
            }
            Writes::Many(batch) => batch.bytes.len(),
        }
    }

    /// Appends them to a record that is being collected.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Writes::One(write) => write.pieces().put(out),
            Writes::Many(batch) => out.extend_from_slice(&batch.bytes),
        }
    }

    /// Hands the parts of the record that begins with number `first` to the log.
    pub(super) fn record(&self, first: Seq, append: impl FnOnce(&[&[u8]])) {
        let first = first.to_le_bytes();
        match self {
            Writes::One(write) => {
                let pieces = write.pieces();
                let [key_head, key, value_head, value] = pieces.parts();
                append(&[&first, key_head, key, value_head, value]);
            }
            Writes::Many(batch) => append(&[&first, &batch.bytes]),
        }
    }

    /// The versions, from number `first` on.
    pub(super) fn entries(&self, first: Seq) -> impl Iterator<Item = Entry<'_>> {
        let (one, many) = match self {
            Writes::One(Write { key, value }) => {
                let (key, value) = (*key, *value);
                (
                    Some(Entry {
                        key,
                        seq: first,
                        value,
                    }),
                    &[][..],
                )
            }
            Writes::Many(batch) => (None, &batch.bytes[..]),
        };
        one.into_iter().chain(our_entries(many, first))
    }
}

/// The versions of writes that this process has encoded itself.
pub(super) fn our_entries(writes: &[u8], first: Seq) -> impl Iterator<Item = Entry<'_>> {
    let decoded = Entries::new(writes, first);
    decoded.map(|entry| entry.expect("what was encoded here can be decoded"))
}

/// Decodes writes one by one, and numbers them.
pub(super) struct Entries<'a> {
    rest: &'a [u8],
    length: usize,
    next: Seq,
}

impl<'a> Entries<'a> {
    /// The writes of a record whose first has the number `first`.
    pub(super) fn new(writes: &'a [u8], first: Seq) -> Self {
        Entries {
            rest: writes,
            length: writes.len(),
            next: first,
        }
    }

    fn decode(&mut self) -> std::result::Result<Entry<'a>, DecodeError> {
        let kind = self.take(1).and_then(|kind| kind.first().copied());
        let has_value = match kind {
            Some(DELETE) => false,
            Some(PUT) => true,
            _ => return Err(self.error("a put or a delete")),
        };
        let key = self.bytes().ok_or(self.error("a key"))?;
        let value = match has_value {
            true => Some(self.bytes().ok_or(self.error("a value"))?),
            false => None,
        };
        let seq = self.next;
        self.next += 1;
        Ok(Entry { key, seq, value })
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = split_varint(self.rest)?;
        self.rest = rest;
        self.take(usize::try_from(length).ok()?)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn error(&self, what: &'static str) -> DecodeError {
        let offset = self.length - self.rest.len();
        DecodeError { what, offset }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = std::result::Result<Entry<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.decode())
    }
}
