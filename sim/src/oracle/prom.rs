//! PROM: a promise that leaves a node is backed by its disk at that moment (Raft figure 2: "updated
//! on stable storage before responding to RPCs").
//!
//! Promises are a granted vote, a candidate's vote for itself, an acknowledged append with its term, and
//! the last index that a heartbeat's answer claims to be durable. This oracle sees such a bug without a crash;
//! [`Mono`](super::Mono) sees what it leads to, when the disk has lost what the node called durable.

use std::collections::BTreeMap;

use sisyphus::{
    node::Event,
    raft::{Body, HardState, Message},
    types::{NodeId, ShardId},
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
