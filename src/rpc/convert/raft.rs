//! The messages of the consensus protocol.

use bytes::Bytes;

use super::{ConvertError, Result, check, index_in, position_in, position_out};
use crate::{
    codec::{DecodeError, Decoder},
    raft::{Body, Entry, Membership, PRIORITY_MAX, Payload},
    rpc::proto::peer::{self, raft::Body as RaftBody},
    types::{LogPosition, Term},
};

pub(super) fn body_out(body: &Body) -> RaftBody {
    match *body {
        Body::PreVote { last } => RaftBody::PreVote(peer::PreVote {
            last: position_out(last),
        }),
        Body::PreVoteReply { granted } => RaftBody::PreVoteReply(peer::PreVoteReply { granted }),
        Body::Vote { last, called } => RaftBody::Vote(peer::Vote {
            last: position_out(last),
            called,
        }),
        Body::VoteReply { granted } => RaftBody::VoteReply(peer::VoteReply { granted }),
        Body::Append {
            prev,
            ref entries,
            commit,
        } => RaftBody::Append(peer::Append {
            prev: position_out(prev),
            entries: entries.iter().map(entry_out).collect(),
            commit,
        }),
        Body::AppendAccepted { matched } => {
            RaftBody::AppendAccepted(peer::AppendAccepted { matched })
        }
        Body::AppendRejected { prev, hint } => RaftBody::AppendRejected(peer::AppendRejected {
            prev,
            hint: position_out(hint),
        }),
        Body::Heartbeat { commit, round } => RaftBody::Heartbeat(peer::Heartbeat {
            commit: position_out(commit),
            round,
        }),
        Body::HeartbeatReply {
            round,
            last,
            priority,
            promise_us,
        } => RaftBody::HeartbeatReply(peer::HeartbeatReply {
            round,
            last,
            priority: priority.into(),
            promise_us,
        }),
        Body::TimeoutNow => RaftBody::TimeoutNow(peer::TimeoutNow {}),
        Body::Recover { id, last } => RaftBody::Recover(peer::Recover { id, last }),
        Body::RecoverReply { id, last } => RaftBody::RecoverReply(peer::RecoverReply { id, last }),
        Body::ReadIndex { id } => RaftBody::ReadIndex(peer::ReadIndex { id }),
        Body::ReadIndexReply { id, index } => {
            RaftBody::ReadIndexReply(peer::ReadIndexReply { id, index })
        }
    }
}

pub(super) fn body_in(term: Term, body: RaftBody) -> Result<Body> {
    Ok(match body {
        RaftBody::PreVote(ask) => Body::PreVote {
            last: position_in(term, ask.last, "pre_vote.last")?,
        },
        RaftBody::PreVoteReply(reply) => Body::PreVoteReply {
            granted: reply.granted,
        },
        RaftBody::Vote(ask) => Body::Vote {
            last: position_in(term, ask.last, "vote.last")?,
            called: ask.called,
        },
        RaftBody::VoteReply(reply) => Body::VoteReply {
            granted: reply.granted,
        },
        RaftBody::Append(append) => append_in(term, append)?,
        RaftBody::AppendAccepted(reply) => Body::AppendAccepted {
            matched: index_in(reply.matched, "append_accepted.matched")?,
        },
        RaftBody::AppendRejected(reply) => Body::AppendRejected {
            prev: index_in(reply.prev, "append_rejected.prev")?,
            hint: position_in(term, reply.hint, "append_rejected.hint")?,
        },
        RaftBody::Heartbeat(beat) => Body::Heartbeat {
            commit: position_in(term, beat.commit, "heartbeat.commit")?,
            round: beat.round,
        },
        RaftBody::HeartbeatReply(reply) => Body::HeartbeatReply {
            round: reply.round,
            last: index_in(reply.last, "heartbeat_reply.last")?,
            priority: priority_in(reply.priority)?,
            promise_us: reply.promise_us,
        },
        RaftBody::TimeoutNow(_) => Body::TimeoutNow,
        RaftBody::Recover(ask) => Body::Recover {
            id: ask.id,
            last: index_in(ask.last, "recover.last")?,
        },
        RaftBody::RecoverReply(reply) => Body::RecoverReply {
            id: reply.id,
            last: index_in(reply.last, "recover_reply.last")?,
        },
        RaftBody::ReadIndex(ask) => Body::ReadIndex { id: ask.id },
        RaftBody::ReadIndexReply(reply) => {
            check(reply.index != 0, "read_index_reply.index", "0")?;
            Body::ReadIndexReply {
                id: reply.id,
                index: index_in(reply.index, "read_index_reply.index")?,
            }
        }
    })
}

fn priority_in(priority: u32) -> Result<u8> {
    let known = u8::try_from(priority).ok().filter(|p| *p <= PRIORITY_MAX);
    known.ok_or(ConvertError::Field {
        field: "heartbeat_reply.priority",
        what: "beyond the highest",
    })
}

fn append_in(term: Term, append: peer::Append) -> Result<Body> {
    let prev = position_in(term, append.prev, "append.prev")?;
    let mut entries = Vec::with_capacity(append.entries.len());
    let mut at = prev;
    for entry in append.entries {
        let rising = at.term <= entry.term && entry.term <= term && entry.term != 0;
        check(rising, "append.entries.term", "out of order")?;
        at = LogPosition {
            term: entry.term,
            index: at.index + 1,
        };
        let payload = payload_in(entry)?;
        entries.push(Entry { at, payload });
    }
    Ok(Body::Append {
        prev,
        entries,
        commit: index_in(append.commit, "append.commit")?,
    })
}

/// An entry without a membership is a command, and an empty command is a no-op: so the common entry
/// costs no more than its bytes.
fn payload_in(entry: peer::Entry) -> Result<Payload> {
    if entry.membership.is_empty() {
        return Ok(Payload::of_command(entry.data));
    }
    let refused = |error: DecodeError| ConvertError::Field {
        field: "append.entries.membership",
        what: error.what,
    };
    let mut input = Decoder::new(entry.membership);
    let membership = Membership::decode(&mut input).map_err(refused)?;
    input.finish().map_err(refused)?;
    Ok(Payload::of_membership(membership, entry.data))
}

fn entry_out(entry: &Entry) -> peer::Entry {
    let (data, membership) = match &entry.payload {
        Payload::Noop => (Bytes::new(), Bytes::new()),
        Payload::Command(data) => (data.clone(), Bytes::new()),
        Payload::Membership(new) => {
            let mut members = Vec::new();
            new.membership.encode(&mut members);
            (new.context.clone(), members.into())
        }
    };
    peer::Entry {
        term: entry.at.term,
        data,
        membership,
    }
}
