//! PRE, elections by majorities. Nobody leads whom no majority has voted for (Raft §5.2), whether or not
//! there is a second leader in the term. A vote counts when the candidate has heard it: in a healthy network
//! the others mostly have voted as well, and a candidate that counts wrongly would be right by chance.
//! And nobody begins a term whom no majority would elect (pre-votes,
//! Ongaro's thesis §9.6: "a candidate only increments its term if it first learns from a majority of the
//! cluster that they would be willing to grant the candidate their votes"): such a term wins
//! nothing, and takes down the leader that all others were content with.
//!
//! A candidate that its leader called stands without asking around; and a leader calls nobody before it
//! has heard from it that it has all that the leader itself has (thesis §3.10): else the successor cannot win,
//! and the group has lost its leader for nothing.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::{
    node::Event,
    raft::{Body, Message},
    types::{Index, NodeId, ShardId, Term},
};

use super::{Violation, evidence::Evidence, judge::Judge};

/// By candidate and term: who said yes, as far as the candidate has heard.
type Ballot = BTreeMap<(ShardId, NodeId, Term), BTreeSet<NodeId>>;

/// Remembers who would vote for whom, who did, and what followers have told their leaders.
#[derive(Debug, Default)]
pub struct Pre {
    supporters: Ballot,
    voters: Ballot,
    /// By follower and leader: the term, and how far the follower said in it that their logs agree.
    told: BTreeMap<(ShardId, NodeId, NodeId), (Term, Index)>,
}

impl Judge for Pre {
    fn judge(
        &mut self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        event: &Event<'_>,
    ) -> Result<(), Violation> {
        let message = match *event {
            Event::Sent { message } => message,
            Event::Received { message } => {
                self.hears(node, shard, message);
                return Ok(());
            }
            Event::Leader { term } => {
                let yes = self.voters.get(&(shard, node, term));
                return backed(known, node, shard, yes, || {
                    format!("{node} leads term {term}, and it has heard the votes of only")
                });
            }
            _ => return Ok(()),
        };
        match message.body {
            Body::Vote { called: false, .. } => {
                let term = message.term;
                let yes = self.supporters.get(&(shard, node, term));
                backed(known, node, shard, yes, || {
                    format!("{node} stands in term {term}, and would vote for it only")
                })
            }
            Body::AppendAccepted { matched } => {
                let told = self.told.entry((shard, node, message.to)).or_default();
                *told = (*told).max((message.term, matched));
                Ok(())
            }
            Body::TimeoutNow => self.calls(known, node, shard, message),
            _ => Ok(()),
        }
    }
}

impl Pre {
    /// A candidate hears an answer.
    fn hears(&mut self, node: NodeId, shard: ShardId, message: &Message) {
        let ballot = match message.body {
            Body::PreVoteReply { granted: true } => &mut self.supporters,
            Body::VoteReply { granted: true } => &mut self.voters,
            _ => return,
        };
        let candidate = (shard, node, message.term);
        ballot.entry(candidate).or_default().insert(message.from);
    }

    /// `node` calls its successor.
    fn calls(
        &self,
        known: &Evidence,
        node: NodeId,
        shard: ShardId,
        message: &Message,
    ) -> Result<(), Violation> {
        let told = self.told.get(&(shard, message.to, node));
        let told = told.filter(|(term, _)| *term == message.term);
        let has = told.map_or(0, |(_, matched)| *matched);
        let last = known.replica(node, shard).map_or(0, |r| r.log.last());
        if has >= last {
            return Ok(());
        }
        let what = format!(
            "{node} calls {} to succeed it, and has heard that it has {has} of {last} entries",
            message.to
        );
        Err(Violation::new("PRE", what))
    }
}

/// Whether the replica and those who said yes are a majority for it; `what` tells what it takes one for.
fn backed(
    known: &Evidence,
    node: NodeId,
    shard: ShardId,
    yes: Option<&BTreeSet<NodeId>>,
    what: impl Fn() -> String,
) -> Result<(), Violation> {
    let mut yes = yes.cloned().unwrap_or_default();
    yes.insert(node);
    let replica = known.replica(node, shard);
    if replica.is_none_or(|replica| replica.is_quorum(&yes)) {
        return Ok(());
    }
    let names: Vec<String> = yes.iter().map(NodeId::to_string).collect();
    let what = format!("{} {}", what(), names.join(", "));
    Err(Violation::new("PRE", what))
}

#[cfg(test)]
mod tests {
    use sisyphus::{raft::Membership, types::LogPosition};

    use super::*;
    use crate::oracle::{judge::Alone, testing::*};

    /// Whether `event` of n1, one of three, is right after these answers to it, each from a node and
    /// in a term.
    fn passes(answer: &Body, answers: &[(u64, u64)], event: Event<'_>) -> bool {
        passes_if(true, answer, answers, event)
    }

    fn passes_if(is_heard: bool, answer: &Body, answers: &[(u64, u64)], event: Event<'_>) -> bool {
        let membership = &Membership::of_voters([1, 2, 3].map(NodeId));
        let mut pre = Alone::<Pre>::default();
        show(&mut pre, 1, Event::Members { membership }).unwrap();
        for (from, term) in answers {
            let reply = message(*from, 1, *term, answer.clone());
            show(&mut pre, *from, sent(&reply)).unwrap();
            if is_heard {
                show(&mut pre, 1, Event::Received { message: &reply }).unwrap();
            }
        }
        show(&mut pre, 1, event).is_ok()
    }

    #[test]
    fn who_stands_without_a_majority_behind_it_is_seen() {
        let answer = Body::PreVoteReply { granted: true };
        let last = LogPosition::default();
        let vote = |called| message(1, 2, 5, Body::Vote { last, called });
        assert!(passes(&answer, &[(2, 5)], sent(&vote(false))));
        assert!(!passes(&answer, &[], sent(&vote(false))), "nobody said so");
        assert!(
            !passes(&answer, &[(2, 4)], sent(&vote(false))),
            "of another"
        );
        assert!(passes(&answer, &[], sent(&vote(true))), "its leader called");
    }

    #[test]
    fn who_calls_a_successor_that_lacks_something_is_seen() {
        let calls = |matched, term| {
            let mut pre = Alone::<Pre>::default();
            show(
                &mut pre,
                1,
                persisted(&[entry(1, 5, "a"), entry(2, 5, "b")]),
            )
            .unwrap();
            let accepted = message(2, 1, term, Body::AppendAccepted { matched });
            show(&mut pre, 2, sent(&accepted)).unwrap();
            let call = message(1, 2, 5, Body::TimeoutNow);
            show(&mut pre, 1, sent(&call)).is_ok()
        };
        assert!(calls(2, 5));
        assert!(!calls(1, 5), "it lacks one");
        assert!(!calls(2, 4), "it said so to another leader");
    }

    #[test]
    fn who_leads_without_the_votes_of_a_majority_is_seen() {
        let answer = Body::VoteReply { granted: true };
        let leads = || Event::Leader { term: 5 };
        assert!(passes(&answer, &[(3, 5)], leads()));
        assert!(!passes(&answer, &[], leads()));
        assert!(!passes(&answer, &[(3, 4)], leads()), "of another term");
        let unheard = !passes_if(false, &answer, &[(3, 5)], leads());
        assert!(unheard, "its answer is still on its way");
    }
}
