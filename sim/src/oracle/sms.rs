//! SMS, State Machine Safety (Raft §5.4.3, figure 3): if a server has applied a log entry at a given
//! index, no other server will ever apply a different log entry for the same index.
//!
//! The machine's rolling hash covers everything that was applied so far, so equal hashes at an index
//! say that two replicas have the same past. Snapshots and restarts must land on the same chain.

use std::collections::BTreeMap;

use sisyphus::{
    node::Event,
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::{Oracle, Violation};

/// Remembers the chain of applied entries, and where each replica stands on it.
#[derive(Debug, Default)]
pub struct Sms {
    chain: BTreeMap<(ShardId, Index), (Term, u64, NodeId)>,
    applied: BTreeMap<(ShardId, NodeId), Index>,
}

impl Oracle for Sms {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        let (at, hash, is_next) = match *event {
            Event::Applied { at, hash, .. } => (at, hash, true),
            Event::Installed { at, hash } => (at, hash, false),
            Event::Restored { applied, hash, .. } => (applied, hash, false),
            _ => return Ok(()),
        };
        let before = self.applied.insert((shard, node), at.index);
        if is_next && before.is_some_and(|before| before + 1 != at.index) {
            let before = before.unwrap_or(0);
            let what = format!("{node} applies {at} after index {before}");
            return Err(Violation::new("SMS", what));
        }
        self.compare(node, shard, at, hash)
    }
}

impl Sms {
    fn compare(
        &mut self,
        node: NodeId,
        shard: ShardId,
        at: LogPosition,
        hash: u64,
    ) -> Result<(), Violation> {
        let link = self.chain.entry((shard, at.index));
        let (term, first, other) = *link.or_insert((at.term, hash, node));
        if (term, first) == (at.term, hash) {
            return Ok(());
        }
        let what = format!(
            "after index {} the state of {other} is {first:016x} of term {term}, that of {node} {hash:016x} of term {}",
            at.index, at.term
        );
        Err(Violation::new("SMS", what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::*;

    #[test]
    fn replicas_that_apply_differently_are_seen() {
        let mut sms = Sms::default();
        assert_eq!(show(&mut sms, 1, applied(1, 1, 10)), Ok(()));
        assert_eq!(show(&mut sms, 2, applied(1, 1, 10)), Ok(()));
        assert!(show(&mut sms, 3, applied(1, 1, 11)).is_err());
        let mut sms = Sms::default();
        assert_eq!(show(&mut sms, 1, applied(1, 1, 10)), Ok(()));
        assert!(show(&mut sms, 2, applied(1, 2, 10)).is_err());
    }

    #[test]
    fn an_entry_skipped_or_applied_twice_is_seen() {
        for next in [1, 3] {
            let mut sms = Sms::default();
            assert_eq!(show(&mut sms, 1, applied(1, 1, 10)), Ok(()));
            assert!(show(&mut sms, 1, applied(next, 1, 10)).is_err());
        }
    }

    #[test]
    fn a_restart_or_a_snapshot_beside_the_chain_is_seen() {
        let mut sms = Sms::default();
        for (index, hash) in [(1, 10), (2, 20), (3, 30)] {
            assert_eq!(show(&mut sms, 1, applied(index, 1, hash)), Ok(()));
        }
        assert_eq!(show(&mut sms, 1, restored(0, 0, &[], (1, 1), 10)), Ok(()));
        assert_eq!(show(&mut sms, 1, applied(2, 1, 20)), Ok(()));
        let at = LogPosition { index: 3, term: 1 };
        assert_eq!(show(&mut sms, 2, Event::Installed { at, hash: 30 }), Ok(()));
        assert!(show(&mut sms, 3, Event::Installed { at, hash: 31 }).is_err());
        assert!(show(&mut sms, 1, restored(0, 0, &[], (2, 1), 21)).is_err());
    }
}
