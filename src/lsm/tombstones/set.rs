//! Fragments in a sorted list.

use bytes::Bytes;

use super::super::entry::Seq;

/// A range of keys, and the numbers of all range tombstones that cover it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Fragment {
    /// The first key that is covered.
    pub(in crate::lsm) start: Bytes,
    /// The first key behind it that is not.
    pub(in crate::lsm) end: Bytes,
    /// The numbers, descending.
    pub(in crate::lsm) seqs: Vec<Seq>,
}

/// Range tombstones as fragments that do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct RangeTombstones {
    /// Ascending.
    fragments: Vec<Fragment>,
}

/// A range of keys all of which are covered by the same numbers, or all by none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lsm) struct Stretch {
    /// Its first key.
    pub(in crate::lsm) start: Bytes,
    /// The first key behind it; none if it has no end.
    pub(in crate::lsm) end: Option<Bytes>,
    /// The numbers, descending.
    pub(in crate::lsm) seqs: Vec<Seq>,
}

impl Fragment {
    /// The largest number of at most `at`.
    pub(in crate::lsm) fn newest(&self, at: Seq) -> Option<Seq> {
        newest(&self.seqs, at)
    }

    /// The memory it takes.
    pub(in crate::lsm) fn bytes(&self) -> usize {
        let contents = self.start.len() + self.end.len() + size_of_val(self.seqs.as_slice());
        size_of::<Fragment>() + contents
    }

    /// Cuts it at a key: what is before stays, what is behind is returned.
    pub(in crate::lsm) fn split_off(&mut self, key: &[u8]) -> Fragment {
        assert!(
            self.start < key && key < &self.end[..],
            "a fragment is cut inside"
        );
        let start = Bytes::copy_from_slice(key);
        Fragment {
            end: std::mem::replace(&mut self.end, start.clone()),
            start,
            seqs: self.seqs.clone(),
        }
    }
}

impl RangeTombstones {
    /// The tombstone `start..end @ seq` alone. The range must not be empty.
    pub(in crate::lsm) fn one(start: &[u8], end: &[u8], seq: Seq) -> Self {
        assert!(start < end, "a range of keys");
        let fragment = Fragment {
            start: Bytes::copy_from_slice(start),
            end: Bytes::copy_from_slice(end),
            seqs: vec![seq],
        };
        RangeTombstones {
            fragments: vec![fragment],
        }
    }

    /// Appends a fragment behind all others. One that goes on like the last is glued to it.
    /// False, and nothing is appended, if it is not behind, or not a fragment.
    #[must_use]
    pub(in crate::lsm) fn push(&mut self, fragment: Fragment) -> bool {
        let is_descending = fragment.seqs.is_sorted_by(|a, b| a > b);
        let last = self.fragments.last_mut();
        let is_behind = last.as_ref().is_none_or(|last| last.end <= fragment.start);
        if fragment.start >= fragment.end
            || fragment.seqs.is_empty()
            || !is_descending
            || !is_behind
        {
            return false;
        }
        match last.filter(|last| last.end == fragment.start && last.seqs == fragment.seqs) {
            Some(last) => last.end = fragment.end,
            None => self.fragments.push(fragment),
        }
        true
    }

    /// Cuts off what they say of keys from `key` on, before which all of them begin.
    pub(in crate::lsm) fn split_last(&mut self, key: &[u8]) -> Option<Fragment> {
        let last = self.fragments.last_mut()?;
        (&last.end[..] > key).then(|| last.split_off(key))
    }

    /// The fragments, ascending.
    pub(in crate::lsm) fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// The fragments to keep, ascending.
    pub(in crate::lsm) fn into_fragments(self) -> Vec<Fragment> {
        self.fragments
    }

    /// Whether there are none.
    pub(in crate::lsm) fn is_empty(&self) -> bool {
        self.fragments.is_empty()
    }

    /// The memory they take.
    pub(in crate::lsm) fn bytes(&self) -> usize {
        self.fragments.iter().map(Fragment::bytes).sum()
    }

