//! MONO: what never goes back. Term and vote (Raft §5.1, §5.2: "persistent state", figure 2), the
//! commit index within a process, and the durable log across restarts, except where a newer leader
//! replaces entries (§5.3, rule 3 of AppendEntries) or a snapshot covers them (§7).
//!
//! It listens to three witnesses: what a node promises to others, what it calls durable, and what it
//! finds on its disk when it starts. A vote that was sent is a fact, whatever the disk remembers, and so
//! is an acknowledged append: its term binds the node not to listen to older leaders. Other messages
//! promise nothing; a node that crashes may forget that it has heard of their term.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    node::Event,
    raft::{Body, HardState, Message},
    types::{Index, NodeId, ShardId, Term},
};

use super::{Oracle, Violation, log::DurableLog};

/// Remembers for each replica the furthest that it has come.
#[derive(Debug, Default)]
pub struct Mono {
    replicas: BTreeMap<(ShardId, NodeId), Replica>,
    /// The nodes whose drives were damaged, whether they had begun to speak or not.
    damaged: BTreeSet<NodeId>,
    /// The nodes whose drives were emptied. They are nobody: that none of the others takes them for who they
    /// were is what ELS, LC and SMS see.
    emptied: BTreeSet<NodeId>,
}

#[derive(Debug, Default)]
struct Replica {
    /// Whom it voted for, by term, as others were told or as it called durable.
    votes: BTreeMap<Term, NodeId>,
    /// The highest term that it spoke in since it started.
    spoken: Term,
    /// The highest term that it promised something in, ever.
    promised: Term,
    commit: Index,
    log: DurableLog,
    started: bool,
    /// Its drive was damaged: entries may be gone, term and vote may not.
    damaged: bool,
}

impl Oracle for Mono {
    fn event(&mut self, node: NodeId, shard: ShardId, event: &Event<'_>) -> Result<(), Violation> {
        if self.emptied.contains(&node) {
            return Ok(());
        }
        let replica = self.replicas.entry((shard, node)).or_default();
        // Also if it was damaged before it ever spoke, in the middle of its first start.
        replica.damaged = self.damaged.contains(&node);
        let result = match *event {
            Event::Sent { message } => replica.sent(message),
            Event::Received { message } => {
                replica.log.heard(message);
                Ok(())
            }
            Event::Persisted {
                hard_state,
                reset,
                entries,
            } => {
                let result = hard_state.map_or(Ok(()), |next| replica.hard_state(next));
                replica.log.persisted(hard_state, reset, entries);
                result
            }
            Event::Committed { index } => replica.committed(index),
            Event::Restored {
                hard_state,
                base,
                entries,
                ..
            } => replica.restored(DurableLog::restored(hard_state, base, entries)),
            _ => Ok(()),
        };
        result.map_err(|what| Violation::new("MONO", format!("{node} {what}")))
    }
}

impl Mono {
    /// The drive of `node` was damaged. Its log may have lost entries; what it promised about terms
    /// and votes still binds it.
    pub fn forgive(&mut self, node: NodeId) {
        self.damaged.insert(node);
    }

    /// The drive of `node` was emptied: it is not the one any more that promised something.
    pub fn forget(&mut self, node: NodeId) {
        self.emptied.insert(node);
    }
}

impl Replica {
    fn sent(&mut self, message: &Message) -> Result<(), String> {
        let term = message.term;
        match message.body {
            // They name a term that is only being considered.
            Body::PreVote { .. } | Body::PreVoteReply { .. } => return Ok(()),
            Body::Vote { .. } => self.vote(term, message.from)?,
            Body::VoteReply { granted: true } => self.vote(term, message.to)?,
            Body::AppendAccepted { .. } => self.promised = self.promised.max(term),
            _ => {}
        }
        if term < self.spoken {
            return Err(format!("speaks in term {term} after term {}", self.spoken));
        }
        self.spoken = term;
        Ok(())
    }

    fn vote(&mut self, term: Term, candidate: NodeId) -> Result<(), String> {
        self.promised = self.promised.max(term);
        let first = *self.votes.entry(term).or_insert(candidate);
        match first == candidate {
            true => Ok(()),
            false => Err(format!("votes for {first} and {candidate} in term {term}")),
        }
    }

    fn hard_state(&mut self, next: HardState) -> Result<(), String> {
        let before = self.log.hard_state;
        if next.term < before.term {
            return Err(format!(
                "goes back from term {} to {}",
                before.term, next.term
            ));
        }
        if next.term == before.term && next.vote.is_none() && before.vote.is_some() {
            return Err(format!("forgets its vote in term {}", next.term));
        }
        next.vote.map_or(Ok(()), |vote| self.vote(next.term, vote))
    }

    fn committed(&mut self, index: Index) -> Result<(), String> {
        if index < self.commit {
            return Err(format!("commits {index} after {}", self.commit));
        }
        self.commit = index;
        Ok(())
    }

