//! LOGM, Log Matching (Raft §5.3, figure 3): if two logs contain an entry with the same index and
//! term, then the logs are identical in all entries up through the given index.
//!
//! It is enough that equal (index, term) means equal data *and an equal predecessor*: the rest
//! follows by induction, as in the paper's proof.

use std::collections::BTreeMap;

use sisyphus::{
    node::Event,
    raft::Entry,
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::{Violation, evidence::Evidence, judge::Judge};
use crate::draw::of_payload;

/// What is known of an entry, whoever has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    /// The term of the entry before it, once somebody had both.
    previous: Option<Term>,
    /// A fingerprint of what it says.
    data: u64,
    /// Who had it first.
    node: NodeId,
}

/// Remembers every entry that ever was durable anywhere.
#[derive(Debug, Default)]
pub struct Logm {
    entries: BTreeMap<(ShardId, Index, Term), Known>,
}

impl Judge for Logm {
    fn judge(
        &mut self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        let (Event::Restored { entries, .. } | Event::Persisted { entries, .. }) = *event else {
            return Ok(());
        };
        let log = known.replica(node, shard).map(|replica| &replica.log);
        for entry in entries {
            let previous = log.and_then(|log| log.term(entry.at.index - 1));
            compare(&mut self.entries, shard, entry, previous, node)?;
        }
        Ok(())
    }
}

fn compare(
    known: &mut BTreeMap<(ShardId, Index, Term), Known>,
    shard: ShardId,
    entry: &Entry,
    previous: Option<Term>,
    node: NodeId,
) -> Result<(), Violation> {
    let LogPosition { index, term } = entry.at;
    let data = of_payload(&entry.payload);
    let fresh = Known {
        previous,
        data,
        node,
    };
    let first = known.entry((shard, index, term)).or_insert(fresh);
    let other = first.node;
    if first.data != data {
        let what = format!("{other} and {node} have different entries at {}", entry.at);
        return Err(Violation::new("LOGM", what));
    }
    match (first.previous, previous) {
        (Some(theirs), Some(ours)) if theirs != ours => {
            let at = entry.at;
            let what = format!(
                "before {at}, {other} has an entry of term {theirs}, {node} of term {ours}"
            );
            Err(Violation::new("LOGM", what))
        }
        (None, Some(_)) => {
            first.previous = previous;
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{judge::Alone, testing::*};

    #[test]
    fn different_commands_at_one_position_are_seen() {
        let mut logm = Alone::<Logm>::default();
        assert_eq!(show(&mut logm, 1, persisted(&[entry(1, 1, "a")])), Ok(()));
        assert_eq!(show(&mut logm, 2, persisted(&[entry(1, 1, "a")])), Ok(()));
        assert_eq!(show(&mut logm, 3, persisted(&[entry(1, 2, "b")])), Ok(()));
        assert!(show(&mut logm, 3, persisted(&[entry(1, 1, "b")])).is_err());
    }

    #[test]
    fn different_pasts_of_one_entry_are_seen() {
        let mut logm = Alone::<Logm>::default();
        let ours = [entry(1, 1, "a"), entry(2, 3, "c")];
        assert_eq!(show(&mut logm, 1, persisted(&ours)), Ok(()));
        assert_eq!(show(&mut logm, 2, persisted(&[entry(1, 2, "b")])), Ok(()));
        let seen = show(&mut logm, 2, persisted(&[entry(2, 3, "c")])).unwrap_err();
        assert!(
            seen.what
                .contains("n1 has an entry of term 1, n2 of term 2")
        );
    }
}
