//! How much of the log stays when it is cut.
//!
//! ```text
//!       base       held      kept              durable   applied    last
//!  ──────┼──────────┼─────────┼───────────────────┼─────────┼────────┤
//!  gone  │ cut next │ for a   │ for all that lag a little,          │
//!        │          │ snapshot│ by entries and by bytes             │
//! ```
//!
//! What the machine does not hold on disk stays in any case: it is applied again after a crash.

use crate::{config::Limits, env::rare, raft::Raft, types::Index};

/// The log that is kept while a follower takes a snapshot, as a multiple of what is kept always. A
/// follower that needs more will need a second snapshot.
const HELD_PER_KEPT: u64 = 4;

/// The most entries that are cut at once: the replica loop lets go of each, and does nothing else
/// meanwhile. When a large memtable becomes durable there may be a million.
const CUT_ENTRIES_MAX: u64 = 16_384;

/// The places in a log between which a cut is looked for. Each is the last index that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retention {
    /// What the machine holds on disk.
    pub(super) durable: Index,
    /// What nobody that lags a little needs.
    pub(super) kept: Index,
    /// What is beyond the bound even for those that take a snapshot.
    pub(super) bound: Index,
}

impl Retention {
    /// Of a log whose machine holds everything up to `durable` on disk.
    pub(super) fn of(raft: &Raft, limits: &Limits, durable: Index) -> Self {
        let applied = raft.brief().applied;
        let by_entries = applied.saturating_sub(limits.log_entries_kept);
        let by_bytes = |bytes| raft.reach_back(applied, bytes);
        Retention {
            durable,
            kept: by_entries.max(by_bytes(limits.log_bytes_kept)),
            bound: by_bytes(HELD_PER_KEPT.saturating_mul(limits.log_bytes_kept)),
        }
    }

    /// The last index to cut, if followers need what is behind `held`.
    pub(super) fn cut(&self, held: Option<Index>) -> Index {
        if held.is_some() {
            rare::probe("the log was held for a snapshot");
        }
        let held = held.map_or(self.kept, |held| held.max(self.bound));
        self.kept.min(held).min(self.durable)
    }
}

/// Whether it pays to cut a log up to `index`: a cut costs a record in the log, so not for every
/// entry.
pub(super) fn is_due(raft: &Raft, limits: &Limits, index: Index) -> bool {
    let first = raft.brief().first;
    let entries = (index + 1).saturating_sub(first);
    let bytes = raft.bytes_between(first - 1, index);
    entries > 0 && (entries > limits.log_entries_kept / 2 || bytes > limits.log_bytes_kept / 2)
}

/// How far to cut now, if a log that begins at `first` is to be cut up to `index`.
pub(super) fn step(first: Index, index: Index) -> Index {
    index.min(first - 1 + CUT_ENTRIES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_cut_where_nobody_needs_it() {
        let retention = Retention {
            durable: 100,
            kept: 90,
            bound: 50,
        };
        assert_eq!(retention.cut(None), 90);
        assert_eq!(retention.cut(Some(95)), 90, "all have come further");
        assert_eq!(retention.cut(Some(70)), 70, "for a snapshot under way");
        assert_eq!(retention.cut(Some(20)), 50, "but not without a bound");
        assert_eq!(step(11, 90), 90);
        assert_eq!(step(11, 1_000_000), 10 + CUT_ENTRIES_MAX, "in steps");
        let behind = Retention {
            durable: 30,
            ..retention
        };
        assert_eq!(behind.cut(None), 30);
        assert_eq!(behind.cut(Some(70)), 30);
    }
}
