//! What the store remembers of a shard's log: its ends, and which segments its entries are in.

use std::collections::VecDeque;

use crate::{
    raft::{Base, HardState},
    types::{Index, LogPosition},
    wal::SegmentId,
};

/// Where a shard's log stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Term and vote.
    pub hard_state: HardState,
    /// What comes before the first entry that is needed.
    pub base: Base,
    /// The last entry, or the base if there is none behind it.
    pub last: LogPosition,
    /// The log may have held entries that were damaged, and has not been healed since.
    pub damaged: bool,
}

/// A shard's log, without its entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    pub hard_state: HardState,
    pub base: Base,
    /// The last entry, or the base if there is none behind it.
    pub last: LogPosition,
    /// As in [`Head`].
    pub damaged: bool,
    /// Which segments the entries behind the base are in: each span reaches to the next one's first
    /// entry, the last one to the end. Segments and indexes rise.
    spans: VecDeque<Span>,
}

/// Consecutive entries in one segment.
#[derive(Clone, Copy, Debug)]
struct Span {
    segment: SegmentId,
    first: Index,
}

impl Tail {
    /// The tail of a log whose entries up to `head.last` are in segments that are gone.
    pub(super) fn from_head(head: Head) -> Tail {
        Tail {
            hard_state: head.hard_state,
            base: head.base,
            last: head.last,
            damaged: head.damaged,
            spans: VecDeque::new(),
        }
    }

    pub(super) fn head(&self) -> Head {
        Head {
            hard_state: self.hard_state,
            base: self.base.clone(),
            last: self.last,
            damaged: self.damaged,
        }
    }

    /// The log begins anew after `base`.
    pub(super) fn reset(&mut self, base: Base) {
        self.last = base.at;
        self.base = base;
        self.spans.clear();
    }

    /// Puts an entry into its place, which is in `segment`; everything behind it is gone. Refuses
    /// one that does not fit.
    pub(super) fn put(&mut self, at: LogPosition, segment: SegmentId) -> Result<(), &'static str> {
        if at.index <= self.base.at.index {
            return Err("an entry in the place of a compacted one");
        }
        if at.index > self.last.index + 1 {
            return Err("entries are missing before this one");
        }
        if at.index == self.last.index + 1 && at.term < self.last.term {
            return Err("an entry of an older term than the one before");
        }
        while self.spans.back().is_some_and(|span| span.first >= at.index) {
            self.spans.pop_back();
        }
        if self.spans.back().is_none_or(|span| span.segment != segment) {
            let first = at.index;
            self.spans.push_back(Span { segment, first });
        }
        self.last = at;
        Ok(())
    }

    /// The entries up to `base` are not needed. Refuses a base that the log does not have.
    pub(super) fn compact(&mut self, base: Base) -> Result<(), &'static str> {
        let LogPosition { index, .. } = base.at;
        if index < self.base.at.index {
            return Err("a compaction that goes back");
        }
        if index == self.base.at.index && base.at != self.base.at {
            return Err("a compaction to a base of another term");
        }
        if index > self.last.index || (index == self.last.index && base.at != self.last) {
            return Err("a compaction of entries that are not there");
        }
        if base.at == self.last {
            self.spans.clear();
        }
        self.base = base;
        // A span is done when the next one begins at the first needed entry or before.
        while self
            .spans
            .get(1)
            .is_some_and(|next| next.first <= index + 1)
        {
            self.spans.pop_front();
        }
        Ok(())
    }

    /// The oldest segment with a needed entry.
    pub(super) fn first_segment(&self) -> Option<SegmentId> {
        self.spans.front().map(|span| span.segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Term;

    fn at(index: Index) -> LogPosition {
        LogPosition { term: 1, index }
    }

    fn base(term: Term, index: Index) -> Base {
        Base {
            at: LogPosition { term, index },
            ..Base::default()
        }
    }

    #[test]
    fn a_segment_is_needed_as_long_as_a_living_entry_is_in_it() {
        let mut tail = Tail::default();
        for index in 1..=6 {
            let segment = SegmentId(1 + index / 4);
            tail.put(at(index), segment).unwrap();
        }
        // From here on the second segment holds nothing that counts.
        tail.put(at(2), SegmentId(3)).unwrap();
        assert_eq!(tail.first_segment(), Some(SegmentId(1)));
        tail.compact(base(1, 1)).unwrap();
        assert_eq!(tail.first_segment(), Some(SegmentId(3)));
        tail.compact(base(1, 2)).unwrap();
        assert_eq!(tail.first_segment(), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut tail = Tail::default();
        tail.reset(base(2, 5));
        let put = |index| {
            tail.clone()
                .put(LogPosition { term: 2, index }, SegmentId(1))
        };
        assert!(put(5).is_err() && put(6).is_ok() && put(7).is_err());
        assert!(
            tail.clone().put(at(6), SegmentId(1)).is_err(),
            "an older term"
        );
        assert!(tail.compact(base(1, 4)).is_err() && tail.compact(base(1, 6)).is_err());
        assert!(
            tail.compact(base(1, 5)).is_err(),
            "the base is of another term"
        );
    }
}
