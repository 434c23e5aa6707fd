//! The dumb twin: the whole store copied at every revision, sessions in a list.

use std::collections::BTreeMap;

use super::*;

type Store = BTreeMap<Bytes, KeyValue>;

pub(super) struct Model {
    bounds: Bounds,
    /// The store at revision 1, 2, …
    history: Vec<Store>,
    /// Client, sequence and outcome; the one used longest ago comes first.
    sessions: Vec<(u64, u64, Outcome)>,
}

impl Model {
    pub fn new() -> Self {
        Model {
            bounds: Bounds::test_min(),
            history: vec![Store::new()],
            sessions: Vec::new(),
        }
    }

    pub fn revision(&self) -> Revision {
        self.history.len() as u64
    }

    pub fn apply(&mut self, command: &Command) -> Outcome {
        let Some(request) = command.request else {
            return self.txn(&command.txn);
        };
        let known = self
            .sessions
            .iter()
            .position(|(client, ..)| *client == request.client);
        let Some(known) = known else {
            if request.sequence != 1 {
                return Err(Refusal::SessionExpired(request));
            }
            let outcome = self.txn(&command.txn);
            return self.remember(request, outcome);
        };
        let session = self.sessions.remove(known);
        if request.sequence > session.1 {
            let outcome = self.txn(&command.txn);
            return self.remember(request, outcome);
        }
        self.sessions.push(session.clone());
        if request.sequence == session.1 {
            session.2
        } else {
            Err(Refusal::StaleRequest(request))
        }
    }

    fn remember(&mut self, request: RequestId, outcome: Outcome) -> Outcome {
        let revision = self.revision();
        let kept = match encode_outcome(&outcome).len() {
            0..=48 => outcome.clone(),
            _ => Err(Refusal::ReplyNotKept { request, revision }),
        };
        self.sessions.push((request.client, request.sequence, kept));
        if self.sessions.len() > self.bounds.sessions_max {
            drop(self.sessions.remove(0));
        }
        outcome
    }

    fn txn(&mut self, txn: &Txn) -> Outcome {
        for ops in [&txn.success, &txn.failure] {
            unique(ops)?;
        }
        let before = self.history.last().expect("a first revision").clone();
        let succeeded = txn.compares.iter().all(|compare| holds(compare, &before));
        let mut run = Run {
            model: self,
            store: before,
            written: Vec::new(),
            reply_bytes: 0,
        };
        let ops = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let results = ops
            .iter()
            .map(|op| run.op(op))
            .collect::<Result<Vec<_>, _>>()?;
        let Run { store, written, .. } = run;
        if !written.is_empty() {
            self.history.push(store);
        }
        Ok(Reply {
            revision: self.revision(),
            succeeded,
            results,
        })
    }

    pub fn page(&self, query: &Query) -> Result<Page, Refusal> {
        let latest = self.revision();
        match query.revision {
            0 => Ok(self.page_of(self.history.last().expect("a first revision"), query)),
            asked if asked <= latest => Ok(self.page_of(&self.history[asked as usize - 1], query)),
            asked => Err(Refusal::BadRevision {
                asked,
                floor: 1,
                latest,
            }),
        }
    }

    fn page_of(&self, store: &Store, query: &Query) -> Page {
        let hits: Vec<_> = store
            .values()
            .filter(|kv| contains(&query.keys, &kv.key))
            .collect();
        let mut page = Page {
            count: hits.len() as u64,
            ..Page::default()
        };
        let mut bytes = 0;
        for hit in hits.iter().filter(|_| !query.count_only) {
            let mut kv = (*hit).clone();
            if query.keys_only {
                kv.value = Bytes::new();
            }
            bytes += size(&kv);
            let full = page.kvs.len() as u64 == self.bounds.page_keys_max
                || query.limit != 0 && page.kvs.len() as u64 == query.limit
                || bytes > self.bounds.page_bytes_max && !page.kvs.is_empty();
            if full {
                page.more = true;
                break;
            }
            page.kvs.push(kv);
        }
        page
    }
}

struct Run<'a> {
    model: &'a Model,
    store: Store,
    written: Vec<Bytes>,
    reply_bytes: usize,
}

