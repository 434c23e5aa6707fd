//! The lanes of clients: what each asked, whom, and what it heard.

use std::collections::BTreeMap;

use serde::Serialize;
use sisyphus::history::{Call, Event, OpId, Outcome, What};

use super::line::{Line, short};
use crate::trace::Source;

/// Operations that do not stand in the history (scans, transactions, reads that may be old) are numbered
/// from here on.
const UNNUMBERED: OpId = 1 << 40;

/// How an operation ended, for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum End {
    /// Done.
    Ok,
    /// Certainly not done.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// One way to a server and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Attempt {
    /// Which server.
    pub node: u64,
    /// Under which identity, if the request has one.
    pub request: String,
    /// When it left, in microseconds.
    pub from: u64,
    /// When the client knew what became of it; none if it never did.
    pub to: Option<u64>,
    /// What it heard.
    pub heard: String,
}

/// One operation of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Op {
    /// Its number in the history; one of ours, if it does not stand there.
    pub op: OpId,
    /// Whose it is.
    pub client: u64,
    /// Which of its client's operations it is, as scripts of plans count; 0 if the trace does not tell.
    pub operation: u64,
    /// When it began, in microseconds.
    pub from: u64,
    /// When it ended; none if the run ended first.
    pub to: Option<u64>,
    /// How it ended.
    pub end: End,
    /// What was asked.
    pub call: String,
    /// What was answered.
    pub answer: String,
    /// Its key, if the history tells.
    pub key: String,
    /// Whether it writes.
    pub writes: bool,
    /// Whether its answer may be older than what was known when it was asked.
    pub may_be_old: bool,
    /// The store's revision in its answer.
    pub revision: Option<u64>,
    /// Whether it made that revision.
    pub made: bool,
    /// Whom it asked.
    pub tries: Vec<Attempt>,
    /// A moment at which it may have taken effect, such that all answers make sense.
    pub point: Option<u64>,
    /// No order explains its answer.
    pub illegal: bool,
}

/// All operations of a run: from the lines, and those that only the history knows of.
pub(super) fn operations(lines: &[Line], history: &[Event]) -> Vec<Op> {
    let mut ops: BTreeMap<OpId, Op> = BTreeMap::new();
    let mut open: BTreeMap<u64, OpId> = BTreeMap::new();
    for line in lines {
        if let Source::Client(client) = line.who {
            told(&mut ops, &mut open, client, line);
        }
    }
    history.iter().for_each(|event| saw(&mut ops, event));
    ops.into_values().collect()
}

fn told(ops: &mut BTreeMap<OpId, Op>, open: &mut BTreeMap<u64, OpId>, client: u64, line: &Line) {
    if line.what == "asks" {
        let op = line.number("op").unwrap_or(UNNUMBERED + ops.len() as u64);
        open.insert(client, op);
        let mut begun = begun(op, client, line.us, line.says());
        begun.operation = line.number("operation").unwrap_or(0);
        begun.writes = line.flag("writes").unwrap_or(begun.writes);
        begun.may_be_old = line.flag("may_be_old").unwrap_or(false);
        ops.insert(op, begun);
        return;
    }
    let Some(op) = open.get(&client).and_then(|op| ops.get_mut(op)) else {
        return;
    };
    let node = line.number("node").unwrap_or(0);
    match line.what.as_str() {
        "sends" => op.tries.push(Attempt {
            node,
            request: line.text("request").to_owned(),
            from: line.us,
            to: None,
            heard: String::new(),
        }),
        "hears" => {
            if let Some(attempt) = op.tries.last_mut() {
                (attempt.to, attempt.heard) = (Some(line.us), line.says());
            }
        }
        "done" => {
            op.conclude(line.us, End::Ok, line.says());
            op.revision = line.number("revision");
            op.made = line.flag("made").unwrap_or(false);
        }
        "not-done" => op.conclude(line.us, End::Failed, line.says()),
        "unknown" => op.conclude(line.us, End::Unknown, line.says()),
        _ => {}
    }
}

