//! Telling a node that it was removed, if it missed the entry that said so.

use super::{StartError, replica::Replica};
use crate::{
    raft::{Body, Message},
    rpc::PeerBody,
    types::{Index, NodeId},
};

impl Replica {
    /// Tells a node that asks to be elected, but is no member any more, that it may stop asking.
    pub(super) fn tell_removed(&self, message: &Message) {
        if !matches!(message.body, Body::PreVote { .. }) {
            return;
        }
        let roster = self.roster.borrow();
        if roster.since > 0 && roster.members.was_removed(message.from) {
            self.link
                .send(message.from, PeerBody::Removed(roster.since));
        }
    }

    /// A peer says that this node was removed. What this node has applied itself it knows better.
    pub(super) fn hear_of_removal(&self, from: NodeId, index: Index) {
        if index > self.roster.borrow().since {
            let removed = StartError::Removed(self.link.node.0);
            let said = format!("{removed} ({from} says so, as of entry {index})");
            self.failure.report(said);
        }
    }
}
