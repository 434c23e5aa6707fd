//! Rare things in what replicas tell.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    node::Event,
    raft::{Body, Message},
    types::{Index, NodeId, Term},
};

use super::Coverage;
use crate::{
    draw::mix,
    oracle::asked::{Answer, Answered},
};

/// Watches the events of one run. One shard.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeSet<&'static str>,
    states: BTreeSet<u64>,
    replicas: BTreeMap<NodeId, Replica>,
    /// Who stood for election in each term.
    candidates: BTreeMap<Term, NodeId>,
}

/// What is known of a replica.
#[derive(Clone, Copy, Debug, Default)]
struct Replica {
    leads: Option<Term>,
    /// Whether it has committed an entry of the term that it leads.
    has_committed: bool,
    /// The last entry on its disk, and the one before its first.
    last: Index,
    base: Index,
    commit: Index,
}

impl Watch {
    /// Something rare has happened.
    pub fn saw(&mut self, name: &'static str) {
        self.seen.insert(name);
    }

    /// Takes an event of a replica.
    pub fn event(&mut self, node: NodeId, event: &Event<'_>) {
        let mut replica = self.replicas.get(&node).copied().unwrap_or_default();
        let turns = self.take(&mut replica, node, event);
        self.replicas.insert(node, replica);
        if turns {
            let state = self.state();
            self.states.insert(state);
        }
    }

