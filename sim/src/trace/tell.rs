//! Events of replicas in numbers and in words.

use serde_json::{Value, json};
use sisyphus::{
    node::Event,
    raft::{Body, Entry, HardState, Message},
    types::LogPosition,
};

use super::{
    data::of_data,
    words::{of_body, of_log, of_state},
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
            Event::Members { membership } => {
                let electors = membership.electors().map(|node| node.0);
                ("members", electors.collect())
            }
            Event::Committed { index } => ("committed", vec![*index]),
            Event::Applied { at, hash, data } => {
                ("applied", vec![at.index, at.term, *hash, data.len() as u64])
            }
            Event::Installed { at, hash } => ("installed", vec![at.index, at.term, *hash]),
            Event::ChunkSent { to, sequence } => ("chunk", vec![to.0, u64::from(*sequence)]),
            Event::Acknowledged { at } => ("acknowledged", vec![at.index, at.term]),
        };
        Told {
            kind,
            numbers,
            event,
        }
    }

    /// The event in words, and what a picture of it needs.
    pub fn detail(&self) -> Value {
        match self.event {
            Event::Restored {
                hard_state,
                base,
                entries,
                applied,
                hash,
            } => {
                let (state, log) = (of_state(*hard_state), of_log(Some(*base), entries));
                json!({
                    "term": hard_state.term,
                    "vote": hard_state.vote,
                    "log": stretch(entries),
                    "last": pair(entries.last().map_or(*base, |entry| entry.at)),
                    "at": pair(*applied),
                    "hash": format!("{hash:016x}"),
                    "says": format!("{state}, log {log}, applied {applied}"),
                })
            }
            Event::Leader { term } => {
                json!({ "term": term, "says": format!("leads term {term}") })
            }
            Event::Sent { message } | Event::Received { message } => message_of(message),
            Event::Persisted {
                hard_state,
                reset,
                entries,
            } => {
                let state = hard_state.map_or(String::new(), |state| of_state(state) + ", ");
                let log = of_log(*reset, entries);
                json!({
                    "term": hard_state.map(|state| state.term),
                    "vote": hard_state.and_then(|state| state.vote),
                    "reset": reset.map(pair),
                    "log": stretch(entries),
                    "says": format!("{state}log {log}"),
                })
            }
            Event::Members { membership } => {
                json!({ "says": format!("goes by the members {membership}") })
            }
            Event::Committed { index } => {
                json!({ "index": index, "says": format!("commits up to {index}") })
            }
            Event::Applied { at, hash, data } => {
                let (does, request) = of_data(data);
                json!({
                    "at": pair(*at),
                    "hash": format!("{hash:016x}"),
                    "request": request,
                    "says": format!("{at}: {does}"),
                })
            }
            Event::Installed { at, hash } => json!({
                "at": pair(*at),
                "hash": format!("{hash:016x}"),
                "says": format!("a snapshot up to {at}"),
            }),
            Event::Acknowledged { at } => {
                json!({ "at": pair(*at), "says": format!("{at} is done") })
            }
            Event::ChunkSent { to, sequence } => json!({
                "to": to,
                "sequence": sequence,
                "says": format!("piece {sequence} of a snapshot to {to}"),
            }),
        }
    }
}

fn pair(at: LogPosition) -> [u64; 2] {
    [at.index, at.term]
}

/// The first and the last entry.
fn stretch(entries: &[Entry]) -> Option<[[u64; 2]; 2]> {
    let (first, last) = (entries.first()?, entries.last()?);
    Some([pair(first.at), pair(last.at)])
}

/// Whether a reply grants, up to where an acknowledgement goes, which entries an append carries.
fn message_of(message: &Message) -> Value {
    let Message { from, to, term, .. } = message;
    let says = format!("{from}→{to} term {term}: {}", of_body(&message.body));
    let mut value = json!({
        "from": from, "to": to, "term": term, "kind": message.body.kind(), "says": says,
    });
    match &message.body {
        Body::PreVoteReply { granted } | Body::VoteReply { granted } => {
            value["granted"] = json!(granted);
        }
        Body::Append { entries, .. } => value["log"] = json!(stretch(entries)),
        Body::AppendAccepted { matched: last } | Body::HeartbeatReply { last, .. } => {
            value["upto"] = json!(last);
        }
        _ => {}
    }
    value
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
    let [a, b, c, d] = match &message.body {
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
        Body::Heartbeat { commit, round } => [8, commit.index, *round, commit.term],
        Body::HeartbeatReply { round, last, .. } => [9, *round, *last, 0],
        Body::ReadIndex { id } => [10, *id, 0, 0],
        Body::ReadIndexReply { id, index } => [11, *id, *index, 0],
        Body::TimeoutNow => [12, 0, 0, 0],
        Body::Recover { id, last } => [13, *id, *last, 0],
        Body::RecoverReply { id, last } => [14, *id, *last, 0],
    };
    vec![from.0, to.0, *term, a, b, c, d]
}
