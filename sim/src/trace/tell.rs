//! Events of replicas in numbers and in words.

use serde_json::{Value, json};
use sisyphus::{
    node::Event,
    raft::{Body, Entry, HardState, Message},
    types::{LogPosition, NodeId},
};

use crate::draw::of_payload;

/// An event of a replica, ready for the journal.
pub struct Told<'a> {
    /// Its kind, in a word.
    pub kind: &'static str,
    /// All that matters about it.
    pub numbers: Vec<u64>,
    event: &'a Event<'a>,
}

impl<'a> Told<'a> {
    /// Puts an event into numbers.
    pub fn new(event: &'a Event<'a>) -> Self {
        let (kind, numbers) = match event {
            Event::Restored {
                hard_state,
                base,
                entries,
                applied,
                hash,
            } => {
                let mut numbers = vec![base.index, base.term, applied.index, *hash];
                put_log(&mut numbers, Some(*hard_state), entries);
                ("restored", numbers)
            }
            Event::Leader { term } => ("leader", vec![*term]),
            Event::Sent { message } => ("sent", of_message(message)),
            Event::Received { message } => ("received", of_message(message)),
            Event::Persisted {
                hard_state,
                reset,
                entries,
            } => {
                let mut numbers = vec![reset.map_or(0, |base| base.index)];
                put_log(&mut numbers, *hard_state, entries);
                ("persisted", numbers)
            }
            Event::Committed { index } => ("committed", vec![*index]),
            Event::Applied { at, hash, data } => {
                ("applied", vec![at.index, at.term, *hash, data.len() as u64])
            }
            Event::Installed { at, hash } => ("installed", vec![at.index, at.term, *hash]),
            Event::Acknowledged { at } => ("acknowledged", vec![at.index, at.term]),
        };
        Told {
            kind,
            numbers,
            event,
        }
    }

    /// The event in words.
    pub fn detail(&self) -> Value {
        match self.event {
            Event::Restored {
                hard_state,
                base,
                entries,
                applied,
                hash,
            } => json!({
                "state": state(*hard_state),
                "log": log(Some(*base), entries),
                "applied": applied.to_string(),
                "hash": format!("{hash:016x}"),
            }),
            Event::Leader { term } => json!({ "term": term }),
            Event::Sent { message } | Event::Received { message } => json!(say(message)),
            Event::Persisted {
                hard_state,
                reset,
                entries,
            } => json!({
                "state": hard_state.map(state),
                "log": log(*reset, entries),
            }),
            Event::Committed { index } => json!({ "index": index }),
            Event::Applied { at, hash, .. } | Event::Installed { at, hash } => {
                json!({ "at": at.to_string(), "hash": format!("{hash:016x}") })
            }
            Event::Acknowledged { at } => json!({ "at": at.to_string() }),
        }
    }
}

fn put_log(numbers: &mut Vec<u64>, hard_state: Option<HardState>, entries: &[Entry]) {
    if let Some(HardState { term, vote }) = hard_state {
        numbers.extend([term, vote.map_or(0, |node| node.0)]);
    }
    for entry in entries {
        numbers.extend([entry.at.index, entry.at.term, of_payload(&entry.payload)]);
    }
}

fn of_message(message: &Message) -> Vec<u64> {
    let Message { from, to, term, .. } = message;
    let mut numbers = vec![from.0, to.0, *term];
    numbers.extend(match &message.body {
        Body::PreVote { last } => [1, last.index, last.term, 0],
        Body::PreVoteReply { granted } => [2, u64::from(*granted), 0, 0],
        Body::Vote { last, called } => [3, last.index, last.term, u64::from(*called)],
        Body::VoteReply { granted } => [4, u64::from(*granted), 0, 0],
        Body::Append {
            prev,
            entries,
            commit,
        } => [5, prev.index, entries.len() as u64, *commit],
        Body::AppendAccepted { matched } => [6, *matched, 0, 0],
        Body::AppendRejected { prev, hint } => [7, *prev, hint.index, hint.term],
        Body::Heartbeat { commit, round } => [8, *commit, *round, 0],
        Body::HeartbeatReply { round, last, .. } => [9, *round, *last, 0],
        Body::ReadIndex { id } => [10, *id, 0, 0],
        Body::ReadIndexReply { id, index } => [11, *id, *index, 0],
        Body::TimeoutNow => [12, 0, 0, 0],
        Body::Recover { id, last } => [13, *id, *last, 0],
        Body::RecoverReply { id, last } => [14, *id, *last, 0],
    });
    numbers
}

fn say(message: &Message) -> String {
    let Message { from, to, term, .. } = message;
    let what = match &message.body {
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
        } => format!("append {} commit {commit}", log(Some(*prev), entries)),
        Body::AppendAccepted { matched } => format!("appended up to {matched}"),
        Body::AppendRejected { prev, hint } => format!("no entry {prev}, try {hint}"),
        Body::Heartbeat { commit, round } => format!("heartbeat {round} commit {commit}"),
        Body::HeartbeatReply { round, last, .. } => format!("alive {round} last {last}"),
        Body::ReadIndex { id } => format!("read index? {id}"),
        Body::ReadIndexReply { id, index } => format!("read {id} at {index}"),
        Body::TimeoutNow => "stand for election now".to_owned(),
        Body::Recover { id, last } => format!("recover? {id} my log is whole up to {last}"),
        Body::RecoverReply { id, last } => format!("recover {id} up to {last}"),
    };
    format!("{from}→{to} term {term}: {what}")
}

fn yes(granted: bool) -> &'static str {
    match granted {
        true => "granted",
        false => "refused",
    }
}

fn state(state: HardState) -> String {
    let vote = state
        .vote
        .map_or("nobody".to_owned(), |node: NodeId| node.to_string());
    format!("term {} voted for {vote}", state.term)
}

/// A stretch of log: the position before it, and the first and last entry.
fn log(base: Option<LogPosition>, entries: &[Entry]) -> String {
    let base = base.map_or(String::new(), |base| format!("after {base} "));
    match (entries.first(), entries.last()) {
        (Some(first), Some(last)) if first.at != last.at => {
            format!("{base}[{}..{}]", first.at, last.at)
        }
        (Some(only), _) => format!("{base}[{}]", only.at),
        _ => format!("{base}[]"),
    }
}
