//! Which versions must be kept: the rule by which flushes and compactions throw away the rest.

use super::{
    entry::{Entry, Seq},
    tombstones::{RangeTombstones, Stretch},
};

/// Decides about versions one by one, as they come by in order.
///
/// Readers look at `floor` or later. Of every key they can see all versions above the floor, and
/// the newest one at or below it; what is older is out of sight, and so is what a range tombstone
/// at or below the floor hides. If that newest one is a tombstone and nothing older of the key
/// exists anywhere below, absence says the same.
#[derive(Debug)]
pub(super) struct Retention {
    floor: Seq,
    /// What covers the keys that come by.
    tombstones: RangeTombstones,
    /// Where the key lies among them.
    stretch: Option<Stretch>,
    /// The largest number at or below the floor that covers the key.
    hidden_below: Seq,
    /// Nothing older than what comes by exists elsewhere.
    is_bottom: bool,
    /// The last version that came by.
    key: Vec<u8>,
    seq: Option<Seq>,
}

impl Retention {
    /// Keeps what readers at `floor` and above can see, where these range tombstones come with the
    /// versions. With `is_bottom` nothing older than what comes by may exist elsewhere.
    pub(super) fn new(floor: Seq, is_bottom: bool, tombstones: RangeTombstones) -> Self {
        Retention {
            floor,
            tombstones,
            stretch: None,
            hidden_below: 0,
            is_bottom,
            key: Vec::new(),
            seq: None,
        }
    }

    /// The range tombstones that must be kept.
    pub(super) fn tombstones(&self) -> RangeTombstones {
        // What they hide is dropped here; older versions there may be elsewhere.
        self.tombstones.thin(self.floor, self.is_bottom)
    }

    /// Whether the next version must be kept.
    pub(super) fn keeps(&mut self, entry: Entry<'_>) -> bool {
        let newer = self.seq.filter(|_| self.key == entry.key);
        if newer.is_none() {
            self.key.clear();
            self.key.extend_from_slice(entry.key);
            self.find_cover();
        }
        self.seq = Some(entry.seq);
        match newer {
            // A newer source had the same version.
            Some(newer) if newer == entry.seq => false,
            Some(newer) if newer <= self.floor => false,
            _ if entry.seq < self.hidden_below => false,
            _ => entry.value.is_some() || entry.seq > self.floor || !self.is_bottom,
        }
    }

    /// Finds out what is hidden of a new key.
    fn find_cover(&mut self) {
        let is_known = |stretch: &Stretch| stretch.contains(&self.key);
        if self.tombstones.is_empty() || self.stretch.as_ref().is_some_and(is_known) {
            return;
        }
        let stretch = self.tombstones.stretch(&self.key);
        self.hidden_below = stretch.newest(self.floor).unwrap_or(0);
        self.stretch = Some(stretch);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader at `at` sees of one key.
    fn seen(versions: &[(Seq, bool)], covering: &RangeTombstones, at: Seq) -> Option<Seq> {
        let newest = versions.iter().find(|(seq, _)| *seq <= at)?;
        let hidden_below = covering.newest(b"k", at).unwrap_or(0);
        (newest.1 && newest.0 >= hidden_below).then_some(newest.0)
    }

    fn covering(seqs: &[Seq]) -> RangeTombstones {
        let ones: Vec<_> = seqs
            .iter()
            .map(|seq| RangeTombstones::one(b"a", b"z", *seq))
            .collect();
        RangeTombstones::merge(&ones)
    }

    proptest! {
        #[test]
        fn no_reader_at_the_floor_or_above_notices(
            mut versions in prop::collection::vec((0_u64..20, any::<bool>()), 0..12),
            ranges in prop::collection::vec(0_u64..20, 0..4),
            floor in 0_u64..20,
            is_bottom: bool,
        ) {
            versions.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
            let ranges = covering(&ranges);
            let mut retention = Retention::new(floor, is_bottom, ranges.clone());
            let kept: Vec<_> = versions
                .iter()
                .copied()
                .filter(|(seq, is_value)| {
                    let value = is_value.then_some(&b"v"[..]);
                    retention.keeps(Entry { key: b"k", seq: *seq, value })
                })
                .collect();
            let kept_ranges = retention.tombstones();
            for at in floor..25 {
                prop_assert_eq!(seen(&kept, &kept_ranges, at), seen(&versions, &ranges, at));
            }
            let below = kept.iter().filter(|(seq, _)| *seq <= floor).count();
            prop_assert!(below <= 1);
            let hidden_below = ranges.newest(b"k", floor).unwrap_or(0);
            prop_assert!(kept.iter().all(|(seq, _)| *seq >= hidden_below));
            let is_needless = |(seq, is_value): &(Seq, bool)| *seq <= floor && !is_value;
            prop_assert!(!is_bottom || !kept.iter().any(is_needless));
            prop_assert!(!is_bottom || kept_ranges.newest(b"k", floor).is_none());
        }
    }

    #[test]
    fn a_tombstone_stays_while_something_older_may_be_below() {
        let tombstone = Entry {
            key: b"k",
            seq: 3,
            value: None,
        };
        for (floor, is_bottom, is_kept) in [(9, false, true), (9, true, false), (2, true, true)] {
            let mut retention = Retention::new(floor, is_bottom, RangeTombstones::default());
            assert_eq!(retention.keeps(tombstone), is_kept);
            let retention = Retention::new(floor, is_bottom, covering(&[3]));
            assert_eq!(!retention.tombstones().is_empty(), is_kept);
        }
    }

    #[test]
    fn a_range_tombstone_hides_only_the_keys_that_it_covers() {
        let tombstones = RangeTombstones::one(b"b", b"d", 5);
        let mut retention = Retention::new(9, false, tombstones);
        for (key, is_kept) in [("a", true), ("b", false), ("c", false), ("d", true)] {
            for seq in [5, 4] {
                let (key, value) = (key.as_bytes(), Some(&b"v"[..]));
                let keeps = retention.keeps(Entry { key, seq, value });
                assert_eq!(keeps, seq == 5, "{key:?} {is_kept}");
            }
            let (key, value) = (format!("{key} alone"), Some(&b"v"[..]));
            let alone = Entry {
                key: key.as_bytes(),
                seq: 4,
                value,
            };
            assert_eq!(retention.keeps(alone), is_kept, "{key}");
        }
    }
}
