//! XO, exactly once (Raft §8; thesis §6.3): what a client was told is done is in the history once, at the
//! revision that it was told and with that answer, however often it was sent; what it was told is not
//! done is not there at all; and nothing is there twice.
//!
//! The history is the [`Truth`]: the applied commands by the rules of sessions. That what the stores hold
//! is that history, AUD sees.

use std::collections::BTreeSet;

use bytes::Bytes;
use sisyphus::machine::{Op, Reply, Txn};
use sisyphus::types::RequestId;

use super::{Violation, asked::Answered, truth::Truth};
use crate::trace::{name_of_request, of_reply, of_txn};

/// Remembers what clients were told is not done.
#[derive(Debug, Default)]
pub struct Xo {
    numbered: BTreeSet<RequestId>,
    values: BTreeSet<Bytes>,
}

impl Xo {
    /// A client was told that `txn` is done, with this reply.
    pub fn done(
        truth: &Truth,
        answered: &Answered<'_>,
        txn: &Txn,
        reply: &Reply,
    ) -> Result<(), Violation> {
        let came_to = match expected(truth, answered.request, txn, reply) {
            Ok(expected) if expected == *reply => return Ok(()),
            Ok(expected) => format!("which came to `{}`", of_reply(&expected)),
            Err(what) => what,
        };
        let request = answered.request.map(name_of_request);
        let request = request.map_or(String::new(), |name| format!(" (request {name})"));
        Err(violation(format!(
            "{} answers `{}` to `{}`{request}, {came_to}",
            answered.node,
            of_reply(reply),
            of_txn(txn)
        )))
    }

    /// A client was told that `txn` is not done and never will be.
    pub fn not_done(&mut self, txn: &Txn, request: Option<RequestId>) {
        match request {
            Some(request) => drop(self.numbered.insert(request)),
            None => self.values.extend(values(txn).cloned()),
        }
    }

    /// The history is complete.
    pub fn end(&self, truth: &Truth) -> Result<(), Violation> {
        let is_there = |request: &&RequestId| matches!(truth.request(**request), Some(Some(_)));
        if let Some(request) = self.numbered.iter().find(is_there) {
            return Err(violation(format!(
                "request {} was called not done, and is",
                name_of_request(*request)
            )));
        }
        let written = |value: &&Bytes| truth.written(value).is_some();
        match self.values.iter().find(written) {
            Some(value) => Err(violation(format!(
                "\"{}\" was called not written, and is",
                value.escape_ascii()
            ))),
            None => Ok(()),
        }
    }
}

/// What the write came to in truth. One that carries no number is found by the revision that it claims to
/// have made; if that is not its own, it must have changed nothing there.
fn expected(
    truth: &Truth,
    request: Option<RequestId>,
    txn: &Txn,
    reply: &Reply,
) -> Result<Reply, String> {
    if let Some(request) = request {
        return match truth.request(request) {
            Some(Some(expected)) => Ok(expected.clone()),
            Some(None) => Err("which was refused".to_owned()),
            None => Err("which was never applied".to_owned()),
        };
    }
    let made = truth.change(reply.revision);
    if made.is_some_and(|change| change.is(txn, None, reply)) {
        return Ok(reply.clone());
    }
    let (changes, expected) = truth.evaluate(txn, reply.revision)?;
    match changes.is_empty() {
        true => Ok(expected),
        false => Err(format!("which did not make revision {}", reply.revision)),
    }
}

fn values(txn: &Txn) -> impl Iterator<Item = &Bytes> {
    let ops = txn.success.iter().chain(&txn.failure);
    ops.filter_map(|op| match op {
        Op::Put { value, .. } => Some(value),
        _ => None,
    })
}

fn violation(what: String) -> Violation {
    Violation::new("XO", what)
}

#[cfg(test)]
mod tests {
    use sisyphus::{machine::OpResult, types::NodeId};

    use super::*;
    use crate::oracle::{
        asked::{Answer, Asked, Stood},
        truth::tests::{all, put, request, truth},
    };

    fn told(truth: &Truth, request: Option<RequestId>, txn: Txn, reply: Reply) -> bool {
        let (asked, answer) = (Asked::Write(txn.clone()), Answer::Write(reply.clone()));
        let answered = Answered {
            asked: &asked,
            request,
            answer: &answer,
            node: NodeId(1),
            stood: Stood::default(),
            floor: 0,
        };
        Xo::done(truth, &answered, &txn, &reply).is_ok()
    }

    #[test]
    fn an_answer_that_is_not_what_it_came_to_is_seen() {
        let truth = truth(&[(None, put("k", "a")), (request(1), put("k", "b"))]);
        let reply = |revision| Reply {
            revision,
            succeeded: true,
            results: vec![OpResult::Put(None)],
        };
        assert!(told(&truth, None, put("k", "a"), reply(2)));
        assert!(!told(&truth, None, put("k", "a"), reply(3)), "another's");
        assert!(told(&truth, request(1), put("k", "b"), reply(3)));
        assert!(!told(&truth, request(1), put("k", "b"), reply(4)), "again");
        assert!(!told(&truth, request(2), put("k", "c"), reply(4)), "never");
    }

    #[test]
    fn two_who_ask_the_same_are_told_apart() {
        let mut delete = put("k", "a");
        delete.success = vec![Op::Delete {
            keys: all().keys,
            want_previous: false,
        }];
        let truth = truth(&[
            (None, put("k", "a")),
            (None, delete.clone()),
            (None, delete.clone()),
        ]);
        let reply = |deleted| Reply {
            revision: 3,
            succeeded: true,
            results: vec![OpResult::Delete {
                deleted,
                previous: Vec::new(),
            }],
        };
        assert!(told(&truth, None, delete.clone(), reply(1)), "the first");
        assert!(told(&truth, None, delete.clone(), reply(0)), "the second");
        assert!(!told(&truth, None, delete, reply(2)));
    }

    #[test]
    fn what_was_called_not_done_and_is_there_is_seen() {
        let truth = truth(&[(None, put("k", "a")), (request(1), put("k", "b"))]);
        let mut xo = Xo::default();
        xo.not_done(&put("k", "c"), None);
        xo.not_done(&put("k", "d"), request(2));
        assert_eq!(xo.end(&truth), Ok(()));
        xo.not_done(&put("k", "a"), None);
        assert!(xo.end(&truth).is_err());
        let mut xo = Xo::default();
        xo.not_done(&put("k", "b"), request(1));
        assert!(xo.end(&truth).is_err());
    }
}