    fn restored(&mut self, found: DurableLog) -> Result<(), String> {
        if self.started {
            self.hard_state(found.hard_state)
                .map_err(|what| format!("restarts and {what}"))?;
            let (promised, term) = (self.promised, found.hard_state.term);
            if term < promised {
                return Err(format!(
                    "was bound to term {promised} and restarts in term {term}"
                ));
            }
            if let Some(at) = self.log.lost_in(&found)
                && !self.damaged
            {
                return Err(format!("had {at} on its disk and restarts without it"));
            }
        }
        self.started = true;
        self.commit = 0;
        self.spoken = 0;
        self.log = found;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::types::LogPosition;

    use super::*;
    use crate::oracle::testing::*;

    fn fails(events: &[(u64, Event<'_>)], last: (u64, Event<'_>)) -> String {
        let mut mono = Mono::default();
        for (node, event) in events {
            assert_eq!(show(&mut mono, *node, *event), Ok(()));
        }
        show(&mut mono, last.0, last.1).unwrap_err().what
    }

    #[test]
    fn a_second_vote_in_a_term_is_seen_even_across_a_restart() {
        let to_2 = message(1, 2, 5, Body::VoteReply { granted: true });
        let to_3 = message(1, 3, 5, Body::VoteReply { granted: true });
        let start = restored(5, 0, &[], (0, 0), 0);
        let events = [(1, start), (1, sent(&to_2)), (1, start)];
        assert!(fails(&events, (1, sent(&to_3))).contains("votes for n2 and n3"));
    }

    #[test]
    fn a_term_that_binds_a_node_and_is_forgotten_is_seen() {
        for body in [
            Body::VoteReply { granted: true },
            Body::AppendAccepted { matched: 0 },
        ] {
            let promise = message(1, 2, 5, body);
            let events = [(1, restored(0, 0, &[], (0, 0), 0)), (1, sent(&promise))];
            let what = fails(&events, (1, restored(4, 0, &[], (0, 0), 0)));
            assert!(what.contains("bound to term 5 and restarts in term 4"));
        }
    }

    #[test]
    fn a_process_that_speaks_in_an_older_term_than_before_is_seen() {
        let body = || Body::VoteReply { granted: false };
        let (newer, older) = (message(1, 2, 5, body()), message(1, 2, 4, body()));
        let what = fails(&[(1, sent(&newer))], (1, sent(&older)));
        assert!(what.contains("speaks in term 4 after term 5"));
    }

    #[test]
    fn a_durable_term_or_vote_that_goes_back_is_seen() {
        let voted = HardState {
            term: 3,
            vote: Some(NodeId(2)),
        };
        let forgot = HardState {
            vote: None,
            ..voted
        };
        let older = HardState { term: 2, ..voted };
        for worse in [forgot, older] {
            fails(&[(1, hard_state(voted))], (1, hard_state(worse)));
        }
    }

    #[test]
    fn a_commit_index_that_goes_back_is_seen() {
        let events = [(1, Event::Committed { index: 5 })];
        fails(&events, (1, Event::Committed { index: 4 }));
    }

    #[test]
    fn an_entry_that_was_durable_and_is_gone_is_seen() {
        let start = restored(1, 0, &[], (0, 0), 0);
        let log = [entry(1, 1, "a"), entry(2, 1, "b")];
        let events = [(1, start), (1, persisted(&log))];
        let what = fails(&events, (1, restored(1, 0, &log[..1], (0, 0), 0)));
        assert!(what.contains("had 2@1 on its disk"));
    }

    #[test]
    fn an_entry_may_give_way_to_an_older_one_only_if_a_newer_leader_sent_that() {
        let log = [entry(1, 1, "a"), entry(2, 3, "b"), entry(3, 3, "c")];
        let theirs = vec![entry(2, 2, "x")];
        let append = |term| {
            let prev = LogPosition { term: 1, index: 1 };
            let entries = theirs.clone();
            message(
                2,
                1,
                term,
                Body::Append {
                    prev,
                    entries,
                    commit: 0,
                },
            )
        };
        let after = [entry(1, 1, "a"), entry(2, 2, "x")];
        for (sent, is_right) in [(Some(4), true), (Some(3), false), (None, false)] {
            let mut mono = Mono::default();
            show(&mut mono, 1, restored(3, 0, &[], (0, 0), 0)).unwrap();
            show(&mut mono, 1, persisted(&log)).unwrap();
            if let Some(term) = sent {
                let message = &append(term);
                show(&mut mono, 1, Event::Received { message }).unwrap();
            }
            let seen = show(&mut mono, 1, restored(4, 0, &after, (0, 0), 0));
            assert_eq!(seen.is_ok(), is_right, "{sent:?}");
        }
    }

    #[test]
    fn entries_may_give_way_to_a_newer_leader_or_to_a_snapshot() {
        let log = [entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")];
        let newer = [entry(1, 1, "a"), entry(2, 2, "x")];
        for after in [
            restored(2, 0, &newer, (0, 0), 0),
            restored(2, 2, &log[2..], (2, 1), 0),
            restored(2, 9, &[], (9, 2), 0),
        ] {
            let mut mono = Mono::default();
            assert_eq!(show(&mut mono, 1, restored(1, 0, &[], (0, 0), 0)), Ok(()));
            assert_eq!(show(&mut mono, 1, persisted(&log)), Ok(()));
            assert_eq!(show(&mut mono, 1, after), Ok(()));
        }
    }
}
