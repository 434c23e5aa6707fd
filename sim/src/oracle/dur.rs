//! DUR: what was acknowledged stays (Raft §5.4, Leader Completeness; for clients, the *D* of every
//! database). Two witnesses: the log, in which the position of each acknowledged command must be
//! applied on every replica in the end, and the clients, whose final reads must not be older
//! than any write that they were told is done.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sisyphus::{
    history::{Call, End, History, Operation, Outcome},
    node::Event,
    types::{Index, LogPosition, NodeId, Revision, ShardId, Term},
};

use super::{Oracle, Violation};

/// Remembers what was acknowledged, and what became of each index.
#[derive(Debug, Default)]
pub struct Dur {
    acknowledged: BTreeSet<(ShardId, LogPosition)>,
    applied: BTreeMap<(ShardId, Index), Term>,
    reached: BTreeMap<(ShardId, NodeId), Index>,
}

impl Oracle for Dur {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        match *event {
            Event::Acknowledged { at } => {
                self.acknowledged.insert((shard, at));
            }
            Event::Applied { at, .. } => {
                self.applied.insert((shard, at.index), at.term);
                self.reached.insert((shard, node), at.index);
            }
            Event::Installed { at, .. } | Event::Restored { applied: at, .. } => {
                self.reached.insert((shard, node), at.index);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Dur {
    /// The healed cluster agrees: every acknowledged position is in it, on all of `nodes`.
    pub fn end(&self, nodes: impl Iterator<Item = NodeId>) -> Result<(), Violation> {
        let nodes: Vec<NodeId> = nodes.collect();
        for (shard, at) in &self.acknowledged {
            if self.applied.get(&(*shard, at.index)) != Some(&at.term) {
                let what = format!("{at} was acknowledged and another entry was applied there");
                return Err(Violation::new("DUR", what));
            }
            for node in &nodes {
                let reached = self.reached.get(&(*shard, *node)).copied().unwrap_or(0);
                if reached < at.index {
                    let what = format!("{at} was acknowledged and {node} ends at {reached}");
                    return Err(Violation::new("DUR", what));
                }
            }
        }
        Ok(())
    }
}

/// The clients' side: `last` holds for each key the revision that the final reads found, or none.
pub fn check_final(
    history: &History,
    last: &BTreeMap<Bytes, Option<Revision>>,
) -> Result<(), Violation> {
    for operation in &history.operations {
        let Some(revision) = acknowledged(operation) else {
            continue;
        };
        let key = operation.call.key();
        let lost = match last.get(key) {
            None => false,
            Some(Some(found)) => *found < revision,
            Some(None) => !may_be_deleted(history, key, revision),
        };
        if lost {
            let what = format!("lost at the end: {operation} (revision {revision})");
            return Err(Violation::new("DUR", what));
        }
    }
    Ok(())
}

/// The revision of a write that stored something and was acknowledged.
fn acknowledged(operation: &Operation) -> Option<Revision> {
    let End::Ok { outcome, .. } = &operation.end else {
        return None;
    };
    match outcome {
        Outcome::Put { revision } => *revision,
        Outcome::CompareAndSet {
            succeeded: true,
            revision,
        } => *revision,
        _ => None,
    }
}

/// Whether some deletion of `key` came after `revision`, or may have.
fn may_be_deleted(history: &History, key: &Bytes, revision: Revision) -> bool {
    history.operations.iter().any(|operation| {
        let Call::Delete { key: deleted } = &operation.call else {
            return false;
        };
        let later = match &operation.end {
            End::Unknown => true,
            End::Ok { outcome, .. } => outcome.revision().is_none_or(|at| at > revision),
        };
        deleted == key && later
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::testing::*;
    use sisyphus::history::Recorder;

    fn position(index: Index, term: Term) -> Event<'static> {
        let at = LogPosition { term, index };
        Event::Acknowledged { at }
    }

    #[test]
    fn an_acknowledged_entry_that_another_one_replaced_is_seen() {
        let mut dur = Dur::default();
        show(&mut dur, 1, position(1, 1)).unwrap();
        show(&mut dur, 2, applied(1, 2, 0)).unwrap();
        assert!(dur.end([NodeId(2)].into_iter()).is_err());
    }

    #[test]
    fn a_replica_that_ends_before_an_acknowledged_entry_is_seen() {
        let mut dur = Dur::default();
        show(&mut dur, 1, applied(1, 1, 0)).unwrap();
        show(&mut dur, 1, position(1, 1)).unwrap();
        assert_eq!(dur.end([NodeId(1)].into_iter()), Ok(()));
        assert!(dur.end([NodeId(1), NodeId(2)].into_iter()).is_err());
    }

    fn history(delete: bool) -> History {
        let recorder = Recorder::in_memory();
        let (key, value) = (Bytes::from("k"), Bytes::from("v"));
        let put = Call::Put { key, value };
        let op = recorder.invoke(1, 0, put);
        let revision = Some(5);
        recorder.ok(1, op, 0, Outcome::Put { revision });
        if delete {
            let key = Bytes::from("k");
            recorder.invoke(1, 0, Call::Delete { key });
        }
        recorder.history().unwrap()
    }

    #[test]
    fn an_acknowledged_write_that_the_final_reads_miss_is_seen() {
        let found = |revision| BTreeMap::from([(Bytes::from("k"), revision)]);
        assert_eq!(check_final(&history(false), &found(Some(5))), Ok(()));
        assert!(check_final(&history(false), &found(Some(4))).is_err());
        assert!(check_final(&history(false), &found(None)).is_err());
        assert_eq!(check_final(&history(true), &found(None)), Ok(()));
    }
}
