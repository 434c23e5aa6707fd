//! Commands and messages in words.

use bytes::Bytes;
use sisyphus::{
    machine::{Command, KeyRange, Op, RangeEnd, Txn},
    raft::{Body, Entry, HardState},
    types::{LogPosition, NodeId, RequestId},
};

/// How much of a key or value is shown.
const BYTES_SHOWN_MAX: usize = 24;

/// A request, short: the end of the session's id, and the request's number in it.
pub fn name_of_request(request: RequestId) -> String {
    let RequestId { client, sequence } = request;
    format!("{:04x}#{sequence}", client & 0xffff)
}

/// An entry's content, as what it will do.
pub(super) fn of_data(data: &Bytes) -> (String, Option<String>) {
    if data.is_empty() {
        return ("nothing, an election's first entry".to_owned(), None);
    }
    match Command::decode(data.clone()) {
        Ok(command) => (of_txn(&command.txn), command.request.map(name_of_request)),
        Err(_) => (format!("{} bytes", data.len()), None),
    }
}

fn of_txn(txn: &Txn) -> String {
    let ops = |ops: &[Op]| ops.iter().map(of_op).collect::<Vec<_>>().join(", ");
    let condition = txn.compares.iter().map(|compare| {
        let key = shown(&compare.key);
        format!("{key} {:?} {:?}", compare.relation, compare.target)
    });
    let condition = condition.collect::<Vec<_>>().join(" and ");
    match condition.is_empty() {
        true => ops(&txn.success),
        false => format!("if {condition} then {}", ops(&txn.success)),
    }
}

fn of_op(op: &Op) -> String {
    match op {
        Op::Put { key, value, .. } => format!("put {} = {}", shown(key), shown(value)),
        Op::Delete { keys, .. } => format!("delete {}", of_keys(keys)),
        Op::Range(query) => format!("read {}", of_keys(&query.keys)),
    }
}

fn of_keys(keys: &KeyRange) -> String {
    let start = shown(&keys.start);
    match &keys.end {
        RangeEnd::Single => start,
        RangeEnd::Before(end) => format!("{start}..{}", shown(end)),
        RangeEnd::Unbounded => format!("{start}.."),
    }
}

/// Bytes for the eye, without padding and not too many.
fn shown(bytes: &Bytes) -> String {
    let text = bytes.escape_ascii().to_string();
    let short = text.trim_end_matches('.');
    match short.char_indices().nth(BYTES_SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &short[..end]),
        None => short.to_owned(),
    }
}

/// The kind of a message, in a word.
pub(super) fn kind(body: &Body) -> &'static str {
    match body {
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
        Body::Heartbeat { commit, round } => format!("heartbeat {round} commit {commit}"),
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
pub(super) fn of_state(state: HardState) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_as_what_they_do() {
        let put = Op::Put {
            key: "k".into(),
            value: "1.7.......".into(),
            want_previous: false,
        };
        let txn = Txn {
            success: vec![put],
            ..Txn::default()
        };
        let request = Some(RequestId {
            client: 0xabcd_1234,
            sequence: 9,
        });
        let command = Command {
            request,
            proposed_ms: 0,
            txn,
        };
        let (says, name) = of_data(&command.encode());
        assert_eq!(says, "put k = 1.7");
        assert_eq!(name.as_deref(), Some("1234#9"));
        assert_eq!(of_data(&Bytes::from_static(b"\xff")).0, "1 bytes");
    }
}
