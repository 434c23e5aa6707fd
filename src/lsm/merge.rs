//! Many sorted sources read as one.

use std::cmp::Ordering;

use bytes::Bytes;

use super::{
    entry::{Entry, order},
    error::Result,
    source::Source,
};

/// A cursor over the versions of all sources, in order. Of versions that are equal in key and
/// number the one of the newest source comes first; the others follow. Backwards everything is the
/// other way round.
pub(super) struct Merge {
    /// From new to old.
    sources: Vec<Source>,
    /// The sources go backwards.
    is_back: bool,
    /// The sources that have a version, as a binary heap with the first version on top.
    heap: Vec<usize>,
}

impl Merge {
    /// Merges these sources, which are given from new to old, from where their cursors stand.
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Merge::begin(sources, false)
    }

    /// As [`Self::new`], with sources that go backwards.
    pub(super) fn back(sources: Vec<Source>) -> Self {
        Merge::begin(sources, true)
    }

    fn begin(sources: Vec<Source>, is_back: bool) -> Self {
        let heap = (0..sources.len())
            .filter(|source| sources[*source].entry().is_some())
            .collect();
        let mut merge = Merge {
            sources,
            is_back,
            heap,
        };
        for place in (0..merge.heap.len() / 2).rev() {
            merge.sift_down(place);
        }
        merge
    }

    /// The version under the cursor; none beyond the end.
    pub(super) fn entry(&self) -> Option<Entry<'_>> {
        self.sources[*self.heap.first()?].entry()
    }

    /// The value under the cursor, to keep; none for a tombstone.
    pub(super) fn value(&self) -> Option<Bytes> {
        self.sources[*self.heap.first()?].value()
    }

    /// Moves to the next version, or beyond the end. After an error the cursor is of no more use.
    pub(super) async fn advance(&mut self) -> Result<()> {
        let Some(top) = self.heap.first() else {
            return Ok(());
        };
        let source = &mut self.sources[*top];
        // In a box of its own: most steps read nothing, and need not carry about what does.
        if !source.step()? {
            Box::pin(source.cross()).await?;
        }
        if source.entry().is_none() {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }

    /// Lets the source at `place` sink until those below it come after it.
    fn sift_down(&mut self, mut place: usize) {
        loop {
            let children = [2 * place + 1, 2 * place + 2].into_iter();
            let first = children
                .filter(|child| *child < self.heap.len())
                .min_by(|a, b| self.compare(*a, *b));
            match first {
                Some(child) if self.compare(child, place).is_lt() => {
                    self.heap.swap(child, place);
                    place = child;
                }
                _ => return,
            }
        }
    }

    /// The order of two places of the heap.
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let (a, b) = (self.heap[a], self.heap[b]);
        let version = |source: usize| {
            let entry = self.sources[source].entry();
            entry.map(|entry| (entry.key, entry.seq))
        };
        match (version(a), version(b)) {
            (Some(first), Some(second)) => {
                let forwards = order(first, second).then(a.cmp(&b));
                if self.is_back {
                    forwards.reverse()
                } else {
                    forwards
                }
            }
            _ => unreachable!("a source in the heap has a version"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::{
        super::memtable::{Memtable, MemtableWriter},
        *,
    };
    use crate::env::task::block_on;

    fn write(writer: &mut MemtableWriter, key: u8, seq: u64, value: usize) {
        writer.insert(Entry {
            key: &[key],
            seq,
            value: Some(&value.to_le_bytes()),
        });
    }

    proptest! {
        #[test]
        fn it_is_a_stable_sort_of_all_sources(
            sources in vec(vec((0_u8..5, 0_u64..5), 0..8), 0..7),
        ) {
            let mut expected = Vec::new();
            let mut cursors = Vec::new();
            for (number, versions) in sources.iter().enumerate() {
                let mut versions = versions.clone();
                versions.sort_by_key(|(_, seq)| *seq);
                versions.dedup();
                let (mut writer, memtable) = Memtable::create(number as u64, 1 << 10);
                for (key, seq) in versions {
                    write(&mut writer, key, seq, number);
                }
                let mut cursor = memtable.first();
                while let Some(entry) = cursor.entry() {
                    expected.push((entry.key[0], entry.seq, number));
                    cursor.advance();
                }
                cursors.push(Source::Memory(memtable.first()));
            }
            expected.sort_by_key(|(key, seq, number)| (*key, std::cmp::Reverse(*seq), *number));
            let mut merge = Merge::new(cursors);
            let mut merged = Vec::new();
            while let Some(entry) = merge.entry() {
                let value = merge.value().expect("a value");
                let number = usize::from_le_bytes(value[..].try_into().expect("eight bytes"));
                merged.push((entry.key[0], entry.seq, number));
                block_on(merge.advance()).expect("no disk, no error");
            }
            prop_assert_eq!(merged, expected);
        }
    }
}