    /// The largest number of at most `at` that covers `key`.
    pub(in crate::lsm) fn newest(&self, key: &[u8], at: Seq) -> Option<Seq> {
        let fragment = self.fragments.get(self.not_before(key))?;
        fragment.newest(at).filter(|_| &fragment.start[..] <= key)
    }

    /// The longest stretch around `key`.
    pub(in crate::lsm) fn stretch(&self, key: &[u8]) -> Stretch {
        let place = self.not_before(key);
        let next = self.fragments.get(place);
        if let Some(fragment) = next.filter(|next| &next.start[..] <= key) {
            return Stretch {
                start: fragment.start.clone(),
                end: Some(fragment.end.clone()),
                seqs: fragment.seqs.clone(),
            };
        }
        let previous = place.checked_sub(1).map(|place| &self.fragments[place]);
        Stretch {
            start: previous.map_or(Bytes::new(), |previous| previous.end.clone()),
            end: next.map(|next| next.start.clone()),
            seqs: Vec::new(),
        }
    }

    /// What they say of keys from `start` on, up to `end` if there is one.
    pub(in crate::lsm) fn clip(&self, start: &[u8], end: Option<&[u8]>) -> RangeTombstones {
        if end.is_some_and(|end| end <= start) {
            return RangeTombstones::default();
        }
        let from = self.not_before(start);
        let inside = self.fragments[from..].iter();
        let inside = inside.take_while(|next| end.is_none_or(|end| next.start < end));
        let mut fragments: Vec<Fragment> = inside.cloned().collect();
        if let Some(first) = fragments.first_mut().filter(|first| first.start < start) {
            *first = first.split_off(start);
        }
        if let (Some(last), Some(end)) = (fragments.last_mut(), end)
            && last.end > end
        {
            last.split_off(end);
        }
        RangeTombstones { fragments }
    }

    /// Without the numbers that no reader at `floor` or above can tell from larger ones; without
    /// all at or below the floor if what they hide `is_gone`.
    pub(in crate::lsm) fn thin(&self, floor: Seq, is_gone: bool) -> RangeTombstones {
        let mut thinned = RangeTombstones::default();
        for fragment in &self.fragments {
            let above = fragment.seqs.partition_point(|seq| *seq > floor);
            let kept = above + usize::from(!is_gone);
            let seqs = fragment.seqs.iter().take(kept).copied().collect();
            // Nothing is appended for a fragment that lost all its numbers.
            let _ = thinned.push(Fragment {
                seqs,
                ..fragment.clone()
            });
        }
        thinned
    }

    /// The place of the first fragment that does not end before `key`.
    fn not_before(&self, key: &[u8]) -> usize {
        self.fragments.partition_point(|next| &next.end[..] <= key)
    }
}

impl Stretch {
    /// Every key, covered by nothing.
    pub(in crate::lsm) fn bare() -> Self {
        Stretch {
            start: Bytes::new(),
            end: None,
            seqs: Vec::new(),
        }
    }

    /// Whether it holds this key.
    pub(in crate::lsm) fn contains(&self, key: &[u8]) -> bool {
        &self.start[..] <= key && self.end.as_ref().is_none_or(|end| key < end)
    }

    /// The keys that are in both, covered by the numbers of both.
    pub(in crate::lsm) fn meet(&mut self, other: Stretch) {
        if other.start > self.start {
            self.start = other.start;
        }
        self.end = match (self.end.take(), other.end) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        if !other.seqs.is_empty() {
            self.seqs.extend(other.seqs);
            self.seqs.sort_unstable_by(|a, b| b.cmp(a));
            self.seqs.dedup();
        }
    }

    /// The largest number of at most `at`.
    pub(in crate::lsm) fn newest(&self, at: Seq) -> Option<Seq> {
        newest(&self.seqs, at)
    }

    /// The smallest number above `seq`.
    pub(in crate::lsm) fn oldest_above(&self, seq: Seq) -> Option<Seq> {
        let above = self.seqs.partition_point(|number| *number > seq);
        self.seqs[..above].last().copied()
    }
}

/// The largest of descending numbers that is at most `at`.
fn newest(seqs: &[Seq], at: Seq) -> Option<Seq> {
    let place = seqs.partition_point(|seq| *seq > at);
    seqs.get(place).copied()
}
