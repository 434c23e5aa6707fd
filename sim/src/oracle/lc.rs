//! LC, Leader Completeness (Raft §5.4.3, figure 3): if a log entry is committed in a given term, then
//! it is in the logs of the leaders of all higher-numbered terms.
//!
//! Looked at from both sides: a new leader's log holds what older terms committed, and what a leader
//! commits late is in the logs of those who lead newer terms already. That the entries before it are
//! the same follows from LOGM. A vote is durable before it is cast and a log is written in order, so a
//! leader's durable log holds all that it was elected for.

use sisyphus::{
    node::Event,
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::{Violation, evidence::Evidence, judge::Judge};

/// Has nothing to remember.
#[derive(Debug, Default)]
pub struct Lc;

impl Judge for Lc {
    fn judge(
        &mut self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        match *event {
            Event::Leader { term } => elected(known, node, shard, term),
            Event::Committed { index } => committed(known, node, shard, index),
            _ => Ok(()),
        }
    }
}

fn elected(known: &Evidence, node: NodeId, shard: ShardId, term: Term) -> Result<(), Violation> {
    let Some(at) = known.committed_before(shard, term) else {
        return Ok(());
    };
    let log = known.replica(node, shard).map(|replica| &replica.log);
    if log.is_some_and(|log| log.holds(at)) {
        return Ok(());
    }
    let what = format!("{node} leads term {term} without {at}, which is committed");
    Err(Violation::new("LC", what))
}

fn committed(
    known: &Evidence,
    node: NodeId,
    shard: ShardId,
    index: Index,
) -> Result<(), Violation> {
    let leads = known.replica(node, shard).and_then(|one| one.leads);
    let Some(term) = leads else {
        return Ok(());
    };
    let at = LogPosition { term, index };
    for (other, replica) in known.replicas(shard) {
        let newer = replica.leads.filter(|newer| *newer > term);
        if let Some(newer) = newer.filter(|_| !replica.log.holds(at)) {
            let what = format!("{node} commits {at}, which {other} lacks, who leads term {newer}");
            return Err(Violation::new("LC", what));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{judge::Alone, testing::*};

    #[test]
    fn a_leader_without_a_committed_entry_is_seen() {
        for has_it in [true, false] {
            let mut lc = Alone::<Lc>::default();
            let log = [entry(1, 1, "a"), entry(2, 1, "b")];
            show(&mut lc, 1, persisted(&log)).unwrap();
            show(&mut lc, 2, persisted(&log[..1 + usize::from(has_it)])).unwrap();
            show(&mut lc, 1, Event::Leader { term: 1 }).unwrap();
            show(&mut lc, 1, Event::Committed { index: 2 }).unwrap();
            let seen = show(&mut lc, 2, Event::Leader { term: 2 });
            assert_eq!(seen.is_ok(), has_it);
        }
    }

    #[test]
    fn what_an_old_leader_commits_late_must_be_in_the_newer_one_s_log() {
        let mut lc = Alone::<Lc>::default();
        show(&mut lc, 1, persisted(&[entry(1, 1, "a")])).unwrap();
        show(&mut lc, 1, Event::Leader { term: 1 }).unwrap();
        show(&mut lc, 2, Event::Leader { term: 2 }).unwrap();
        assert!(show(&mut lc, 1, Event::Committed { index: 1 }).is_err());
        show(&mut lc, 2, persisted(&[entry(1, 1, "a")])).unwrap();
        assert_eq!(show(&mut lc, 1, Event::Committed { index: 1 }), Ok(()));
    }

    #[test]
    fn a_leader_of_an_older_term_owes_nothing_to_newer_ones() {
        let mut lc = Alone::<Lc>::default();
        show(&mut lc, 1, persisted(&[entry(1, 3, "a")])).unwrap();
        show(&mut lc, 1, Event::Leader { term: 3 }).unwrap();
        show(&mut lc, 1, Event::Committed { index: 1 }).unwrap();
        assert_eq!(show(&mut lc, 2, Event::Leader { term: 2 }), Ok(()));
    }
}
