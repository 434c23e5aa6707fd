//! One client of a load.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;

use super::Load;
use crate::{
    client::{Client, ClientError},
    history::{Call, Outcome, Seen},
    rng::Rng,
};

/// A client with its own randomness and what it last saw.
pub(super) struct LoadClient {
    load: Arc<Load>,
    client: Client,
    /// Its number, the process of the history.
    number: u64,
    rng: Rng,
    /// Values written so far, which makes each one different.
    written: u64,
    /// What it last knew each key to hold, so that compare-and-sets succeed now and then.
    known: BTreeMap<Bytes, Bytes>,
}

impl LoadClient {
    pub fn new(load: Arc<Load>, client: Client, number: u64, rng: Rng) -> LoadClient {
        LoadClient {
            load,
            client,
            number,
            rng,
            written: 0,
            known: BTreeMap::new(),
        }
    }

    /// Works until the load is over.
    pub async fn run(mut self) {
        while !self.load.over.load(Ordering::Relaxed) {
            self.operate().await;
            self.load.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn operate(&mut self) {
        let call = self.draw();
        let load = self.load.clone();
        let began_us = load.clock.now_us();
        let op = load.recorder.as_ref().map(|recorder| {
            (
                recorder,
                recorder.invoke(self.number, began_us, call.clone()),
            )
        });
        let result = self.ask(&call).await;
        let now_us = load.clock.now_us();
        if let Some((recorder, op)) = op {
            match &result {
                Ok(outcome) => recorder.ok(self.number, op, now_us, outcome.clone()),
                Err(error @ ClientError::Unknown { .. }) => {
                    recorder.unknown(self.number, op, now_us, error.to_string());
                }
                Err(error) => recorder.fail(self.number, op, now_us, error.to_string()),
            }
        }
        match result {
            Ok(outcome) => {
                self.learn(&call, &outcome);
                let is_read = matches!(call, Call::Get { .. });
                load.tally.lock().answer(is_read, now_us - began_us);
            }
            Err(error) => load.tally.lock().error(error),
        }
    }

    fn draw(&mut self) -> Call {
        let args = &self.load.args;
        let key = self.rng.below(args.keys);
        let key = Bytes::from(format!("{}{key}", self.load.prefix));
        if self.rng.chance(args.reads) {
            return Call::Get { key };
        }
        let kind = self.rng.unit();
        if kind < args.deletes {
            return Call::Delete { key };
        }
        let compares = kind < args.deletes + args.compares;
        let value = self.value();
        match compares {
            true => Call::CompareAndSet {
                expected: self.known.get(&key).cloned(),
                new: value,
                key,
            },
            false => Call::Put { key, value },
        }
    }

    /// A value that no client of this load writes a second time.
    fn value(&mut self) -> Bytes {
        self.written += 1;
        let mut value = format!("{}.{}.", self.number, self.written).into_bytes();
        let length = (self.load.args.value_bytes as usize).max(value.len());
        // Not all alike, lest a store that compresses has an easy time.
        while value.len() < length {
            let letter = b'a' + (self.rng.below(26) as u8);
            value.push(letter);
        }
        value.into()
    }

    async fn ask(&mut self, call: &Call) -> Result<Outcome, ClientError> {
        let client = &mut self.client;
        Ok(match call.clone() {
            Call::Put { key, value } => Outcome::Put {
                revision: Some(client.put(key, value).await?.revision),
            },
            Call::Get { key } => {
                let got = client.get(key, false).await?;
                Outcome::Get {
                    seen: got.kv.map(|kv| Seen {
                        mod_revision: u64::try_from(kv.mod_revision).ok(),
                        value: kv.value,
                    }),
                    revision: Some(got.revision),
                }
            }
            Call::Delete { key } => {
                let deleted = client.delete(key).await?;
                Outcome::Delete {
                    deleted: deleted.deleted > 0,
                    revision: Some(deleted.revision),
                }
            }
            Call::CompareAndSet { key, expected, new } => {
                let compared = client.compare_and_set(key, expected, new).await?;
                Outcome::CompareAndSet {
                    succeeded: compared.succeeded,
                    revision: Some(compared.revision),
                }
            }
        })
    }

    /// Remembers what a key holds, for a later compare-and-set.
    fn learn(&mut self, call: &Call, outcome: &Outcome) {
        if self.load.args.compares == 0.0 {
            return;
        }
        let now = match (call, outcome) {
            (Call::Put { value, .. }, _) => Some(value),
            (
                Call::CompareAndSet { new, .. },
                Outcome::CompareAndSet {
                    succeeded: true, ..
                },
            ) => Some(new),
            (_, Outcome::Get { seen, .. }) => seen.as_ref().map(|seen| &seen.value),
            _ => None,
        };
        let key = call.key().clone();
        match now {
            Some(value) => self.known.insert(key, value.clone()),
            None => self.known.remove(&key),
        };
    }
}
