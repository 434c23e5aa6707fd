//! What replicas of one shard say to each other.

use std::sync::Arc;

use bytes::Bytes;

use super::{Membership, NewMembership};
use crate::types::{Index, LogPosition, NodeId, Term};

/// An entry of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where in the log, and of which leader.
    pub at: LogPosition,
    /// What it says.
    pub payload: Payload,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing: a leader begins its term with it (§8).
    Noop,
    /// A command for the state machine; not empty.
    Command(Bytes),
    /// Who takes part, from the moment when the entry is in a log (thesis §4.1). Shared, so that
    /// the many entries that are none of this kind stay small.
    Membership(Arc<NewMembership>),
}

impl Payload {
    /// The payload of a command; empty, it is none.
    pub fn of_command(data: Bytes) -> Payload {
        match data.is_empty() {
            true => Payload::Noop,
            false => Payload::Command(data),
        }
    }

    /// The payload of a membership.
    pub fn of_membership(membership: Membership, context: Bytes) -> Payload {
        Payload::Membership(Arc::new(NewMembership {
            membership,
            context,
        }))
    }

    /// The membership, if it is one.
    pub fn membership(&self) -> Option<&Membership> {
        match self {
            Payload::Membership(new) => Some(&new.membership),
            Payload::Noop | Payload::Command(_) => None,
        }
    }

    /// The bytes that are opaque here: the command's, or what goes with a membership.
    pub fn data(&self) -> &[u8] {
        match self {
            Payload::Noop => &[],
            Payload::Command(data) => data,
            Payload::Membership(new) => &new.context,
        }
    }
}

/// A message between two replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The sender's term; for a pre-vote and its positive answer, the term that is being asked for.
    pub term: Term,
    /// What is said.
    pub body: Body,
}

/// The kinds of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// "Would you vote for me?" Changes nobody's term (Ongaro's thesis §9.6).
    PreVote {
        /// The candidate's last entry.
        last: LogPosition,
    },
    /// The answer to a pre-vote.
    PreVoteReply {
        /// Whether the sender would.
        granted: bool,
    },
    /// RequestVote (§5.2).
    Vote {
        /// The candidate's last entry (§5.4.1).
        last: LogPosition,
        /// The candidate stands because its leader told it to, so contact with that leader is no
        /// reason to refuse (thesis §4.2.3).
        called: bool,
    },
    /// The answer to a vote request.
    VoteReply {
        /// Whether the sender voted for the candidate.
        granted: bool,
    },
    /// AppendEntries (§5.3). Carries at least one entry, or probes with none.
    Append {
        /// The entry before the first one sent.
        prev: LogPosition,
        /// Consecutive entries after `prev`.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: Index,
    },
    /// "My log agrees with yours, durably, up to here."
    AppendAccepted {
        /// The last entry known to agree.
        matched: Index,
    },
    /// "I do not have your `prev`."
    AppendRejected {
        /// The `prev.index` of the refused append.
        prev: Index,
        /// Where the leader should look next: the largest position at which the two logs may still
        /// agree, as far as the follower can tell (conflict hint, §5.3).
        hint: LogPosition,
    },
    /// A sign of life that also asks "do you still follow me?"
    Heartbeat {
        /// The last entry that is committed and that the leader knows the follower to have: one that
        /// has not learns from it that its disk has forgotten.
        commit: LogPosition,
        /// The leader's heartbeat round, counted up within its term; reads wait for theirs (§6.4).
        round: u64,
    },
    /// The answer to a heartbeat.
    HeartbeatReply {
        /// The round that is answered.
        round: u64,
        /// The follower's last durable entry's index, so that a lost append is noticed.
        last: Index,
        /// The follower's priority, for the choice of a successor.
        priority: u8,
        /// For so many microseconds of its clock since the heartbeat arrived, or longer, the follower
        /// helps nobody else to lead, unless this leader wishes it (thesis §6.4.1); 0 if it does not
        /// promise that.
        promise_us: u64,
    },
    /// "Stand for election now": the leader hands over (thesis §3.10).
    TimeoutNow,
    /// "I lost part of my log: where does yours end?"
    Recover {
        /// Drawn by the asking process, so that it never takes an answer that an earlier one got.
        id: u64,
        /// Up to here its log surely is the leader's, durably: whatever it vouched for beyond is void.
        last: Index,
    },
    /// The answer. Who has come this far lacks nothing that it vouched for.
    RecoverReply {
        /// The id of the question.
        id: u64,
        /// The leader's last entry's index when it was asked.
        last: Index,
    },
    /// A follower asks for a read index (thesis §6.4).
    ReadIndex {
        /// Drawn by the asking replica, so that it never meets an old answer to another question.
        id: u64,
    },
    /// The answer: reads that began before the question may be served at this applied index.
    ReadIndexReply {
        /// The id of the question.
        id: u64,
        /// The commit index that was confirmed.
        index: Index,
    },
}

impl Body {
    /// The kind of the message in a word, for traces and tests.
    pub fn kind(&self) -> &'static str {
        match self {
            Body::PreVote { .. } => "pre-vote",
            Body::PreVoteReply { .. } => "pre-vote-reply",
            Body::Vote { .. } => "vote",
            Body::VoteReply { .. } => "vote-reply",
            Body::Append { .. } => "append",
            Body::AppendAccepted { .. } => "append-accepted",
            Body::AppendRejected { .. } => "append-rejected",
            Body::Heartbeat { .. } => "heartbeat",
            Body::HeartbeatReply { .. } => "heartbeat-reply",
            Body::ReadIndex { .. } => "read-index",
            Body::ReadIndexReply { .. } => "read-index-reply",
            Body::TimeoutNow => "timeout-now",
            Body::Recover { .. } => "recover",
            Body::RecoverReply { .. } => "recover-reply",
        }
    }
}