    /// Answers whether the abstract state may have changed.
    fn take(&mut self, replica: &mut Replica, node: NodeId, event: &Event<'_>) -> bool {
        match *event {
            Event::Restored {
                base,
                entries,
                applied,
                ..
            } => {
                *replica = Replica {
                    base: base.index,
                    last: entries.last().map_or(base.index, |entry| entry.at.index),
                    commit: applied.index,
                    ..Replica::default()
                };
                self.saw_if(base.index > 0, "a node started from a log that was cut");
            }
            Event::Leader { term } => {
                let others = self.replicas.iter().filter(|(other, _)| **other != node);
                let two = others.into_iter().any(|(_, other)| other.leads.is_some());
                self.saw_if(two, "two nodes led at once");
                replica.leads = Some(term);
                replica.has_committed = false;
            }
            Event::Persisted { reset, entries, .. } => {
                if let Some(base) = reset {
                    self.saw("a log began anew after a snapshot");
                    (replica.base, replica.last) = (base.index, base.index);
                }
                if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
                    let cuts = first.at.index <= replica.last;
                    self.saw_if(cuts, "a follower truncated its log");
                    replica.last = last.at.index;
                }
                return false;
            }
            Event::Installed { at, .. } => {
                self.saw("a snapshot was installed");
                let is_longer = replica.last > at.index;
                self.saw_if(is_longer, "an installed snapshot met a longer log");
            }
            Event::Members { membership } => {
                self.saw_if(membership.is_joint(), "the members were joint");
            }
            Event::Committed { index } => {
                replica.commit = index;
                replica.has_committed = true;
            }
            Event::Sent { message } => {
                self.deposed(replica, message);
                self.sent(message);
                return false;
            }
            Event::Received { message } => {
                let asks = matches!(message.body, Body::ReadIndex { .. });
                let waits = asks && replica.leads.is_some() && !replica.has_committed;
                self.saw_if(waits, "a read waited for the first commit of its term");
                self.deposed(replica, message);
                return false;
            }
            Event::Applied { .. } | Event::Acknowledged { .. } | Event::ChunkSent { .. } => {
                return false;
            }
        }
        true
    }

    /// A client was answered.
    pub fn answered(&mut self, answered: &Answered<'_>) {
        match answered.answer {
            Answer::Read { age: Some(age), .. } => {
                self.saw_if(age.entries > 0, "a read that may be old was old");
            }
            Answer::Write(reply) => {
                let held = reply.succeeded;
                self.saw_if(!held, "a condition of a transaction did not hold");
            }
            Answer::Read { .. } => {}
        }
    }

    fn deposed(&mut self, replica: &mut Replica, message: &Message) {
        let is_idea = matches!(
            message.body,
            Body::PreVote { .. } | Body::PreVoteReply { .. }
        );
        if !is_idea && replica.leads.is_some_and(|term| term < message.term) {
            replica.leads = None;
            let loses = replica.last > replica.commit;
            self.saw_if(loses, "a leader was deposed with uncommitted entries");
        }
    }

    fn sent(&mut self, message: &Message) {
        match message.body {
            Body::AppendRejected { prev, hint } => {
                let skips = hint.index + 1 < prev;
                self.saw_if(skips, "a conflict hint skipped more than one entry");
            }
            Body::Vote { .. } => {
                let first = *self.candidates.entry(message.term).or_insert(message.from);
                self.saw_if(first != message.from, "an election was split");
            }
            Body::VoteReply { granted: false } => self.saw("a vote was refused"),
            Body::PreVoteReply { granted: false } => self.saw("a pre-vote was refused"),
            Body::TimeoutNow => self.saw("a leader handed its leadership over"),
            Body::ReadIndex { .. } => self.saw("a follower asked for a read index"),
            _ => {}
        }
    }

    fn saw_if(&mut self, happened: bool, name: &'static str) {
        if happened {
            self.saw(name);
        }
    }

    /// The state of all replicas, with everything left out but who leads, how far each is behind the
    /// furthest, and whether the log of the one that leads reaches it.
    fn state(&self) -> u64 {
        let furthest =
            |of: fn(&Replica) -> Index| self.replicas.values().map(of).max().unwrap_or(0);
        let (last, commit) = (
            furthest(|replica| replica.last),
            furthest(|replica| replica.commit),
        );
        let leader = self.replicas.values().max_by_key(|replica| replica.leads);
        let base = leader.map_or(0, |leader| leader.base);
        let lag = |behind: Index| u64::from(behind.checked_ilog2().map_or(0, |log| log / 2 + 1));
        self.replicas.values().fold(0, |state, replica| {
            let class = lag(last - replica.last.min(last)) << 16
                | lag(commit - replica.commit) << 8
                | u64::from(replica.leads.is_some()) << 1
                | u64::from(replica.last < base);
            mix(state ^ class)
        })
    }

    /// What this run has met, with what the product named itself.
    pub fn coverage(&self, named: impl Iterator<Item = &'static str>) -> Coverage {
        let seen = self.seen.iter().copied().chain(named);
        Coverage {
            seen: seen.map(|name| (name, 1)).collect(),
            states: self.states.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::types::LogPosition;

    use super::*;
    use crate::oracle::testing::*;

    fn saw(watch: &Watch, name: &str) -> bool {
        watch.coverage([].into_iter()).runs(name) == 1
    }

    #[test]
    fn a_deposed_leader_and_a_truncated_log_are_noticed() {
        let mut watch = Watch::default();
        watch.event(NodeId(1), &Event::Leader { term: 1 });
        watch.event(NodeId(1), &persisted(&[entry(1, 1, "a"), entry(2, 1, "b")]));
        assert!(!saw(
            &watch,
            "a leader was deposed with uncommitted entries"
        ));
        let newer = message(2, 1, 2, Body::VoteReply { granted: false });
        watch.event(NodeId(1), &Event::Received { message: &newer });
        assert!(saw(&watch, "a leader was deposed with uncommitted entries"));
        assert!(!saw(&watch, "a follower truncated its log"));
        watch.event(NodeId(1), &persisted(&[entry(2, 2, "c")]));
        assert!(saw(&watch, "a follower truncated its log"));
    }

    #[test]
    fn a_hint_that_skips_and_a_split_election_are_noticed() {
        let mut watch = Watch::default();
        let last = LogPosition::default();
        let hint = LogPosition { term: 1, index: 8 };
        for (prev, skips) in [(9, false), (10, true)] {
            let rejected = message(1, 2, 1, Body::AppendRejected { prev, hint });
            watch.event(NodeId(1), &sent(&rejected));
            let name = "a conflict hint skipped more than one entry";
            assert_eq!(saw(&watch, name), skips);
        }
        for (node, split) in [(1, false), (1, false), (2, true)] {
            let called = false;
            let vote = message(node, 3, 4, Body::Vote { last, called });
            watch.event(NodeId(node), &sent(&vote));
            assert_eq!(saw(&watch, "an election was split"), split);
        }
    }

    #[test]
    fn states_that_look_alike_are_one() {
        let mut watch = Watch::default();
        for index in [5, 6, 5, 6] {
            watch.event(NodeId(1), &Event::Committed { index });
        }
        assert_eq!(watch.states.len(), 1);
        watch.event(NodeId(2), &Event::Committed { index: 1 });
        assert_eq!(watch.states.len(), 2);
    }
}
