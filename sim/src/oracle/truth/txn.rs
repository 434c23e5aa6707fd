//! What a transaction comes to.

use std::{cmp::Ordering, collections::BTreeMap};

use bytes::Bytes;
use sisyphus::{
    machine::{
        Compare, KeyRange, KeyValue, Op, OpResult, Page, Query, Relation, Reply, Target, Txn,
    },
    types::Revision,
};

use super::{Truth, is_inside, page_of};

/// What a transaction changes: keys with what they are afterwards.
pub type Changes = BTreeMap<Bytes, Option<KeyValue>>;

impl Truth {
    /// What `txn` changes and answers on top of the store as it was at `at`. Fails on what the
    /// workloads do not do.
    pub fn evaluate(&self, txn: &Txn, at: Revision) -> Result<(Changes, Reply), String> {
        let succeeded = txn.compares.iter().all(|compare| {
            let stored = self.get(&compare.key, at);
            holds(compare, stored)
        });
        let ops = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let mut changes = Changes::new();
        let mut results = Vec::with_capacity(ops.len());
        for op in ops {
            results.push(self.op(op, at, &mut changes)?);
        }
        let reply = Reply {
            revision: at + u64::from(!changes.is_empty()),
            succeeded,
            results,
        };
        Ok((changes, reply))
    }

    fn op(&self, op: &Op, at: Revision, changes: &mut Changes) -> Result<OpResult, String> {
        match op {
            Op::Put {
                key,
                value,
                want_previous: false,
            } if !changes.contains_key(key) => {
                let kv = self.successor(key, value, at);
                changes.insert(key.clone(), Some(kv));
                Ok(OpResult::Put(None))
            }
            Op::Delete {
                keys,
                want_previous: false,
            } => {
                let gone = self.stored(keys, at, changes);
                let deleted = gone.len() as u64;
                changes.extend(gone.into_keys().map(|key| (key, None)));
                Ok(OpResult::Delete {
                    deleted,
                    previous: Vec::new(),
                })
            }
            Op::Range(query) if query.revision == 0 => {
                Ok(OpResult::Range(self.read(query, at, changes)))
            }
            other => Err(format!("no workload does {other:?}")),
        }
    }

    fn successor(&self, key: &Bytes, value: &Bytes, at: Revision) -> KeyValue {
        let (revision, before) = (at + 1, self.get(key, at));
        KeyValue {
            key: key.clone(),
            create_revision: before.map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: before.map_or(1, |kv| kv.version + 1),
            value: value.clone(),
        }
    }

    fn read(&self, query: &Query, at: Revision, changes: &Changes) -> Page {
        page_of(query, self.stored(&query.keys, at, changes).values())
    }

    /// The keys of a range at `at`, with `changes` made.
    fn stored(
        &self,
        keys: &KeyRange,
        at: Revision,
        changes: &Changes,
    ) -> BTreeMap<Bytes, KeyValue> {
        let from = || keys.start.clone()..;
        let known = self.keys.range(from()).map(|(key, _)| key);
        let fresh = changes.range(from()).map(|(key, _)| key);
        let inside = |key: &&Bytes| is_inside(key, keys);
        let all = known.take_while(inside).chain(fresh.take_while(inside));
        let now = |key: &Bytes| match changes.get(key) {
            Some(changed) => changed.clone(),
            None => self.get(key, at).cloned(),
        };
        all.filter_map(|key| Some((key.clone(), now(key)?)))
            .collect()
    }
}

fn holds(compare: &Compare, stored: Option<&KeyValue>) -> bool {
    let number = |of: fn(&KeyValue) -> u64| stored.map_or(0, of);
    let order = match &compare.target {
        Target::Version(right) => number(|kv| kv.version).cmp(right),
        Target::CreateRevision(right) => number(|kv| kv.create_revision).cmp(right),
        Target::ModRevision(right) => number(|kv| kv.mod_revision).cmp(right),
        Target::Value(right) => match stored {
            Some(kv) => kv.value.cmp(right),
            None => return false,
        },
    };
    match compare.relation {
        Relation::Equal => order == Ordering::Equal,
        Relation::Greater => order == Ordering::Greater,
        Relation::Less => order == Ordering::Less,
        Relation::NotEqual => order != Ordering::Equal,
    }
}
