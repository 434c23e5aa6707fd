//! Messages and replicas in one line each, for the eye.

use std::collections::BTreeSet;

use sisyphus::raft::{
    Aim, Body, Entry, Membership, Message, Payload, PeerStatus, Raft, RoleName, Status,
};
use sisyphus::types::{Index, NodeId};

/// A message: who to whom, in which term, what.
pub fn message(message: &Message) -> String {
    let Message {
        from,
        to,
        term,
        body,
    } = message;
    format!("{from} → {to} term {term}: {}", said(body))
}

fn said(body: &Body) -> String {
    match body {
        Body::PreVote { last } => format!("would you vote for me? my log ends at {last}"),
        Body::PreVoteReply { granted: true } => "I would".into(),
        Body::PreVoteReply { granted: false } => "I would not".into(),
        Body::Vote { last, called } => {
            let why = if *called {
                ", my leader told me to stand"
            } else {
                ""
            };
            format!("vote for me! my log ends at {last}{why}")
        }
        Body::VoteReply { granted: true } => "my vote is yours".into(),
        Body::VoteReply { granted: false } => "no vote".into(),
        Body::Append {
            prev,
            entries,
            commit,
        } => {
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!(
                "append after {prev} [{}], commit {commit}",
                entries.join(" ")
            )
        }
        Body::AppendAccepted { matched } => format!("I have all up to {matched}"),
        Body::AppendRejected { prev, hint } => {
            format!("I do not have your {prev}, look at {hint}")
        }
        Body::Heartbeat { commit, round } => {
            format!("heartbeat {round}, commit {}", commit.index)
        }
        Body::HeartbeatReply { round, last, .. } => format!("heard {round}, my log ends at {last}"),
        Body::TimeoutNow => "stand for election now".into(),
        Body::Recover { last, .. } => {
            format!("I lost what I had beyond {last}, where does your log end?")
        }
        Body::RecoverReply { last, .. } => format!("my log ends at {last}"),
        Body::ReadIndex { .. } => "where may I read?".into(),
        Body::ReadIndexReply { index, .. } => format!("read at {index}"),
    }
}

/// What became of a read.
pub fn read_end((read, index): &(u64, Option<Index>)) -> String {
    match index {
        Some(index) => format!("read {read} may be served at {index}"),
        None => format!("read {read} is lost"),
    }
}

/// A replica: its role, its term, and how far it has come.
pub fn replica(id: NodeId, raft: Option<&Raft>, founders: &Membership) -> String {
    let Some(raft) = raft else {
        return format!("{id} is down");
    };
    let status = raft.status();
    let log: Vec<String> = raft.entries().map(entry).collect();
    let log = format!("{}..[{}]", status.first - 1, log.join(" "));
    let Status {
        term,
        commit,
        applied,
        durable,
        ..
    } = status;
    let peers: String = status.progress.iter().map(peer).collect();
    let wounded = match status.recovering {
        true => ", recovers",
        false => "",
    };
    let members = match raft.membership() {
        same if same == founders => String::new(),
        others => format!(", {}", members(others)),
    };
    format!(
        "{id} {}, term {term}, log {log} durable {durable} commit {commit} applied {applied}{wounded}{members}{peers}",
        role(raft, &status)
    )
}

/// An entry: where it is, and whether it says who takes part.
fn entry(entry: &Entry) -> String {
    match entry.payload {
        Payload::Membership(_) => format!("{}:members", entry.at),
        Payload::Noop | Payload::Command(_) => entry.at.to_string(),
    }
}

/// Who takes part: the voters, those before them in a joint membership, the learners.
fn members(membership: &Membership) -> String {
    if membership.is_empty() {
        return "knows no members".into();
    }
    let ids = |ids: &BTreeSet<NodeId>| {
        let ids: Vec<String> = ids.iter().map(NodeId::to_string).collect();
        ids.join(" ")
    };
    let mut text = format!("voters {}", ids(&membership.voters));
    if membership.is_joint() {
        text += &format!(" and {}", ids(&membership.outgoing));
    }
    for (id, aim) in &membership.learners {
        text += &match aim {
            Aim::Stay => format!(", learner {id}"),
            Aim::Vote => format!(", learner {id} to vote"),
            Aim::Replace(voter) => format!(", learner {id} to replace {voter}"),
        };
    }
    text
}

fn role(raft: &Raft, status: &Status) -> String {
    if raft.is_handing_over() {
        return "hands over".into();
    }
    match (status.role, status.leader) {
        (RoleName::Follower, Some(leader)) => format!("follows {leader}"),
        (RoleName::Follower, None) => match status.vote {
            Some(vote) => format!("follows nobody, voted for {vote}"),
            None => "follows nobody".into(),
        },
        (role, _) => format!("is {role}"),
    }
}

fn peer((id, peer): (&NodeId, &PeerStatus)) -> String {
    let PeerStatus {
        matched,
        next,
        state,
        ..
    } = peer;
    format!(" | {id} {state} {matched}→{next}")
}
