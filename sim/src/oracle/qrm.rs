//! QRM: what is committed is on a quorum of durable logs at that moment (Raft §5.3: "once the leader
//! that created the entry has replicated it on a majority of the servers"; §5.4.2: of its own term
//! alone; thesis §4.3: of a majority of both halves while the membership is joint).
//!
//! It looks at whoever is the first to call an index committed, which is a leader unless it was deposed
//! in that very step: all others only repeat it.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    node::Event,
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::{Violation, evidence::Evidence, judge::Judge};

/// Remembers how far each shard was found to be committed.
#[derive(Debug, Default)]
pub struct Qrm {
    found: BTreeMap<ShardId, Index>,
}

impl Judge for Qrm {
    fn judge(
        &mut self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        let Event::Committed { index } = *event else {
            return Ok(());
        };
        let found = self.found.entry(shard).or_default();
        if index <= *found {
            return Ok(());
        }
        *found = index;
        examine(known, node, shard, index).map_err(|what| Violation::new("QRM", what))
    }
}

fn examine(known: &Evidence, node: NodeId, shard: ShardId, index: Index) -> Result<(), String> {
    let Some(replica) = known.replica(node, shard) else {
        return Err(format!("{node} commits {index} before it has started"));
    };
    let mut terms: BTreeSet<Term> = replica.leads.into_iter().collect();
    if terms.is_empty() {
        let logs = known.replicas(shard).map(|(_, replica)| &replica.log);
        terms.extend(logs.filter_map(|log| log.term(index)));
    }
    let holders = |term| known.holders(shard, LogPosition { term, index });
    if terms.iter().any(|term| replica.is_quorum(&holders(*term))) {
        return Ok(());
    }
    let have: Vec<String> = (known.replicas(shard))
        .filter_map(|(other, replica)| {
            Some(format!("{other} has {index}@{}", replica.log.term(index)?))
        })
        .collect();
    let role = match replica.leads {
        Some(term) => format!(", who leads term {term},"),
        None => String::new(),
    };
    Err(format!(
        "{node}{role} commits {index}, and no quorum of {} has it on disk in one term ({})",
        replica.membership,
        have.join(", "),
    ))
}

#[cfg(test)]
mod tests {
    use sisyphus::raft::Membership;

    use super::*;
    use crate::oracle::{judge::Alone, testing::*};

    fn voters(ids: &[u64]) -> Membership {
        Membership::of_voters(ids.iter().copied().map(NodeId))
    }

    fn led(membership: &Membership, term: Term) -> Alone<Qrm> {
        let mut qrm = Alone::default();
        show(&mut qrm, 1, Event::Members { membership }).unwrap();
        show(&mut qrm, 1, Event::Leader { term }).unwrap();
        qrm
    }

    #[test]
    fn a_commit_that_a_minority_has_on_disk_is_seen() {
        let mut qrm = led(&voters(&[1, 2, 3]), 1);
        show(
            &mut qrm,
            1,
            persisted(&[entry(1, 1, "a"), entry(2, 1, "b")]),
        )
        .unwrap();
        show(&mut qrm, 2, persisted(&[entry(1, 1, "a")])).unwrap();
        assert_eq!(show(&mut qrm, 1, Event::Committed { index: 1 }), Ok(()));
        let seen = show(&mut qrm, 1, Event::Committed { index: 2 }).unwrap_err();
        assert!(seen.what.contains("no quorum of n1 n2 n3"), "{}", seen.what);
    }

    #[test]
    fn an_older_term_s_entry_that_is_committed_by_counting_is_seen() {
        let mut qrm = led(&voters(&[1, 2, 3]), 3);
        for node in 1..=3 {
            show(&mut qrm, node, persisted(&[entry(1, 2, "a")])).unwrap();
        }
        assert!(show(&mut qrm, 1, Event::Committed { index: 1 }).is_err());
    }

    #[test]
    fn one_half_of_a_joint_membership_does_not_commit() {
        let mut joint = voters(&[1, 2, 4]);
        joint.outgoing = voters(&[1, 2, 3]).voters;
        for (second, is_enough) in [(4, false), (2, true)] {
            let mut qrm = led(&joint, 1);
            for node in [1, second] {
                show(&mut qrm, node, persisted(&[entry(1, 1, "a")])).unwrap();
            }
            let seen = show(&mut qrm, 1, Event::Committed { index: 1 });
            assert_eq!(seen.is_ok(), is_enough);
        }
    }

    #[test]
    fn a_step_that_changes_the_members_may_commit_before_it_does() {
        let mut qrm = led(&voters(&[1, 2, 3]), 1);
        for node in [1, 2] {
            show(&mut qrm, node, persisted(&[entry(1, 1, "a")])).unwrap();
        }
        let membership = &voters(&[1, 3, 4]);
        show(&mut qrm, 1, Event::Members { membership }).unwrap();
        assert_eq!(show(&mut qrm, 1, Event::Committed { index: 1 }), Ok(()));
    }
}
