//! LC, Leader Completeness (Raft §5.4.3, figure 3): if a log entry is committed in a given term, then
//! it is in the logs of the leaders of all higher-numbered terms.
//!
//! Looked at from both sides: a new leader's log holds what older terms committed, and what a leader
//! commits late is in the logs of those who lead newer terms already. So nobody who knows that an entry is
//! committed ever denies its leader that their logs agree there, whether or not it still keeps the entry: the
//! leader would look for the place where they part, below all that there is, and never find it. That the entries before it are
//! the same follows from LOGM. A vote is durable before it is cast and a log is written in order, so a
//! leader's durable log holds all that it was elected for.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use sisyphus::{
    node::Event,
    raft::{Body, Message},
    types::{Index, LogPosition, NodeId, ShardId, Term},
};

use super::{Violation, evidence::Evidence, judge::Judge};

/// Remembers what followers cannot deny.
#[derive(Debug, Default)]
pub struct Lc {
    /// By follower and leader: the term, and the positions that the leader asked about when the follower knew
    /// already that they are committed.
    undeniable: BTreeMap<(ShardId, NodeId, NodeId), (Term, BTreeSet<Index>)>,
}

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
            Event::Received { message } => {
                self.asked(known, node, shard, message);
                Ok(())
            }
            Event::Sent { message } => self.answers(node, shard, message),
            Event::Restored { .. } => {
                // What it knew was in memory, and what it knew it of perhaps as well.
                let is_its = |of: &(ShardId, NodeId, NodeId)| (of.0, of.1) == (shard, node);
                self.undeniable.retain(|of, _| !is_its(of));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Lc {
    /// A leader asks `node` whether their logs agree at a position.
    fn asked(&mut self, known: &Evidence, node: NodeId, shard: ShardId, message: &Message) {
        let Body::Append { prev, .. } = message.body else {
            return;
        };
        let replica = known.replica(node, shard);
        if replica.is_none_or(|replica| replica.commit < prev.index) {
            return;
        }
        let asked = self.undeniable.entry((shard, node, message.from));
        let (term, positions) = asked.or_default();
        match message.term.cmp(term) {
            Ordering::Greater => (*term, *positions) = (message.term, BTreeSet::from([prev.index])),
            Ordering::Equal => drop(positions.insert(prev.index)),
            // It is late, and answered in the newer term: refused because its own is over, wherever the logs agree.
            Ordering::Less => drop(positions.remove(&prev.index)),
        }
    }

    /// What `node` says must not be that it has something else where it has committed.
    fn answers(&self, node: NodeId, shard: ShardId, message: &Message) -> Result<(), Violation> {
        let Body::AppendRejected { prev, .. } = message.body else {
            return Ok(());
        };
        let asked = self.undeniable.get(&(shard, node, message.to));
        let asked = asked.filter(|(term, _)| *term == message.term);
        if asked.is_none_or(|(_, positions)| !positions.contains(&prev)) {
            return Ok(());
        }
        let what = format!(
            "{node} denies {} that their logs agree at {prev}, which it knew to be committed",
            message.to
        );
        Err(Violation::new("LC", what))
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

    fn asks(index: Index, term: Term) -> Message {
        let prev = LogPosition { term: 1, index };
        let (entries, commit) = (Vec::new(), 0);
        let body = Body::Append {
            prev,
            entries,
            commit,
        };
        message(1, 2, term, body)
    }

    fn denies(prev: Index, term: Term) -> Message {
        let hint = LogPosition::default();
        message(2, 1, term, Body::AppendRejected { prev, hint })
    }

    #[test]
    fn to_refuse_a_late_question_is_no_denial() {
        let mut lc = Alone::<Lc>::default();
        show(&mut lc, 2, Event::Committed { index: 2 }).unwrap();
        let (question, late) = (asks(2, 3), asks(2, 1));
        show(&mut lc, 2, Event::Received { message: &question }).unwrap();
        show(&mut lc, 2, Event::Received { message: &late }).unwrap();
        assert_eq!(show(&mut lc, 2, sent(&denies(2, 3))), Ok(()));
        show(&mut lc, 2, Event::Received { message: &question }).unwrap();
        assert!(show(&mut lc, 2, sent(&denies(2, 3))).is_err());
    }

    #[test]
    fn who_denies_what_it_knows_to_be_committed_is_seen() {
        let mut lc = Alone::<Lc>::default();
        let first = asks(2, 3);
        show(&mut lc, 2, Event::Received { message: &first }).unwrap();
        show(&mut lc, 2, Event::Committed { index: 2 }).unwrap();
        assert_eq!(show(&mut lc, 2, sent(&denies(2, 3))), Ok(()), "said before");
        show(&mut lc, 2, Event::Received { message: &first }).unwrap();
        assert_eq!(show(&mut lc, 2, sent(&denies(3, 3))), Ok(()));
        assert_eq!(show(&mut lc, 2, sent(&denies(2, 4))), Ok(()), "to another");
        assert!(show(&mut lc, 2, sent(&denies(2, 3))).is_err());
        show(&mut lc, 2, restored(3, 0, &[], (0, 0), 0)).unwrap();
        assert_eq!(show(&mut lc, 2, sent(&denies(2, 3))), Ok(()), "forgotten");
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
