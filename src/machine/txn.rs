//! Working out what a transaction comes to, without changing anything yet.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{
    Bounds, Compare, KeyRange, KeyValue, MachineError, Op, OpResult, Query, Refusal, Relation,
    Reply, Target, Txn,
    cursor::{Cursor, Overlay, within},
    mvcc::{decode_record, stored_key},
    page::{answer_bytes, collect},
    state::State,
};
use crate::{
    lsm::{Db, LsmError},
    types::Revision,
};

/// What a transaction comes to.
pub(super) struct Plan {
    /// The keys that change, all at the reply's revision. None: the revision stays as it was.
    pub changes: Overlay,
    /// The answer.
    pub reply: Reply,
}

/// Why there is no plan.
pub(super) enum Stop {
    /// It is refused: the outcome on every replica.
    Refused(Refusal),
    /// The store failed: there is no outcome.
    Failed(MachineError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<MachineError> for Stop {
    fn from(error: MachineError) -> Self {
        Stop::Failed(error)
    }
}

impl From<LsmError> for Stop {
    fn from(error: LsmError) -> Self {
        Stop::Failed(error.into())
    }
}

/// Works out what `txn` comes to on top of `state`.
pub(super) async fn plan(db: &Db, state: &State, bounds: &Bounds, txn: &Txn) -> Result<Plan, Stop> {
    written_once(&txn.success)?;
    written_once(&txn.failure)?;
    let mut run = Run {
        db,
        state,
        bounds,
        overlay: Overlay::new(),
        reply_bytes: 0,
    };
    let succeeded = run.all_hold(&txn.compares).await?;
    let ops = if succeeded {
        &txn.success
    } else {
        &txn.failure
    };
    let mut results = Vec::with_capacity(ops.len());
    for op in ops {
        results.push(run.op(op).await?);
    }
    let reply = Reply {
        revision: run.revision_after(),
        succeeded,
        results,
    };
    Ok(Plan {
        changes: run.overlay,
        reply,
    })
}

/// Refuses operations of which two may write one key, unless both delete it: a key has one version
/// at a revision. Whatever the keys' present state, so that a client's mistake shows at once.
fn written_once(ops: &[Op]) -> Result<(), Refusal> {
    if ops.len() < 2 {
        return Ok(());
    }
    let mut puts = BTreeSet::new();
    for op in ops {
        if let Op::Put { key, .. } = op
            && !puts.insert(key)
        {
            return Err(Refusal::DuplicateKey(key.clone()));
        }
    }
    for op in ops {
        if let Op::Delete { keys, .. } = op
            && let Some(range) = within(keys)
            && let Some(key) = puts.range::<Bytes, _>(range).next()
        {
            return Err(Refusal::DuplicateKey((*key).clone()));
        }
    }
    Ok(())
}

/// A transaction under way.
struct Run<'a> {
    db: &'a Db,
    state: &'a State,
    bounds: &'a Bounds,
    overlay: Overlay,
    /// What the results so far take in the answer.
    reply_bytes: usize,
}

impl Run<'_> {
    /// The revision at which this transaction writes, if it does.
    fn revision_next(&self) -> Revision {
        self.state.revision + 1
    }

    /// The store's revision if the transaction ended here.
    fn revision_after(&self) -> Revision {
        self.state.revision + u64::from(!self.overlay.is_empty())
    }

    /// The key as the last entry left it.
    async fn stored(&self, key: &Bytes) -> Result<Option<KeyValue>, Stop> {
        let found = self.db.get(&stored_key(key), self.state.revision).await?;
        let kv = found.map(|found| decode_record(key.clone(), found));
        Ok(kv.transpose()?)
    }

