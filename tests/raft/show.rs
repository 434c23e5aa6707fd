//! Messages and replicas in one line each, for the eye.

use sisyphus::raft::{Body, Message, PeerStatus, Raft, RoleName, Status};
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
            let entries: Vec<String> = entries.iter().map(|e| e.at.to_string()).collect();
            format!(
                "append after {prev} [{}], commit {commit}",
                entries.join(" ")
            )
        }
        Body::AppendAccepted { matched } => format!("I have all up to {matched}"),
        Body::AppendRejected { prev, hint } => {
            format!("I do not have your {prev}, look at {hint}")
        }
        Body::Heartbeat { commit, round } => format!("heartbeat {round}, commit {commit}"),
        Body::HeartbeatReply { round, last, .. } => format!("heard {round}, my log ends at {last}"),
        Body::TimeoutNow => "stand for election now".into(),
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
pub fn replica(id: NodeId, raft: Option<&Raft>) -> String {
    let Some(raft) = raft else {
        return format!("{id} is down");
    };
    let status = raft.status();
    let log: Vec<String> = raft.entries().map(|e| e.at.to_string()).collect();
    let log = format!("{}..[{}]", status.first - 1, log.join(" "));
    let Status {
        term,
        commit,
        applied,
        durable,
        ..
    } = status;
    let peers: String = status.progress.iter().map(peer).collect();
    format!(
        "{id} {}, term {term}, log {log} durable {durable} commit {commit} applied {applied}{peers}",
        role(&status)
    )
}

fn role(status: &Status) -> String {
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
    } = peer;
    format!(" | {id} {state} {matched}→{next}")
}
