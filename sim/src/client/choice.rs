//! What a client wants next. All draws are keyed by the number of the operation: a client that got
//! stuck longer, or once less, asks the same questions.

use std::collections::BTreeMap;

use bytes::Bytes;
use sisyphus::{
    history::{Call, Outcome},
    rng::Rng,
    types::NodeId,
};

use crate::{
    draw::{Seed, Stream, draw},
    plan::{Plan, Workload},
};

const THINK: Stream = Stream::new("think");
const CALL: Stream = Stream::new("call");
const ATTEMPT: Stream = Stream::new("attempt");
const HABIT: Stream = Stream::new("habit");

/// Decides for one client.
pub(super) struct Chooser {
    seed: Seed,
    nodes: u64,
    workload: Workload,
    client: u64,
    /// What the client has last seen of each key; what it expects when it swaps.
    seen: BTreeMap<Bytes, Option<Bytes>>,
}

impl Chooser {
    pub fn new(plan: &Plan, seed: Seed, client: u64) -> Self {
        Chooser {
            seed,
            nodes: plan.nodes,
            workload: plan.workload.clone(),
            client,
            seen: BTreeMap::new(),
        }
    }

    /// Whether the client gives its writes an identity. Three of four do.
    pub fn has_identity(&self) -> bool {
        self.rng(HABIT, 0).chance(0.75)
    }

    /// Whether it only reads, as a share of them does: nothing holds up a client that never waits for a
    /// commit, so it is the first to notice a node that lives in the past.
    fn is_reader(&self) -> bool {
        self.rng(HABIT, 2).below(100) < self.workload.readers_percent
    }

    /// How long it waits before this operation, in milliseconds.
    pub fn think(&self, operation: u64) -> u64 {
        self.rng(THINK, operation)
            .between(0, self.workload.think_ms_max)
    }

    /// What it asks.
    pub fn call(&self, operation: u64) -> Call {
        let mut rng = self.rng(CALL, operation);
        let Workload {
            puts,
            gets,
            deletes,
            swaps,
            ..
        } = self.workload;
        let kind = rng.below(puts + gets + deletes + swaps);
        let key = key(rng.below(self.workload.keys));
        let value = self.value(operation, &mut rng);
        if self.is_reader() {
            Call::Get { key }
        } else if kind < puts {
            Call::Put { key, value }
        } else if kind < puts + gets {
            Call::Get { key }
        } else if kind < puts + gets + deletes {
            Call::Delete { key }
        } else {
            Call::CompareAndSet {
                expected: self.seen.get(&key).cloned().flatten(),
                key,
                new: value,
            }
        }
    }

    /// Whom this attempt of an operation goes to, and whether its answer gets lost. A client
    /// with a home mostly asks that first.
    pub fn attempt(&self, operation: u64, attempt: u64) -> (NodeId, bool) {
        let mut rng = draw(
            self.seed.get(),
            ATTEMPT.at(self.client).at(operation),
            attempt,
        );
        let mut node = NodeId(rng.between(1, self.nodes));
        let lost = rng.below(1_000_000) < u64::from(self.workload.lost_answer_ppm);
        if let Some(home) = self.home()
            && attempt == 0
            && rng.chance(0.8)
        {
            node = home;
        }
        (node, lost)
    }

    /// The node beside which the client lives, as half of them do.
    pub fn home(&self) -> Option<NodeId> {
        let mut rng = self.rng(HABIT, 1);
        let home = NodeId(rng.between(1, self.nodes));
        rng.chance(0.5).then_some(home)
    }

    /// Remembers what an answer told about a key.
    pub fn learn(&mut self, call: &Call, outcome: &Outcome) {
        let now = match (call, outcome) {
            (Call::Put { value, .. }, _) => Some(value.clone()),
            (
                Call::CompareAndSet { new, .. },
                Outcome::CompareAndSet {
                    succeeded: true, ..
                },
            ) => Some(new.clone()),
            (Call::Get { .. }, Outcome::Get { seen, .. }) => {
                seen.as_ref().map(|seen| seen.value.clone())
            }
            (Call::Delete { .. }, _) => None,
            _ => return,
        };
        self.seen.insert(call.key().clone(), now);
    }

    /// A value that nobody else writes: who wrote it and when, padded with dots.
    fn value(&self, operation: u64, rng: &mut Rng) -> Bytes {
        let mut value = format!("{}.{operation}", self.client);
        let length = rng.between(0, self.workload.value_bytes_max) as usize;
        while value.len() < length {
            value.push('.');
        }
        value.into()
    }

    fn rng(&self, stream: Stream, operation: u64) -> Rng {
        draw(self.seed.get(), stream.at(self.client), operation)
    }
}

/// The key with this number.
pub(crate) fn key(number: u64) -> Bytes {
    format!("k{number}").into()
}
