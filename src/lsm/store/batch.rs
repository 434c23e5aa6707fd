//! What is written at once, in the bytes in which the log keeps it.
//!
//! ```text
//! record:  check │ write │ write │ …
//! write:   1 │ key length varint │ key │ value length varint │ value     put
//!          0 │ key length varint │ key                                   delete
//!          2 │ key length varint │ key │ end length varint │ end         delete from key on and
//!                                                                        before end, which is larger
//! ```
//! Writes have consecutive numbers, within a record and from one record to the next, so that none is
//! written down: the check, the lowest byte of the first one, only sees to it that nobody miscounts.

use super::super::{
    batch::{Mutation, RangeDelete},
    entry::{Entry, Seq},
};
use crate::codec::{DecodeError, VARINT_BYTES_MAX, split_varint};

/// The most bytes that are written at once: far more than is sensible, and so little that the
/// memtable that takes them stays of its size.
pub(super) const BATCH_BYTES_MAX: usize = 64 << 20;

const DELETE: u8 = 0;
const PUT: u8 = 1;
const DELETE_RANGE: u8 = 2;

/// Bytes before a key or a value: a kind and a length at most.
const HEAD_BYTES_MAX: usize = 1 + VARINT_BYTES_MAX;

/// Writes that are made together: after a crash all of them are there or none, and no reader sees
/// some without the others. Of several writes of one key the last one counts.
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

    /// Makes every key from `start` up to, but not including, `end` absent. An empty range, or one
    /// that ends before it begins, is ignored.
    pub fn delete_range(&mut self, start: &[u8], end: &[u8]) {
        if let Some(write) = Write::delete_range(start, end) {
            self.push(&write);
        }
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

/// The write of one key or range.
#[derive(Clone, Copy)]
pub(super) struct Write<'a> {
    /// As drawn above.
    kind: u8,
    key: &'a [u8],
    /// The value, or the end of the range; none to delete the key.
    other: Option<&'a [u8]>,
}

impl<'a> Write<'a> {
    /// Gives `key` a value.
    pub(super) fn put(key: &'a [u8], value: &'a [u8]) -> Self {
        let (kind, other) = (PUT, Some(value));
        Write { kind, key, other }
    }

    /// Makes `key` absent.
    pub(super) fn delete(key: &'a [u8]) -> Self {
        let (kind, other) = (DELETE, None);
        Write { kind, key, other }
    }

    /// Makes the keys of a range absent; none if it is empty.
    pub(super) fn delete_range(start: &'a [u8], end: &'a [u8]) -> Option<Self> {
        let (kind, other) = (DELETE_RANGE, Some(end));
        let key = start;
        (start < end).then_some(Write { kind, key, other })
    }

    /// The write as number `seq`; none if it is a range that is not one.
    fn numbered(&self, seq: Seq) -> Option<Mutation<'a>> {
        let Write { kind, key, other } = *self;
        let range = other.filter(|_| kind == DELETE_RANGE);
        match range {
            Some(end) if key < end => Some(Mutation::DeleteRange(RangeDelete {
                start: key,
                end,
                seq,
            })),
            Some(_) => None,
            None => Some(Mutation::Version(Entry {
                key,
                seq,
                value: other,
            })),
        }
    }

    fn pieces(&self) -> Pieces<'a> {
        let other_head = self.other.map(|other| Head::of(None, other.len()));
        Pieces {
            key_head: Head::of(Some(self.kind), self.key.len()),
            key: self.key,
            other_head: other_head.unwrap_or_default(),
            other: self.other.unwrap_or_default(),
        }
    }
}

/// An encoded write that still lies in pieces: the caller's key and value are copied once, into the
/// log's own buffer.
struct Pieces<'a> {
    key_head: Head,
    key: &'a [u8],
    other_head: Head,
    other: &'a [u8],
}

impl Pieces<'_> {
    fn parts(&self) -> [&[u8]; 4] {
        let other_head = self.other_head.bytes();
        [self.key_head.bytes(), self.key, other_head, self.other]
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
    /// One key or range.
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
                2 * HEAD_BYTES_MAX + write.key.len() + write.other.map_or(0, <[u8]>::len)
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
        let check = [check(first)];
        match self {
            Writes::One(write) => {
                let pieces = write.pieces();
                let [key_head, key, other_head, other] = pieces.parts();
                append(&[&check, key_head, key, other_head, other]);
            }
            Writes::Many(batch) => append(&[&check, &batch.bytes]),
        }
    }

    /// The writes, from number `first` on.
    pub(super) fn mutations(&self, first: Seq) -> impl Iterator<Item = Mutation<'_>> {
        let (one, many) = match self {
            Writes::One(write) => (write.numbered(first), &[][..]),
            Writes::Many(batch) => (None, &batch.bytes[..]),
        };
        one.into_iter().chain(our_mutations(many, first))
    }
}

/// What a record whose first write has this number begins with.
pub(super) fn check(first: Seq) -> u8 {
    first.to_le_bytes()[0]
}

/// Writes that this process has encoded itself.
pub(super) fn our_mutations(writes: &[u8], first: Seq) -> impl Iterator<Item = Mutation<'_>> {
    let decoded = Mutations::new(writes, first);
    decoded.map(|mutation| mutation.expect("what was encoded here can be decoded"))
}

/// Decodes writes one by one, and numbers them.
pub(super) struct Mutations<'a> {
    rest: &'a [u8],
    length: usize,
    next: Seq,
}

impl<'a> Mutations<'a> {
    /// The writes of a record whose first has the number `first`.
    pub(super) fn new(writes: &'a [u8], first: Seq) -> Self {
        Mutations {
            rest: writes,
            length: writes.len(),
            next: first,
        }
    }

    fn decode(&mut self) -> std::result::Result<Mutation<'a>, DecodeError> {
        let kind = self.take(1).and_then(|kind| kind.first().copied());
        let kind = kind.filter(|kind| [DELETE, PUT, DELETE_RANGE].contains(kind));
        let kind = kind.ok_or(self.error("a kind of write"))?;
        let key = self.bytes().ok_or(self.error("a key"))?;
        let other = match kind {
            DELETE => None,
            _ => Some(self.bytes().ok_or(self.error("a value or an end"))?),
        };
        let mutation = Write { kind, key, other }.numbered(self.next);
        self.next += 1;
        mutation.ok_or(self.error("a range of keys"))
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

impl<'a> Iterator for Mutations<'a> {
    type Item = std::result::Result<Mutation<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.decode())
    }
}
