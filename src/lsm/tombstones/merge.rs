//! Many sets of range tombstones as one.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    super::entry::Seq,
    set::{Fragment, RangeTombstones},
};

/// Where a fragment ends or begins. Of two at one key, ends come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    End,
    Start,
}

impl RangeTombstones {
    /// All tombstones of all sets.
    pub(in crate::lsm) fn merge<'a>(
        sets: impl IntoIterator<Item = &'a RangeTombstones>,
    ) -> RangeTombstones {
        let mut turns = Vec::new();
        for (number, set) in sets.into_iter().enumerate() {
            for fragment in set.fragments() {
                turns.push((&fragment.start, Turn::Start, number, fragment));
                turns.push((&fragment.end, Turn::End, number, fragment));
            }
        }
        turns.sort_unstable_by_key(|(key, turn, number, _)| (*key, *turn, *number));
        let mut merged = RangeTombstones::default();
        // Of every set at most one fragment covers a key.
        let mut open: BTreeMap<usize, &Fragment> = BTreeMap::new();
        let mut since: Option<&Bytes> = None;
        for (key, turn, number, fragment) in turns {
            if let Some(start) = since.filter(|since| *since < key && !open.is_empty()) {
                let is_behind = merged.push(Fragment {
                    start: start.clone(),
                    end: key.clone(),
                    seqs: union(open.values().map(|fragment| fragment.seqs.as_slice())),
                });
                assert!(is_behind, "turns come in their order");
            }
            since = Some(key);
            match turn {
                Turn::Start => open.insert(number, fragment),
                Turn::End => open.remove(&number),
            };
        }
        merged
    }
}

/// All numbers once, descending.
fn union<'a>(lists: impl Iterator<Item = &'a [Seq]>) -> Vec<Seq> {
    let mut seqs: Vec<Seq> = lists.flatten().copied().collect();
    seqs.sort_unstable_by(|a, b| b.cmp(a));
    seqs.dedup();
    seqs
}
