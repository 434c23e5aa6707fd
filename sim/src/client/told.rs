//! What the trace is told of an operation, for people and for pictures.

use serde_json::{Value, json};
use sisyphus::{
    history::OpId,
    types::{NodeId, RequestId},
};

use super::{Trouble, call::outcome, part::Step};
use crate::{draw::fingerprint, oracle::asked::Answer, trace::name_of_request};

/// An operation begins; it has a number in the history if it stands there, and one of its client.
pub(super) fn begins(op: Option<OpId>, operation: u64, step: &Step) -> Value {
    json!({
        "op": op,
        "operation": operation,
        "writes": !step.asked.is_read(),
        "may_be_old": step.asked.may_be_old(),
        "says": words(step),
    })
}

/// It was answered, by an answer that shows the store at a revision, and perhaps made it.
pub(super) fn ends(op: Option<OpId>, step: &Step, answer: &Answer) -> Value {
    json!({
        "op": op,
        "revision": answer.revision(),
        "made": answer.made_revision(),
        "says": answered(step, answer),
    })
}

/// It was not, or not for certain.
pub(super) fn fails(op: Option<OpId>, trouble: &Trouble) -> Value {
    json!({ "op": op, "says": trouble.to_string() })
}

/// An attempt leaves, under an identity if it has one.
pub(super) fn sent(node: NodeId, request: Option<RequestId>) -> Value {
    let says = match request {
        Some(request) => format!("to {node} as {}", name_of_request(request)),
        None => format!("to {node}"),
    };
    json!({ "node": node, "request": request.map(name_of_request), "says": says })
}

/// What became of an attempt.
pub(super) fn heard(node: NodeId, step: &Step, result: &Result<Answer, Trouble>) -> Value {
    let says = match result {
        Ok(answer) => format!("from {node}: {}", answered(step, answer)),
        Err(trouble) => format!("from {node}: {trouble}"),
    };
    json!({ "node": node, "says": says })
}

/// A question in words.
fn words(step: &Step) -> String {
    match &step.call {
        Some(call) => call.to_string(),
        None => step.asked.to_string(),
    }
}

/// An answer in words.
fn answered(step: &Step, answer: &Answer) -> String {
    match &step.call {
        Some(call) => outcome(call, answer).to_string(),
        None => answer.to_string(),
    }
}

/// The number that stands for a question.
pub(super) fn number(step: &Step) -> u64 {
    match &step.call {
        Some(call) => fingerprint(call.key()),
        None => fingerprint(step.asked.key()),
    }
}