/// Adds what only the history knows: keys, and the questions of the end.
fn saw(ops: &mut BTreeMap<OpId, Op>, event: &Event) {
    let Event {
        process,
        op,
        time_us,
        what,
    } = event;
    if let What::Invoke(call) = what {
        let fresh = || begun(*op, *process, *time_us, short(&call.to_string()));
        let op = ops.entry(*op).or_insert_with(fresh);
        op.key = call.key().escape_ascii().to_string();
        op.writes = !matches!(call, Call::Get { .. });
        return;
    }
    let Some(op) = ops.get_mut(op) else {
        return;
    };
    if let What::Ok(outcome) = what
        && op.revision.is_none()
    {
        (op.revision, op.made) = (outcome.revision(), has_changed(outcome));
    }
    if op.to.is_some() {
        return;
    }
    match what {
        What::Ok(outcome) => op.conclude(*time_us, End::Ok, short(&outcome.to_string())),
        What::Fail(why) => op.conclude(*time_us, End::Failed, why.clone()),
        What::Unknown(why) => op.conclude(*time_us, End::Unknown, why.clone()),
        What::Invoke(_) => {}
    }
}

/// Whether the call behind it changed something.
fn has_changed(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Put { .. } => true,
        Outcome::Get { .. } => false,
        Outcome::Delete { deleted, .. } => *deleted,
        Outcome::CompareAndSet { succeeded, .. } => *succeeded,
    }
}

fn begun(op: OpId, client: u64, from: u64, call: String) -> Op {
    Op {
        op,
        client,
        operation: 0,
        from,
        to: None,
        end: End::Unknown,
        writes: !call.starts_with("get"),
        call,
        answer: "no answer".to_owned(),
        key: String::new(),
        may_be_old: false,
        revision: None,
        made: false,
        tries: Vec::new(),
        point: None,
        illegal: false,
    }
}

impl Op {
    fn conclude(&mut self, us: u64, end: End, answer: String) {
        (self.to, self.end, self.answer) = (Some(us), end, answer);
    }

    /// Operation, client and answer in a sentence.
    pub fn says(&self) -> String {
        format!("c{} · {} · {}", self.client, self.call, self.answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(us: u64, what: &str, detail: serde_json::Value) -> Line {
        crate::report::line::told(us, Source::Client(3), what, detail)
    }

    #[test]
    fn an_operation_is_put_together_from_what_its_client_said() {
        let lines = [
            line(1, "asks", json!({"op": 7, "says": "put \"k\" \"v\""})),
            line(2, "sends", json!({"node": 1, "says": "to n1"})),
            line(9, "hears", json!({"node": 1, "says": "from n1: unknown"})),
            line(20, "sends", json!({"node": 2, "says": "to n2"})),
            line(25, "hears", json!({"node": 2, "says": "from n2: done"})),
            line(26, "done", json!({"op": 7, "says": "done at revision 4"})),
            line(30, "asks", json!({"op": 8, "says": "get \"k\""})),
        ];
        let ops = operations(&lines, &[]);
        assert_eq!((ops[0].from, ops[0].to, ops[0].end), (1, Some(26), End::Ok));
        let tries: Vec<_> = ops[0].tries.iter().map(|way| (way.node, way.to)).collect();
        assert_eq!(tries, [(1, Some(9)), (2, Some(25))]);
        assert_eq!(
            (ops[1].to, ops[1].end, ops[1].writes),
            (None, End::Unknown, false)
        );
    }

    #[test]
    fn operations_that_do_not_stand_in_the_history_are_told_apart() {
        let lines = [
            line(
                1,
                "asks",
                json!({"op": null, "writes": false, "says": "scan k.."}),
            ),
            line(
                5,
                "done",
                json!({"op": null, "revision": 7, "made": false, "says": "[] at revision 7"}),
            ),
            line(
                6,
                "asks",
                json!({"op": null, "writes": true, "says": "put r0 = 1 if no r0"}),
            ),
            line(
                9,
                "done",
                json!({"op": null, "revision": 8, "made": true, "says": "done"}),
            ),
        ];
        let ops = operations(&lines, &[]);
        let told: Vec<_> = ops
            .iter()
            .map(|op| (op.writes, op.revision, op.made))
            .collect();
        assert_eq!(told, [(false, Some(7), false), (true, Some(8), true)]);
    }
}
