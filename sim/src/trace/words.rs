//! Messages and logs in words.

use sisyphus::{
    raft::{Body, Entry, HardState},
    types::{LogPosition, NodeId},
};

/// What a message says.
pub(super) fn of_body(body: &Body) -> String {
    match body {
        Body::PreVote { last } => format!("pre-vote? my last is {last}"),
        Body::PreVoteReply { granted } => format!("pre-vote {}", yes(*granted)),
        Body::Vote { last, called } => {
            let why = if *called { ", called by my leader" } else { "" };
            format!("vote? my last is {last}{why}")
        }
        Body::VoteReply { granted } => format!("vote {}", yes(*granted)),
        Body::Append {
            prev,
            entries,
            commit,
        } => format!("append {} commit {commit}", of_log(Some(*prev), entries)),
        Body::AppendAccepted { matched } => format!("appended up to {matched}"),
        Body::AppendRejected { prev, hint } => format!("no entry {prev}, try {hint}"),
        Body::Heartbeat { commit, round } => format!("heartbeat {round} commit {}", commit.index),
        Body::HeartbeatReply { round, last, .. } => format!("alive {round} last {last}"),
        Body::ReadIndex { id } => format!("read index? {id:x}"),
        Body::ReadIndexReply { id, index } => format!("read {id:x} at {index}"),
        Body::TimeoutNow => "stand for election now".to_owned(),
        Body::Recover { id, last } => format!("recover? {id:x} my log is whole up to {last}"),
        Body::RecoverReply { id, last } => format!("recover {id:x} up to {last}"),
    }
}

fn yes(granted: bool) -> &'static str {
    match granted {
        true => "granted",
        false => "refused",
    }
}

/// Term and vote.
pub fn of_state(state: HardState) -> String {
    let vote = state
        .vote
        .map_or("nobody".to_owned(), |node: NodeId| node.to_string());
    format!("term {} voted for {vote}", state.term)
}

/// A stretch of log: the position before it, and the first and last entry.
pub(super) fn of_log(base: Option<LogPosition>, entries: &[Entry]) -> String {
    let base = base.map_or(String::new(), |base| format!("after {base} "));
    match (entries.first(), entries.last()) {
        (Some(first), Some(last)) if first.at != last.at => {
            format!("{base}[{}..{}]", first.at, last.at)
        }
        (Some(only), _) => format!("{base}[{}]", only.at),
        _ => format!("{base}[]"),
    }
}
