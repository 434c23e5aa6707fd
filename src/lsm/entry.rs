//! One version of one key, and the order in which versions stand everywhere in the engine.

use std::cmp::Ordering;

/// The number of a version: of two versions of a key the one with the larger number is newer.
pub type Seq = u64;

/// The largest number a version may have. The one above it stands before all versions of a key,
/// which separators in table indexes use.
pub const SEQ_MAX: Seq = u64::MAX - 1;

/// One version of one key, borrowed from wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The user's key.
    pub key: &'a [u8],
    /// The version's number.
    pub seq: Seq,
    /// The value; none is a tombstone: from this version on the key is absent.
    pub value: Option<&'a [u8]>,
}

impl Entry<'_> {
    /// The bytes of key and value.
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.map_or(0, <[u8]>::len)
    }
}

/// The order of versions: keys ascending, and of one key the newest first, so that the first
/// version at or behind `(key, at)` is what a reader at `at` sees.
pub(super) fn order(a: (&[u8], Seq), b: (&[u8], Seq)) -> Ordering {
    a.0.cmp(b.0).then_with(|| b.1.cmp(&a.1))
}