    async fn all_hold(&self, compares: &[Compare]) -> Result<bool, Stop> {
        for compare in compares {
            if !holds(compare, self.stored(&compare.key).await?.as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn op(&mut self, op: &Op) -> Result<OpResult, Stop> {
        match op {
            Op::Put {
                key,
                value,
                want_previous,
            } => self.put(key, value, *want_previous).await,
            Op::Delete {
                keys,
                want_previous,
            } => self.delete(keys, *want_previous).await,
            Op::Range(query) => self.range(query).await,
        }
    }

    async fn put(
        &mut self,
        key: &Bytes,
        value: &Bytes,
        want_previous: bool,
    ) -> Result<OpResult, Stop> {
        // What is stored is what is there: no operation before this one wrote the key.
        let previous = self.stored(key).await?;
        let revision = self.revision_next();
        let kv = KeyValue {
            key: key.clone(),
            create_revision: previous.as_ref().map_or(revision, |kv| kv.create_revision),
            mod_revision: revision,
            version: previous.as_ref().map_or(1, |kv| kv.version + 1),
            value: value.clone(),
        };
        self.change(key.clone(), Some(kv))?;
        let previous = previous.filter(|_| want_previous);
        previous.iter().try_for_each(|kv| self.answer(kv))?;
        Ok(OpResult::Put(previous))
    }

    async fn delete(&mut self, keys: &KeyRange, want_previous: bool) -> Result<OpResult, Stop> {
        let (mut deleted, mut previous) = (Vec::new(), Vec::new());
        let mut cursor = Cursor::open(self.db, &self.overlay, keys, self.state.revision).await?;
        let room = self.bounds.changes_max - self.overlay.len();
        let mut reply_bytes = self.reply_bytes;
        while let Some(hit) = cursor.next().await? {
            if deleted.len() == room {
                return Err(self.too_many().into());
            }
            if !want_previous {
                deleted.push(hit.into_key());
                continue;
            }
            let kv = hit.decode()?;
            reply_bytes += answer_bytes(&kv);
            self.fits(reply_bytes)?;
            deleted.push(kv.key.clone());
            previous.push(kv);
        }
        self.reply_bytes = reply_bytes;
        let count = deleted.len() as u64;
        self.overlay
            .extend(deleted.into_iter().map(|key| (key, None)));
        Ok(OpResult::Delete {
            deleted: count,
            previous,
        })
    }

    async fn range(&mut self, query: &Query) -> Result<OpResult, Stop> {
        let now = Overlay::new();
        let (overlay, at) = match query.revision {
            0 => (&self.overlay, self.state.revision),
            // A revision of the past does not know what is being written.
            asked => (
                &now,
                readable(asked, self.state.floor, self.state.revision)?,
            ),
        };
        let cursor = Cursor::open(self.db, overlay, &query.keys, at).await?;
        let page = collect(cursor, query, self.bounds).await?;
        page.kvs.iter().try_for_each(|kv| self.answer(kv))?;
        Ok(OpResult::Range(page))
    }

    fn change(&mut self, key: Bytes, to: Option<KeyValue>) -> Result<(), Refusal> {
        if self.overlay.len() == self.bounds.changes_max {
            return Err(self.too_many());
        }
        self.overlay.insert(key, to);
        Ok(())
    }

    fn too_many(&self) -> Refusal {
        Refusal::TooManyChanges {
            keys_max: self.bounds.changes_max as u64,
        }
    }

    /// Makes room for `kv` in the answer.
    fn answer(&mut self, kv: &KeyValue) -> Result<(), Refusal> {
        self.reply_bytes += answer_bytes(kv);
        self.fits(self.reply_bytes)
    }

    fn fits(&self, reply_bytes: usize) -> Result<(), Refusal> {
        let bytes_max = self.bounds.reply_bytes_max;
        if reply_bytes <= bytes_max {
            return Ok(());
        }
        Err(Refusal::ReplyTooLarge {
            bytes_max: bytes_max as u64,
        })
    }
}

/// The revision to read at for one that was `asked` for; 0 is the latest.
pub(super) fn readable(
    asked: Revision,
    floor: Revision,
    latest: Revision,
) -> Result<Revision, Refusal> {
    match asked {
        0 => Ok(latest),
        _ if (floor..=latest).contains(&asked) => Ok(asked),
        _ => Err(Refusal::BadRevision {
            asked,
            floor,
            latest,
        }),
    }
}

/// Whether the comparison holds of the key as it is stored.
fn holds(compare: &Compare, kv: Option<&KeyValue>) -> bool {
    let number = |of: fn(&KeyValue) -> u64| kv.map_or(0, of);
    let order = match &compare.target {
        Target::Version(version) => number(|kv| kv.version).cmp(version),
        Target::CreateRevision(revision) => number(|kv| kv.create_revision).cmp(revision),
        Target::ModRevision(revision) => number(|kv| kv.mod_revision).cmp(revision),
        Target::Value(value) => match kv {
            Some(kv) => kv.value.cmp(value),
            None => return false,
        },
    };
    match compare.relation {
        Relation::Equal => order.is_eq(),
        Relation::Greater => order.is_gt(),
        Relation::Less => order.is_lt(),
        Relation::NotEqual => order.is_ne(),
    }
}
