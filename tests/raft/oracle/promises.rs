//! A promise that leaves a replica is backed by its disk at that moment.

use std::collections::BTreeMap;

use sisyphus::raft::{Body, Message};
use sisyphus::types::{Index, NodeId, Term};

use super::ledger::Ledger;
use crate::cluster::Replica;

/// The votes that were given.
#[derive(Default)]
pub struct Promises {
    /// By term and voter: for whom.
    votes: BTreeMap<(Term, NodeId), NodeId>,
}

impl Promises {
    /// Looks at a message that leaves: votes and vouchers are promises, the rest is talk.
    pub fn sent(
        &mut self,
        message: &Message,
        replicas: &BTreeMap<NodeId, Replica>,
        ledger: &Ledger,
    ) {
        let sender = &replicas[&message.from];
        match &message.body {
            Body::Vote { .. } => self.voted(message, sender, message.from),
            Body::VoteReply { granted: true } => self.voted(message, sender, message.to),
            Body::AppendAccepted { matched } => vouched(message, sender, *matched, ledger),
            _ => {}
        }
    }

    /// A vote is given once in a term, over all crashes (§5.2).
    fn voted(&mut self, message: &Message, sender: &Replica, candidate: NodeId) {
        let on_disk = sender.image.hard_state;
        let backed = on_disk.term == message.term && on_disk.vote == Some(candidate);
        assert!(
            backed,
            "{message:?} before the vote is durable: {on_disk:?}"
        );
        let vote = self.votes.entry((message.term, message.from));
        let first = *vote.or_insert(candidate);
        assert_eq!(first, candidate, "{message:?} is a second vote");
    }

    /// Whether `voter` gave its vote of `term` to `candidate`, and said so.
    pub fn has_voted(&self, term: Term, voter: NodeId, candidate: NodeId) -> bool {
        self.votes.get(&(term, voter)) == Some(&candidate)
    }
}

/// To accept is to say: I have the leader's log up to there.
fn vouched(message: &Message, sender: &Replica, matched: Index, ledger: &Ledger) {
    let on_disk = sender.image.hard_state;
    assert!(
        on_disk.term >= message.term,
        "{message:?} before the term is durable"
    );
    let position = ledger.of_leader(message.term, matched);
    let position = position.expect("only a leader is told so");
    assert!(
        sender.has_durably(position),
        "{message:?} before {position} is durable"
    );
}
