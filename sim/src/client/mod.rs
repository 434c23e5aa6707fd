//! Clients: they ask, wait, doubt, ask again, and write down what they saw.
//!
//! A client has one operation under way at a time and sends it to a node of its choice, a new one
//! for every attempt. What it hears is one of three things, and it believes no more than that:
//! done; certainly not done; or nothing certain. A write may carry an identity (client, sequence),
//! with which it can be sent again after an uncertain end without being done twice; without
//! one it must stay uncertain. Answers may get lost on the way back.
//!
//! Values are unique, so that a read tells which write it saw. The keys are few, so that clients get
//! into each other's way.
//!
//! * [`choice`]: what to ask next, drawn from (seed, client, number of the operation).
//! * [`ask`]: how to ask it over gRPC, and what the answer means.

mod ask;
mod choice;

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sisyphus::{
    history::{Call, OpId, Outcome},
    types::{NodeId, RequestId},
};

pub(crate) use ask::{Asker, Trouble};
use choice::Chooser;
pub(crate) use choice::key;

use crate::{
    draw::{Stream, draw, fingerprint},
    trace::{Source, name_of_request as name},
    world::World,
};

/// The pause before an operation is sent again, in milliseconds.
const RETRY_MS: u64 = 20;

/// The identities of sessions.
const SESSION: Stream = Stream::new("session");

/// One client of the workload.
pub(crate) struct Client {
    world: Arc<World>,
    number: u64,
    asker: Asker,
    chooser: Chooser,
    /// The session's id and the number of its latest request; none if the client has no identity.
    session: Option<RequestId>,
    /// How many sessions it has begun.
    sessions: u64,
}

impl Client {
    pub fn new(world: Arc<World>, number: u64) -> Self {
        let chooser = Chooser::new(&world.plan, world.seed.clone(), number);
        let mut client = Client {
            asker: Asker::new(&world.plan),
            chooser,
            session: None,
            sessions: 0,
            world,
            number,
        };
        if client.chooser.has_identity() {
            client.begin_session();
        }
        client
    }

    /// Asks until the plan's operations are done, or its time is over.
    pub async fn run(mut self) {
        for (operation, at_ms) in self.world.plan.agenda(self.number) {
            let pause = match at_ms {
                Some(ms) => Duration::from_micros((ms * 1_000).saturating_sub(self.world.now_us())),
                None => Duration::from_millis(self.chooser.think(operation)),
            };
            tokio::time::sleep(pause).await;
            if self.is_over() {
                return;
            }
            self.world.begin(self.number, operation);
            let call = self.chooser.call(operation);
            self.operation(operation, call).await;
        }
    }

    /// Asks so many times without a pause, unless the time is over.
    pub async fn run_through(mut self, operations: u64) {
        for operation in 1..=operations {
            if self.is_over() {
                return;
            }
            let call = self.chooser.call(operation);
            self.operation(operation, call).await;
        }
    }

    fn is_over(&self) -> bool {
        let is_late = self.world.now_us() / 1_000 >= self.world.plan.safety_ms;
        is_late || self.world.is_over()
    }

    /// One operation, from the first attempt to what the client believes in the end.
    async fn operation(&mut self, operation: u64, call: Call) {
        let now = self.world.now_us();
        let op = self.world.recorder.invoke(self.number, now, call.clone());
        let detail = || json!({ "op": op, "says": call.to_string() });
        self.note("asks", fingerprint(call.key()), detail);
        let result = self.attempts(operation, &call).await;
        if let Ok(outcome) = &result {
            self.chooser.learn(&call, outcome);
        }
        self.conclude(op, &call, result);
    }

    async fn attempts(&mut self, operation: u64, call: &Call) -> Result<Outcome, Trouble> {
        let is_read = matches!(call, Call::Get { .. });
        let request = match is_read {
            true => None,
            false => self.next_request(),
        };
        let mut in_doubt = None;
        for attempt in 0..=self.world.plan.workload.retries {
            let (node, is_lost) = self.chooser.attempt(operation, attempt);
            let node = self.world.stand_in(self.within_reach(node));
            self.note("sends", node.0, || sent(node, request));
            let asked = self.asker.ask(node, call, request).await;
            let result = match asked {
                Ok(_) if is_lost => Err(Trouble::Unknown("the answer was lost".to_owned())),
                asked => asked,
            };
            self.note("hears", node.0, || heard(node, &result));
            match result {
                Ok(outcome) => return Ok(outcome),
                Err(Trouble::Unknown(why)) => {
                    in_doubt = Some(why);
                    if request.is_none() && !is_read {
                        break;
                    }
                }
                // The session cannot tell any more what became of its request.
                Err(Trouble::Session(why)) => {
                    in_doubt = Some(why);
                    self.begin_session();
                    break;
                }
                Err(Trouble::NotDone(_)) => {}
            }
            tokio::time::sleep(Duration::from_millis(RETRY_MS)).await;
        }
        Err(match in_doubt {
            Some(why) if !is_read => Trouble::Unknown(why),
            _ => Trouble::NotDone("gave up".to_owned()),
        })
    }

    /// The node, or the client's home if a partition lies between them: who lives beside a node is
    /// cut off with it.
    fn within_reach(&self, node: NodeId) -> NodeId {
        let place = |node| self.world.stand_in(node);
        let is_cut_off = |home: &NodeId| self.world.net.is_cut(place(*home), place(node));
        self.chooser.home().filter(is_cut_off).unwrap_or(node)
    }

    fn conclude(&self, op: OpId, call: &Call, result: Result<Outcome, Trouble>) {
        let (recorder, number) = (&self.world.recorder, self.number);
        let now = self.world.now_us();
        let key = fingerprint(call.key());
        match result {
            Ok(outcome) => {
                self.note("done", key, || says(op, &outcome));
                recorder.ok(number, op, now, outcome);
            }
            Err(Trouble::NotDone(why)) => {
                self.note("not-done", key, || says(op, &why));
                recorder.fail(number, op, now, why);
            }
            Err(Trouble::Unknown(why) | Trouble::Session(why)) => {
                self.note("unknown", key, || says(op, &why));
                recorder.unknown(number, op, now, why);
            }
        }
    }

    fn begin_session(&mut self) {
        self.sessions += 1;
        let stream = SESSION.at(self.number);
        let client = draw(self.world.plan.seed, stream, self.sessions).next_u64();
        self.session = Some(RequestId {
            client,
            sequence: 0,
        });
    }

    fn next_request(&mut self) -> Option<RequestId> {
        let session = self.session.as_mut()?;
        session.sequence += 1;
        Some(*session)
    }

    fn note(&self, kind: &str, number: u64, detail: impl FnOnce() -> serde_json::Value) {
        let source = Source::Client(self.number);
        self.world.note(source, kind, &[number], detail);
    }
}

fn says(op: OpId, what: &impl ToString) -> serde_json::Value {
    json!({ "op": op, "says": what.to_string() })
}

fn sent(node: NodeId, request: Option<RequestId>) -> serde_json::Value {
    let says = match request {
        Some(request) => format!("to {node} as {}", name(request)),
        None => format!("to {node}"),
    };
    json!({ "node": node, "request": request.map(name), "says": says })
}

fn heard(node: NodeId, result: &Result<Outcome, Trouble>) -> serde_json::Value {
    let says = match result {
        Ok(outcome) => format!("from {node}: {outcome}"),
        Err(trouble) => format!("from {node}: {trouble}"),
    };
    json!({ "node": node, "says": says })
}