impl Run<'_> {
    fn op(&mut self, op: &Op) -> Result<OpResult, Refusal> {
        match op {
            Op::Put {
                key,
                value,
                want_previous,
            } => {
                self.written(key)?;
                let revision = self.model.revision() + 1;
                let previous = self.store.get(key).cloned();
                let kv = KeyValue {
                    key: key.clone(),
                    create_revision: previous.as_ref().map_or(revision, |kv| kv.create_revision),
                    mod_revision: revision,
                    version: previous.as_ref().map_or(0, |kv| kv.version) + 1,
                    value: value.clone(),
                };
                self.store.insert(key.clone(), kv);
                let previous = previous.filter(|_| *want_previous);
                previous.iter().try_for_each(|kv| self.answered(kv))?;
                Ok(OpResult::Put(previous))
            }
            Op::Delete {
                keys,
                want_previous,
            } => {
                let hits: Vec<_> = self.store.values().cloned().collect();
                let hits: Vec<_> = hits
                    .into_iter()
                    .filter(|kv| contains(keys, &kv.key))
                    .collect();
                for kv in &hits {
                    self.written(&kv.key)?;
                    self.store.remove(&kv.key);
                    if *want_previous {
                        self.answered(kv)?;
                    }
                }
                Ok(OpResult::Delete {
                    deleted: hits.len() as u64,
                    previous: if *want_previous { hits } else { Vec::new() },
                })
            }
            Op::Range(query) => {
                let page = match query.revision {
                    0 => self.model.page_of(&self.store, query),
                    _ => self.model.page(query)?,
                };
                page.kvs.iter().try_for_each(|kv| self.answered(kv))?;
                Ok(OpResult::Range(page))
            }
        }
    }

    fn written(&mut self, key: &Bytes) -> Result<(), Refusal> {
        let keys_max = self.model.bounds.changes_max;
        if self.written.len() == keys_max {
            return Err(Refusal::TooManyChanges {
                keys_max: keys_max as u64,
            });
        }
        self.written.push(key.clone());
        Ok(())
    }

    fn answered(&mut self, kv: &KeyValue) -> Result<(), Refusal> {
        self.reply_bytes += size(kv);
        let bytes_max = self.model.bounds.reply_bytes_max;
        if self.reply_bytes > bytes_max {
            return Err(Refusal::ReplyTooLarge {
                bytes_max: bytes_max as u64,
            });
        }
        Ok(())
    }
}

fn size(kv: &KeyValue) -> usize {
    40 + kv.key.len() + kv.value.len()
}

fn contains(keys: &KeyRange, key: &Bytes) -> bool {
    match &keys.end {
        RangeEnd::Single => *key == keys.start,
        RangeEnd::Before(end) => *key >= keys.start && key < end,
        RangeEnd::Unbounded => *key >= keys.start,
    }
}

fn unique(ops: &[Op]) -> Result<(), Refusal> {
    let mut puts: Vec<&Bytes> = Vec::new();
    for op in ops {
        if let Op::Put { key, .. } = op {
            if puts.contains(&key) {
                return Err(Refusal::DuplicateKey(key.clone()));
            }
            puts.push(key);
        }
    }
    puts.sort();
    for op in ops {
        if let Op::Delete { keys, .. } = op
            && let Some(key) = puts.iter().find(|key| contains(keys, key))
        {
            return Err(Refusal::DuplicateKey((*key).clone()));
        }
    }
    Ok(())
}

fn holds(compare: &Compare, store: &Store) -> bool {
    let kv = store.get(&compare.key);
    let related = |less: bool, greater: bool| match compare.relation {
        Relation::Equal => !less && !greater,
        Relation::NotEqual => less || greater,
        Relation::Less => less,
        Relation::Greater => greater,
    };
    let (left, right) = match &compare.target {
        Target::Version(right) => (kv.map_or(0, |kv| kv.version), right),
        Target::CreateRevision(right) => (kv.map_or(0, |kv| kv.create_revision), right),
        Target::ModRevision(right) => (kv.map_or(0, |kv| kv.mod_revision), right),
        Target::Value(right) => {
            return kv.is_some_and(|kv| related(kv.value < right, kv.value > right));
        }
    };
    related(left < *right, left > *right)
}
