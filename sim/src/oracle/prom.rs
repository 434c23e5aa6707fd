//! PROM: a promise that leaves a node is backed by its disk at that moment (Raft figure 2: "updated
//! on stable storage before responding to RPCs").
//!
//! Promises are a granted vote, a candidate's vote for itself, an acknowledged append with its term, and
//! the last index that a heartbeat's answer claims to be durable. This oracle sees such a bug without a crash;
//! [`Mono`](super::Mono) sees what it leads to, when the disk has lost what the node called durable.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    node::Event,
    raft::{Body, HardState, Message, Restored},
    types::{Index, NodeId, ShardId, Term},
};

use super::{Oracle, Violation, log::DurableLog};

/// Remembers what is durable on each replica.
#[derive(Debug, Default)]
pub struct Prom {
    logs: BTreeMap<(ShardId, NodeId), DurableLog>,
}

impl Oracle for Prom {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        let log = self.logs.entry((shard, node)).or_default();
        match *event {
            Event::Restored {
                hard_state,
                base,
                entries,
                ..
            } => *log = DurableLog::restored(hard_state, base, entries),
            Event::Persisted {
                hard_state,
                reset,
                entries,
            } => log.persisted(hard_state, reset, entries),
            Event::Installed { at, .. } => log.installed(at.index),
            Event::Sent { message } => {
                let backed = check(log, message);
                return backed.map_err(|what| Violation::new("PROM", format!("{node} {what}")));
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a node's disk has to hold, as far as others were told.
#[derive(Clone, Debug, Default)]
pub struct Promised(DurableLog);

impl Promised {
    /// Whether it may as well be empty.
    pub fn is_nothing(&self) -> bool {
        self.0.hard_state == HardState::default() && self.0.last() == 0
    }

    /// Whether what was found on a disk is that. The error says what is missing.
    pub fn check(&self, found: &Restored) -> Result<(), String> {
        let Promised(promised) = self;
        let (before, after) = (promised.hard_state, found.hard_state);
        let forgot_vote = before.vote.is_some() && before.vote != after.vote;
        if after.term < before.term || (after.term == before.term && forgot_vote) {
            return Err(format!("{before:?} was durable, and {after:?} is found"));
        }
        let found = DurableLog::restored(found.hard_state, found.base.at, &found.entries);
        match promised.lost_in(&found) {
            Some(at) => Err(format!("{at} was durable and is not found")),
            None => Ok(()),
        }
    }
}

impl Prom {
    /// What is durable of a log, as its events tell.
    pub fn promised(&self, shard: ShardId, node: NodeId) -> Promised {
        Promised(self.logs.get(&(shard, node)).cloned().unwrap_or_default())
    }

    /// Whether so many of `nodes` have the same durable entry at `index`, or have it behind them in
    /// their state machines.
    pub fn is_held(
        &self,
        shard: ShardId,
        index: Index,
        nodes: &BTreeSet<NodeId>,
        count: usize,
    ) -> bool {
        let logs = nodes
            .iter()
            .filter_map(|node| self.logs.get(&(shard, *node)));
        let (compacted, open): (Vec<&DurableLog>, Vec<&DurableLog>) =
            logs.partition(|log| log.is_compacted(index));
        let mut terms: BTreeMap<Term, usize> = BTreeMap::new();
        for term in open.iter().filter_map(|log| log.term(index)) {
            *terms.entry(term).or_default() += 1;
        }
        let most = terms.values().max().copied().unwrap_or(0);
        compacted.len() + most >= count
    }
}

fn check(log: &DurableLog, message: &Message) -> Result<(), String> {
    let term = message.term;
    let vote_is_durable = |vote| {
        let vote = Some(vote);
        log.hard_state == HardState { term, vote }
    };
    match message.body {
        Body::Vote { .. } if !vote_is_durable(message.from) => Err(format!(
            "asks for votes in term {term} before its own is durable"
        )),
        Body::VoteReply { granted: true } if !vote_is_durable(message.to) => Err(format!(
            "gives {} its vote in term {term} before that is durable",
            message.to
        )),
        Body::AppendAccepted { .. } if log.hard_state.term < term => Err(format!(
            "acknowledges entries in term {term}, and only term {} is durable",
            log.hard_state.term
        )),
        Body::AppendAccepted { matched } if matched > log.last() => Err(format!(
            "acknowledges entries up to {matched}, and only {} are durable",
            log.last()
        )),
        Body::HeartbeatReply { last, .. } if last > log.last() => Err(format!(
            "calls entries up to {last} durable, and only {} are",
            log.last()
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::types::LogPosition;

    use super::*;
    use crate::oracle::testing::*;

    #[test]
    fn a_vote_before_it_is_durable_is_seen() {
        let mut prom = Prom::default();
        let vote = message(1, 2, 3, Body::VoteReply { granted: true });
        let durable = |vote| HardState { term: 3, vote };
        assert!(show(&mut prom, 1, sent(&vote)).is_err());
        show(&mut prom, 1, hard_state(durable(None))).unwrap();
        assert!(show(&mut prom, 1, sent(&vote)).is_err());
        show(&mut prom, 1, hard_state(durable(Some(NodeId(2))))).unwrap();
        assert_eq!(show(&mut prom, 1, sent(&vote)), Ok(()));
    }

    #[test]
    fn a_durable_snapshot_backs_an_acknowledgement() {
        let mut prom = Prom::default();
        let accepted = message(1, 2, 1, Body::AppendAccepted { matched: 9 });
        assert!(show(&mut prom, 1, sent(&accepted)).is_err());
        show(
            &mut prom,
            1,
            hard_state(HardState {
                term: 1,
                vote: None,
            }),
        )
        .unwrap();
        let at = LogPosition { term: 1, index: 9 };
        show(&mut prom, 1, Event::Installed { at, hash: 0 }).unwrap();
        assert_eq!(show(&mut prom, 1, sent(&accepted)), Ok(()));
    }

    #[test]
    fn an_image_that_lacks_what_was_promised_is_seen() {
        let mut prom = Prom::default();
        let state = |term, vote| HardState { term, vote };
        show(&mut prom, 1, hard_state(state(2, Some(NodeId(3))))).unwrap();
        show(
            &mut prom,
            1,
            persisted(&[entry(1, 1, "a"), entry(2, 2, "b")]),
        )
        .unwrap();
        let promised = prom.promised(ShardId(0), NodeId(1));
        let whole = Restored {
            hard_state: state(2, Some(NodeId(3))),
            entries: vec![entry(1, 1, "a"), entry(2, 2, "b")],
            ..Restored::default()
        };
        assert_eq!(promised.check(&whole), Ok(()));
        let wrong_states = [state(1, None), state(2, None), state(2, Some(NodeId(1)))];
        let wrong = wrong_states.map(|hard_state| Restored {
            hard_state,
            ..whole.clone()
        });
        assert!(wrong.iter().all(|found| promised.check(found).is_err()));
        let short = Restored {
            entries: vec![entry(1, 1, "a")],
            ..whole
        };
        assert!(promised.check(&short).is_err());
    }

    #[test]
    fn what_is_committed_has_to_be_held_by_enough() {
        let mut prom = Prom::default();
        let nodes = BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]);
        show(&mut prom, 1, persisted(&[entry(1, 1, "a")])).unwrap();
        show(&mut prom, 2, persisted(&[entry(1, 2, "b")])).unwrap();
        assert!(!prom.is_held(ShardId(0), 1, &nodes, 2), "they differ");
        let at = LogPosition { term: 2, index: 7 };
        show(&mut prom, 3, Event::Installed { at, hash: 0 }).unwrap();
        assert!(prom.is_held(ShardId(0), 1, &nodes, 2));
        assert!(!prom.is_held(ShardId(0), 1, &nodes, 3));
    }

    #[test]
    fn an_acknowledgement_before_the_entries_are_durable_is_seen() {
        let mut prom = Prom::default();
        let accepted = message(1, 2, 1, Body::AppendAccepted { matched: 2 });
        let alive = message(
            1,
            2,
            1,
            Body::HeartbeatReply {
                round: 1,
                last: 2,
                priority: 0,
                promise_us: 0,
            },
        );
        let newer = message(1, 2, 2, Body::AppendAccepted { matched: 1 });
        show(
            &mut prom,
            1,
            hard_state(HardState {
                term: 1,
                vote: None,
            }),
        )
        .unwrap();
        show(&mut prom, 1, persisted(&[entry(1, 1, "a")])).unwrap();
        assert!(show(&mut prom, 1, sent(&newer)).is_err());
        assert!(show(&mut prom, 1, sent(&accepted)).is_err());
        assert!(show(&mut prom, 1, sent(&alive)).is_err());
        show(&mut prom, 1, persisted(&[entry(2, 1, "b")])).unwrap();
        assert_eq!(show(&mut prom, 1, sent(&accepted)), Ok(()));
        assert_eq!(show(&mut prom, 1, sent(&alive)), Ok(()));
    }
}
