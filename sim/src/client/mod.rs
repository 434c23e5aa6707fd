//! Clients: they ask, wait, doubt, ask again, and write down what they saw.
//!
//! A client has one operation under way at a time and sends it to a node of its choice, a new one
//! for every attempt. What it hears is one of three things, and it believes no more than that:
//! done; certainly not done; or nothing certain. A write may carry an identity (client, sequence),
//! with which it can be sent again after an uncertain end without being done twice; without
//! one it must stay uncertain. Answers may get lost on the way back.
//!
//! What a client asks belongs to one of the parts of the workload ([`part`]), which have keys of their own
//! and things of their own that must always hold. Keys are few, so that clients get into each
//! other's way; no value is written twice, so that each tells which write it is.
//!
//! | part | what clients do | what holds besides the oracles of all answers |
//! |---|---|---|
//! | [`register`] | put, get, delete, compare-and-set | linearizable, key by key |
//! | [`scan`] | read many registers, some, their number, their past | |
//! | [`list`] | append by compare-and-set | what was appended is there once, in one order |
//! | [`ring`] | rotate three pointers in a transaction | one ring, once around |
//! | [`bank`] | move money in a transaction | one sum |
//! | [`bundle`] | do several things of all kinds in a transaction | |
//!
//! * [`choice`]: what to do next, drawn from (seed, client, number of the operation).
//! * [`ask`], [`wire`]: how to ask it in etcd's protocol, and what the answer means; [`way`]: how it gets there.
//! * [`told`]: what the trace is told of it.
//! * [`call`]: single keys in the words of the checker of histories; [`table`]: keys that belong together.

mod ask;
mod bank;
mod bundle;
mod call;
mod choice;
mod list;
mod part;
mod register;
mod ring;
mod scan;
mod table;
mod told;
mod way;
mod wire;

use std::{sync::Arc, time::Duration};

use sisyphus::{
    history::OpId,
    rng::Rng,
    types::{NodeId, RequestId, Revision},
};

pub(crate) use ask::{Asker, Trouble};
pub(crate) use call::{asked, outcome};
use choice::Chooser;
use part::Step;
pub(crate) use register::key;
use told::{begins, ends, fails, heard, number, sent};

use crate::{
    draw::{Stream, draw},
    oracle::asked::{Answer, Answered, Asked},
    trace::Source,
    world::{End, World},
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
            self.operation(operation).await;
        }
    }

    /// Asks so many times without a pause, unless the time is over.
    pub async fn run_through(mut self, operations: u64) {
        for operation in 1..=operations {
            if self.is_over() {
                return;
            }
            self.operation(operation).await;
        }
    }

    fn is_over(&self) -> bool {
        let is_late = self.world.now_us() / 1_000 >= self.world.plan.safety_ms;
        is_late || self.world.is_over()
    }

    /// One operation, from the first attempt to what the client believes in the end.
    async fn operation(&mut self, operation: u64) {
        let now = self.world.now_us();
        self.world.begin(self.number, operation);
        let (part, step) = self.chooser.step(operation);
        let op = (step.call.clone()).map(|call| self.world.recorder.invoke(self.number, now, call));
        self.note("asks", number(&step), || begins(op, operation, &step));
        let request = match step.asked.is_read() {
            true => None,
            false => self.next_request(),
        };
        let result = self.attempts(operation, &step, request).await;
        if let Ok(answer) = &result
            && let Err(violation) = self.chooser.learn(part, &step, answer)
            && !self.world.plan.beyond
        {
            self.world.accuse(violation);
        }
        self.conclude(op, &step, request, result);
    }

    async fn attempts(
        &mut self,
        operation: u64,
        step: &Step,
        request: Option<RequestId>,
    ) -> Result<Answer, Trouble> {
        let asked = &step.asked;
        let (is_read, floor) = (asked.is_read(), self.world.floor());
        let mut in_doubt = None;
        for attempt in 0..=self.world.plan.workload.retries {
            let (node, is_lost) = self.chooser.attempt(operation, attempt);
            let trip = self.chooser.trip(operation, attempt);
            let node = self.world.stand_in(self.within_reach(node));
            self.note("sends", node.0, || sent(node, request));
            let result = self
                .attempt(node, asked, request, floor, is_lost, trip)
                .await;
            self.note("hears", node.0, || heard(node, step, &result));
            match result {
                Ok(answer) => {
                    if attempt > 0 {
                        self.world.saw("a client was answered at a later attempt");
                    }
                    return Ok(answer);
                }
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

    /// Asks `node` once. An answer that does not get lost is shown to the oracles.
    async fn attempt(
        &self,
        node: NodeId,
        asked: &Asked,
        request: Option<RequestId>,
        floor: Revision,
        is_lost: bool,
        trip: Rng,
    ) -> Result<Answer, Trouble> {
        let (world, stood) = (&self.world, self.world.stood(node));
        let answer = self.asker.ask(world, node, asked, request, trip).await?;
        if is_lost {
            return Err(Trouble::Unknown("the answer was lost".to_owned()));
        }
        self.world.answered(&Answered {
            asked,
            request,
            answer: &answer,
            node,
            stood,
            floor,
        });
        Ok(answer)
    }

    /// The node, or the client's home if a partition lies between them: who lives beside a node is
    /// cut off with it.
    fn within_reach(&self, node: NodeId) -> NodeId {
        let place = |node| self.world.stand_in(node);
        let is_cut_off = |home: &NodeId| self.world.net.is_cut(place(*home), place(node));
        self.chooser.home().filter(is_cut_off).unwrap_or(node)
    }

    fn conclude(
        &self,
        op: Option<OpId>,
        step: &Step,
        request: Option<RequestId>,
        result: Result<Answer, Trouble>,
    ) {
        let (kind, end) = match &result {
            Ok(_) => ("done", End::Done),
            Err(Trouble::NotDone(_)) => ("not-done", End::NotDone),
            Err(Trouble::Unknown(_) | Trouble::Session(_)) => ("unknown", End::Unknown),
        };
        self.world.count(end);
        self.note(kind, number(step), || match &result {
            Ok(answer) => ends(op, step, answer),
            Err(trouble) => fails(op, trouble),
        });
        if let (Asked::Write(txn), Err(Trouble::NotDone(_))) = (&step.asked, &result) {
            self.world.not_done(txn, request);
        }
        if let (Some(op), Some(call)) = (op, &step.call) {
            let (recorder, number, now) = (&self.world.recorder, self.number, self.world.now_us());
            match result {
                Ok(answer) => recorder.ok(number, op, now, outcome(call, &answer)),
                Err(Trouble::NotDone(why)) => recorder.fail(number, op, now, why),
                Err(Trouble::Unknown(why) | Trouble::Session(why)) => {
                    recorder.unknown(number, op, now, why);
                }
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
