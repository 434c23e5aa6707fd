//! Histories of a store that is right, made by playing one.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    history::{Call, Event, OpId, Outcome, Recorder, Seen},
    rng::Rng,
    types::Revision,
};

/// What kind of history is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub processes: u64,
    pub keys: u64,
    pub operations: u64,
    /// How many operations in a thousand end without an answer.
    pub unknown_per_mille: u64,
    /// Whether replies carry revisions.
    pub revisions: bool,
    /// Values are drawn from so many; 0: every value is written once.
    pub values: u64,
}

#[derive(Clone)]
enum Client {
    Idle,
    Asked(OpId, Call),
    Applied(OpId, Outcome),
}

struct Play {
    shape: Shape,
    rng: Rng,
    recorder: Recorder,
    clients: Vec<Client>,
    /// Writes that nobody waits for, and that may still happen.
    ghosts: Vec<Call>,
    store: BTreeMap<Bytes, (Bytes, Revision)>,
    revision: Revision,
    asked: u64,
    now_us: u64,
}

/// The events of a right store with clients that race, time out, and leave writes behind.
pub(super) fn valid(shape: Shape, seed: u64) -> Vec<Event> {
    let mut play = Play {
        shape,
        rng: Rng::new(seed),
        recorder: Recorder::in_memory(),
        clients: vec![Client::Idle; shape.processes as usize],
        ghosts: Vec::new(),
        store: BTreeMap::new(),
        revision: 1,
        asked: 0,
        now_us: 0,
    };
    while play.asked < shape.operations {
        play.turn();
    }
    play.recorder.events()
}

impl Play {
    fn turn(&mut self) {
        self.now_us += self.rng.below(50);
        if !self.ghosts.is_empty() && self.rng.chance(0.05) {
            let at = self.rng.below(self.ghosts.len() as u64) as usize;
            let ghost = self.ghosts.swap_remove(at);
            self.apply(&ghost);
        }
        let process = self.rng.below(self.shape.processes);
        let client = std::mem::replace(&mut self.clients[process as usize], Client::Idle);
        self.clients[process as usize] = match client {
            Client::Idle => {
                self.asked += 1;
                let call = self.draw();
                let op = self.recorder.invoke(process, self.now_us, call.clone());
                Client::Asked(op, call)
            }
            Client::Asked(op, call) if self.gives_up() => {
                self.recorder.unknown(process, op, self.now_us, "gone");
                self.ghosts.push(call);
                Client::Idle
            }
            Client::Asked(op, call) => Client::Applied(op, self.apply(&call)),
            Client::Applied(op, _) if self.gives_up() => {
                self.recorder.unknown(process, op, self.now_us, "gone");
                Client::Idle
            }
            Client::Applied(op, outcome) => {
                self.recorder.ok(process, op, self.now_us, outcome);
                Client::Idle
            }
        };
    }

    fn gives_up(&mut self) -> bool {
        self.rng.below(1_000) < self.shape.unknown_per_mille
    }

    fn draw(&mut self) -> Call {
        let key = Bytes::from(format!("k{}", self.rng.below(self.shape.keys)));
        match self.rng.below(10) {
            0..4 => Call::Get { key },
            4..7 => Call::Put {
                value: self.value(),
                key,
            },
            7 => Call::Delete { key },
            _ => Call::CompareAndSet {
                expected: self.expected(&key),
                new: self.value(),
                key,
            },
        }
    }

    fn value(&mut self) -> Bytes {
        match self.shape.values {
            0 => Bytes::from(format!("v{}", self.asked)),
            values => Bytes::from(format!("v{}", self.rng.below(values))),
        }
    }

    /// Mostly what is there, so that comparisons hold now and then.
    fn expected(&mut self, key: &Bytes) -> Option<Bytes> {
        if self.rng.chance(0.2) {
            return Some(self.value());
        }
        self.store.get(key).map(|(value, _)| value.clone())
    }

    fn apply(&mut self, call: &Call) -> Outcome {
        let key = call.key().clone();
        let present = self.store.get(&key).cloned();
        match call {
            Call::Put { value, .. } => {
                self.store.insert(key, (value.clone(), self.revision + 1));
                let revision = self.advance(true);
                Outcome::Put { revision }
            }
            Call::Get { .. } => {
                let seen = present.map(|(value, revision)| Seen {
                    value,
                    mod_revision: self.shape.revisions.then_some(revision),
                });
                let revision = self.advance(false);
                Outcome::Get { seen, revision }
            }
            Call::Delete { .. } => {
                let deleted = self.store.remove(&key).is_some();
                let revision = self.advance(deleted);
                Outcome::Delete { deleted, revision }
            }
            Call::CompareAndSet { expected, new, .. } => {
                let succeeded = present.map(|(value, _)| value) == *expected;
                if succeeded {
                    self.store.insert(key, (new.clone(), self.revision + 1));
                }
                let revision = self.advance(succeeded);
                Outcome::CompareAndSet {
                    succeeded,
                    revision,
                }
            }
        }
    }

    fn advance(&mut self, changed: bool) -> Option<Revision> {
        self.revision += u64::from(changed);
        self.shape.revisions.then_some(self.revision)
    }
}
