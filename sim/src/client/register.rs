//! Registers: single keys that everybody fights for. They are judged by the checker of histories, key by
//! key. Values are unique, so that a read tells which write it saw.

use std::collections::BTreeMap;

use bytes::Bytes;
use sisyphus::{
    history::{Call, Outcome},
    rng::Rng,
};

use super::{
    call::{asked, outcome},
    part::{Part, Step, Turn},
};
use crate::{
    oracle::{
        Violation,
        asked::{Answer, Asked, Freshness},
    },
    plan::Workload,
};

/// The registers, as one client sees them.
pub(super) struct Registers {
    workload: Workload,
    reads_only: bool,
    /// What the client has last seen of each key; what it expects when it swaps.
    seen: BTreeMap<Bytes, Option<Bytes>>,
}

impl Registers {
    /// The registers of `workload`, for a client that may be one that only reads.
    pub fn new(workload: &Workload, reads_only: bool) -> Self {
        Registers {
            workload: workload.clone(),
            reads_only,
            seen: BTreeMap::new(),
        }
    }

    fn call(&self, turn: &mut Turn) -> Call {
        let Workload {
            puts,
            gets,
            deletes,
            swaps,
            ..
        } = self.workload;
        let rng = &mut turn.rng;
        let kind = rng.below(puts + gets + deletes + swaps);
        let key = key(rng.below(self.workload.keys));
        let value = self.value(&turn.tag, rng);
        if self.reads_only {
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

    /// A value that nobody else writes: who wrote it and when, padded with dots.
    fn value(&self, tag: &str, rng: &mut Rng) -> Bytes {
        let length = rng.between(0, self.workload.value_bytes_max) as usize;
        let mut value = tag.to_owned();
        while value.len() < length {
            value.push('.');
        }
        value.into()
    }

    fn note(&mut self, call: &Call, outcome: &Outcome) {
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
}

impl Part for Registers {
    fn next(&mut self, turn: &mut Turn) -> Step {
        let call = self.call(turn);
        let mut asked = asked(&call);
        if let Asked::Read { freshness, .. } = &mut asked
            && turn.freshness != Freshness::Linearizable
        {
            *freshness = turn.freshness;
            return asked.into();
        }
        let call = Some(call);
        Step { asked, call }
    }

    fn learn(&mut self, step: &Step, answer: &Answer) -> Result<(), Violation> {
        if let Some(call) = &step.call {
            self.note(call, &outcome(call, answer));
        }
        Ok(())
    }
}

/// The key with this number.
pub(crate) fn key(number: u64) -> Bytes {
    format!("k{number}").into()
}
