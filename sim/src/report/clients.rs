//! The lanes of clients: what each asked, whom, what it heard, and the moment at which it may have
//! taken effect.

use std::collections::BTreeMap;

use serde::Serialize;
use sisyphus::{
    check::explain,
    history::{Call, Event, History, OpId, Operation, What},
};

use super::line::{Line, short};
use crate::trace::Source;

/// How many placements the search for an order may try for one key. Pictures are not verdicts.
const STEPS_MAX: u64 = 200_000;

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
    /// Its number in the history.
    pub op: OpId,
    /// Whose it is.
    pub client: u64,
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
        let op = line.number("op").unwrap_or(0);
        open.insert(client, op);
        ops.insert(op, begun(op, client, line.us, line.says()));
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
        "done" => op.conclude(line.us, End::Ok, line.says()),
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
    let Some(op) = ops.get_mut(op).filter(|op| op.to.is_none()) else {
        return;
    };
    match what {
        What::Ok(outcome) => op.conclude(*time_us, End::Ok, short(&outcome.to_string())),
        What::Fail(why) => op.conclude(*time_us, End::Failed, why.clone()),
        What::Unknown(why) => op.conclude(*time_us, End::Unknown, why.clone()),
        What::Invoke(_) => {}
    }
}

fn begun(op: OpId, client: u64, from: u64, call: String) -> Op {
    Op {
        op,
        client,
        from,
        to: None,
        end: End::Unknown,
        writes: !call.starts_with("get"),
        call,
        answer: "no answer".to_owned(),
        key: String::new(),
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

/// Gives operations the moments at which they may have taken effect: those of all keys whose
/// answers an order explains, and of `broken` those that the order before the contradiction holds.
pub(super) fn place(ops: &mut [Op], history: &History, broken: &[Operation]) {
    let mut orders: Vec<Vec<OpId>> = explain(history, STEPS_MAX).into_values().collect();
    orders.push(broken.iter().map(|operation| operation.id).collect());
    for order in orders {
        let mut now = 0;
        for id in order {
            if let Ok(at) = ops.binary_search_by_key(&id, |op| op.op) {
                now = now.max(ops[at].from);
                ops[at].point = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;
    use sisyphus::history::{Outcome, Recorder, Seen};

    use super::*;

    fn line(us: u64, what: &str, detail: serde_json::Value) -> Line {
        Line {
            us,
            who: Source::Client(3),
            what: what.to_owned(),
            detail,
        }
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
    fn points_lie_within_operations_and_in_an_order_that_explains_the_answers() {
        let recorder = Recorder::in_memory();
        let key = || Bytes::from("k");
        let put = |value: &str| Call::Put {
            key: key(),
            value: value.to_owned().into(),
        };
        // Both puts are under way when the read sees the first one, which is done last.
        let one = recorder.invoke(1, 10, put("a"));
        let two = recorder.invoke(2, 20, put("b"));
        recorder.ok(2, two, 30, Outcome::Put { revision: Some(2) });
        let get = recorder.invoke(3, 40, Call::Get { key: key() });
        let seen = Some(Seen {
            value: "a".into(),
            mod_revision: Some(3),
        });
        let revision = Some(3);
        recorder.ok(3, get, 50, Outcome::Get { seen, revision });
        recorder.ok(1, one, 60, Outcome::Put { revision });
        let events = recorder.events();
        let mut ops = operations(&[], &events);
        place(&mut ops, &recorder.history().unwrap(), &[]);
        let points: Vec<_> = ops.iter().map(|op| op.point.unwrap()).collect();
        assert!(points[two as usize] <= points[one as usize]);
        assert!(points[one as usize] <= points[get as usize]);
        for op in &ops {
            assert!(
                (op.from..=op.to.unwrap()).contains(&op.point.unwrap()),
                "{op:?}"
            );
        }
    }
}
