//! PROM: a promise that leaves a node is backed by disks at that moment (Raft figure 2: "updated on
//! stable storage before responding to RPCs").
//!
//! Promises are a granted vote, a candidate's vote for itself, an acknowledged append with its term, the
//! last index that a heartbeat's answer claims to be durable; what a client is told is done, which a
//! quorum backs; and a read index (thesis §6.4), which must not be older than anything that somebody was
//! told before the read was asked for. This oracle sees such a bug without a crash;
//! [`Mono`](super::Mono) sees what it leads to, when the disk has lost what the node called durable.
//!
//! It goes by what nodes call durable. That the disk agrees is looked at from time to time, in the image that a
//! loss of power might leave at that moment ([`Promised`]).

use std::collections::BTreeMap;

use sisyphus::{
    node::Event,
    raft::{Body, HardState, Message, Restored},
    types::{Index, NodeId, ShardId},
};

use super::{Violation, evidence::Evidence, judge::Judge, log::DurableLog};
use crate::trace::of_state;

/// Questions of one follower for a read index that are remembered: the latest ones.
const QUESTIONS_MAX: usize = 64;

/// Remembers what each read must at least see.
#[derive(Debug, Default)]
pub struct Prom {
    /// By reader and question: the last entry that anybody had been told of when it was asked.
    reads: BTreeMap<(ShardId, NodeId), Vec<(u64, Index)>>,
}

impl Judge for Prom {
    fn judge(
        &mut self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        let backed = match *event {
            Event::Sent { message } => {
                self.asks(known, node, shard, message);
                let log = known.replica(node, shard).map(|replica| &replica.log);
                log.map_or(Ok(()), |log| check(log, message))
            }
            Event::Received { message } => self.hears(node, shard, message),
            Event::Acknowledged { at } if at.index > known.committed(shard) => {
                Err(format!("tells that {at} is done before it is committed"))
            }
            _ => Ok(()),
        };
        backed.map_err(|what| Violation::new("PROM", format!("{node} {what}")))
    }
}

impl Prom {
    fn asks(&mut self, known: &Evidence, node: NodeId, shard: ShardId, message: &Message) {
        let Body::ReadIndex { id } = message.body else {
            return;
        };
        let asked = self.reads.entry((shard, node)).or_default();
        if asked.iter().all(|(other, _)| *other != id) {
            asked.push((id, known.told(shard)));
        }
        if asked.len() > QUESTIONS_MAX {
            asked.remove(0);
        }
    }

    fn hears(&self, node: NodeId, shard: ShardId, message: &Message) -> Result<(), String> {
        let Body::ReadIndexReply { id, index } = message.body else {
            return Ok(());
        };
        let asked = self.reads.get(&(shard, node));
        let question = asked.and_then(|asked| asked.iter().find(|(other, _)| *other == id));
        match question {
            Some((_, told)) if index < *told => Err(format!(
                "is told by {} to read at {index}, and {told} was known to be done when it asked",
                message.from
            )),
            _ => Ok(()),
        }
    }
}

/// What a node's disk has to hold, as far as others were told.
#[derive(Clone, Debug, Default)]
pub struct Promised(DurableLog);

impl Promised {
    /// What this log vouches for; nothing if there is none.
    pub(super) fn of(log: Option<&DurableLog>) -> Self {
        Promised(log.cloned().unwrap_or_default())
    }

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
            let (before, after) = (of_state(before), of_state(after));
            return Err(format!("{before} was durable, and {after} is found"));
        }
        let found = DurableLog::restored(found.hard_state, found.base.at, &found.entries);
        match promised.lost_in(&found) {
            Some(at) => Err(format!("{at} was durable and is not found")),
            None => Ok(()),
        }
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
    use crate::oracle::{judge::Alone, testing::*};

    #[test]
    fn a_vote_before_it_is_durable_is_seen() {
        let mut prom = Alone::<Prom>::default();
        let vote = message(1, 2, 3, Body::VoteReply { granted: true });
        let durable = |vote| HardState { term: 3, vote };
        assert!(show(&mut prom, 1, sent(&vote)).is_err());
        show(&mut prom, 1, hard_state(durable(None))).unwrap();
        assert!(show(&mut prom, 1, sent(&vote)).is_err());
        show(&mut prom, 1, hard_state(durable(Some(NodeId(2))))).unwrap();
        assert_eq!(show(&mut prom, 1, sent(&vote)), Ok(()));
    }

    #[test]
    fn a_client_that_is_told_before_the_commit_is_seen() {
        let mut prom = Alone::<Prom>::default();
        let at = LogPosition { term: 1, index: 1 };
        show(&mut prom, 1, Event::Leader { term: 1 }).unwrap();
        assert!(show(&mut prom, 1, Event::Acknowledged { at }).is_err());
        show(&mut prom, 1, Event::Committed { index: 1 }).unwrap();
        assert_eq!(show(&mut prom, 1, Event::Acknowledged { at }), Ok(()));
    }

    #[test]
    fn a_read_index_older_than_what_was_told_before_the_question_is_seen() {
        let mut prom = Alone::<Prom>::default();
        let at = LogPosition { term: 1, index: 5 };
        let asks = |id| message(2, 1, 1, Body::ReadIndex { id });
        let hears = |id, index| message(1, 2, 1, Body::ReadIndexReply { id, index });
        show(&mut prom, 1, Event::Leader { term: 1 }).unwrap();
        show(&mut prom, 1, Event::Committed { index: 5 }).unwrap();
        show(&mut prom, 2, sent(&asks(7))).unwrap();
        show(&mut prom, 1, Event::Acknowledged { at }).unwrap();
        show(&mut prom, 2, sent(&asks(8))).unwrap();
        for (id, index, is_right) in [(7, 4, true), (8, 5, true), (8, 4, false)] {
            let message = &hears(id, index);
            let seen = show(&mut prom, 2, Event::Received { message });
            assert_eq!(seen.is_ok(), is_right, "{id} at {index}");
        }
    }

    #[test]
    fn an_image_without_what_is_called_durable_is_seen() {
        let log = [entry(1, 1, "a"), entry(2, 1, "b")];
        let hard_state = HardState {
            term: 2,
            vote: Some(NodeId(1)),
        };
        let log_of = DurableLog::restored(hard_state, LogPosition::default(), &log);
        let called = Promised::of(Some(&log_of));
        let image = |hard_state, entries: &[_]| Restored {
            hard_state,
            entries: entries.to_vec(),
            ..Restored::default()
        };
        let newer = HardState {
            term: 3,
            vote: None,
        };
        let forgot = HardState {
            vote: None,
            ..hard_state
        };
        let more = [log[0].clone(), log[1].clone(), entry(3, 2, "c")];
        for (state, entries, is_right) in [
            (hard_state, &log[..], true),
            (newer, &more[..], true),
            (hard_state, &log[..1], false),
            (forgot, &log[..], false),
        ] {
            let seen = called.check(&image(state, entries));
            assert_eq!(seen.is_ok(), is_right, "{seen:?}");
        }
    }

    #[test]
    fn a_durable_snapshot_backs_an_acknowledgement() {
        let mut prom = Alone::<Prom>::default();
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
        let mut prom = Alone::<Prom>::default();
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
