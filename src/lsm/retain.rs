//! Which versions must be kept: the rule by which flushes and compactions throw away the rest.

use super::entry::{Entry, Seq};

/// Decides about versions one by one, as they come by in order.
///
/// Readers look at `floor` or later. Of every key they can see all versions above the floor, and
/// the newest one at or below it; what is older is out of sight. If that newest one is a tombstone
/// and nothing older of the key exists anywhere below, absence says the same.
#[derive(Debug)]
pub(super) struct Retention {
    floor: Seq,
    /// Nothing older than what comes by exists elsewhere.
    is_bottom: bool,
    /// The last version that came by.
    key: Vec<u8>,
    seq: Option<Seq>,
}

impl Retention {
    /// Keeps what readers at `floor` and above can see. With `is_bottom` nothing older than what
    /// comes by may exist elsewhere.
    pub(super) fn new(floor: Seq, is_bottom: bool) -> Self {
        Retention {
            floor,
            is_bottom,
            key: Vec::new(),
            seq: None,
        }
    }

    /// Whether the next version must be kept.
    pub(super) fn keeps(&mut self, entry: Entry<'_>) -> bool {
        let newer = self.seq.filter(|_| self.key == entry.key);
        if newer.is_none() {
            self.key.clear();
            self.key.extend_from_slice(entry.key);
        }
        self.seq = Some(entry.seq);
        match newer {
            // A newer source had the same version.
            Some(newer) if newer == entry.seq => false,
            Some(newer) if newer <= self.floor => false,
            _ => entry.value.is_some() || entry.seq > self.floor || !self.is_bottom,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader at `at` sees of one key.
    fn seen(versions: &[(Seq, bool)], at: Seq) -> Option<Seq> {
        let newest = versions.iter().find(|(seq, _)| *seq <= at)?;
        newest.1.then_some(newest.0)
    }

    proptest! {
        #[test]
        fn no_reader_at_the_floor_or_above_notices(
            mut versions in prop::collection::vec((0_u64..20, any::<bool>()), 0..12),
            floor in 0_u64..20,
            is_bottom: bool,
        ) {
            versions.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
            let mut retention = Retention::new(floor, is_bottom);
            let kept: Vec<_> = versions
                .iter()
                .copied()
                .filter(|(seq, is_value)| {
                    let value = is_value.then_some(&b"v"[..]);
                    retention.keeps(Entry { key: b"k", seq: *seq, value })
                })
                .collect();
            for at in floor..25 {
                prop_assert_eq!(seen(&kept, at), seen(&versions, at));
            }
            let below = kept.iter().filter(|(seq, _)| *seq <= floor).count();
            prop_assert!(below <= 1);
            let is_needless = |(seq, is_value): &(Seq, bool)| *seq <= floor && !is_value;
            prop_assert!(!is_bottom || !kept.iter().any(is_needless));
        }
    }

    #[test]
    fn a_tombstone_stays_while_something_older_may_be_below() {
        let tombstone = Entry {
            key: b"k",
            seq: 3,
            value: None,
        };
        assert!(Retention::new(9, false).keeps(tombstone));
        assert!(!Retention::new(9, true).keeps(tombstone));
        assert!(Retention::new(2, true).keeps(tombstone));
    }
}
