//! Going on with logs that were damaged in their middle.
//!
//! What a shard voted and in which term must be known, else it may vote twice; what entries it held
//! need not be, as others hold those that matter, if only it says that some are missing
//! ([`Restored::damaged`]). Every batch of a shard begins with its term and vote, and every segment with
//! its head: so whatever was made durable after the damage repeats them, and the last repetition
//! behind the damage is what counts. Where there is none, nobody guesses, and the node must be
//! replaced.
//!
//! What is to stay is written into a new segment: a head that says that the log is damaged, and the
//! entries before the damage. Then, by a second sync, the record that makes everything older void;
//! then the older segments are removed. A crash before that record finds the same damage as before,
//! and a crash behind it the new segment.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    LogStore, LogStoreError,
    change::{self, Change, newest_beginning, that_count},
    replay::Replay,
    tail::{Head, Tail},
};
use crate::{
    env::Disk,
    raft::{Base, Entry, HardState, Restored},
    types::ShardId,
    wal::{Placed, Salvage, Wal, WalError, remove_before},
};

/// Entries that are written at a time.
const WRITTEN_ENTRIES: usize = 1024;

/// What there is to do about a log that is corrupt.
pub(super) enum Found {
    /// The damage was in segments that no longer counted, and they are gone: open the log again.
    Gone,
    /// What stands around the damage.
    Damage(Salvage),
}

/// What the records behind the damage say of a shard.
#[derive(Default)]
struct Witness {
    hard_state: Option<HardState>,
    base: Option<Base>,
}

/// What is to stay of a shard's log.
struct Rest {
    shard: ShardId,
    /// With nothing behind its base.
    head: Head,
    entries: Vec<Entry>,
}

/// Looks at a log that could not be opened.
pub(super) async fn find(disk: &dyn Disk, dir: &str) -> Result<Found, LogStoreError> {
    let read = Salvage::read(disk, dir).await;
    let what = "a whole segment cannot be read";
    let salvage = read.map_err(|error| refused(error, what))?;
    match newest_beginning(&salvage.behind) {
        Some(first) if first > salvage.segment => {
            remove_before(disk, dir, first).await?;
            Ok(Found::Gone)
        }
        _ => Ok(Found::Damage(salvage)),
    }
}

/// Begins the logs anew with what is left of them. Changes nothing if it is too little.
pub(super) async fn begin_anew(
    disk: Arc<dyn Disk>,
    dir: &str,
    segment_bytes: usize,
    mut salvage: Salvage,
) -> Result<(LogStore, BTreeMap<ShardId, Restored>), LogStoreError> {
    let rests = rests(dir, &mut salvage)?;
    let wal = Wal::open_behind(disk, dir, segment_bytes, &salvage).await?;
    let mut store = LogStore::new(wal, BTreeMap::new());
    for rest in &rests {
        store.put(rest).await?;
    }
    store.wal.commit().await?;
    // Only when all of that is durable may anything older be void.
    Change::Begin.append(&mut store.wal, ShardId(0));
    for rest in &rests {
        Change::HardState(rest.head.hard_state).append(&mut store.wal, rest.shard);
    }
    store.wal.commit().await?;
    store.wal.remove_before(store.wal.segment()).await?;
    let logs = rests.into_iter().map(|rest| (rest.shard, rest.restored()));
    Ok((store, logs.collect()))
}

/// What is to stay of each shard's log.
fn rests(dir: &str, salvage: &mut Salvage) -> Result<Vec<Rest>, LogStoreError> {
    let damage = salvage.damage.clone();
    let mut witnesses = witnesses(dir, &salvage.behind)?;
    let mut replay = Replay::new(dir);
    for placed in that_count(std::mem::take(&mut salvage.before)) {
        replay.record(placed)?;
    }
    let mut rests = Vec::new();
    for (shard, before, entries) in replay.intact() {
        let witness = witnesses.remove(&shard).unwrap_or_default();
        rests.push(witness.rest(&damage, shard, Some(before), entries)?);
    }
    for (shard, witness) in witnesses {
        rests.push(witness.rest(&damage, shard, None, Vec::new())?);
    }
    if rests.is_empty() {
        return Err(refused(damage, "nothing else is left of any log"));
    }
    Ok(rests)
}

fn witnesses(dir: &str, behind: &[Placed]) -> Result<BTreeMap<ShardId, Witness>, LogStoreError> {
    let mut witnesses: BTreeMap<ShardId, Witness> = BTreeMap::new();
    for placed in behind {
        let change = Change::decode(&placed.record)
            .map_err(|error| LogStoreError::corrupt(dir, placed, error.what))?;
        if change != Change::Begin {
            let witness = witnesses.entry(placed.record.shard).or_default();
            witness.hear(change);
        }
    }
    Ok(witnesses)
}

impl Witness {
    fn hear(&mut self, change: Change) {
        match change {
            Change::Head(head) => {
                self.hard_state = Some(head.hard_state);
                self.base = Some(head.base);
            }
            Change::HardState(hard_state) => self.hard_state = Some(hard_state),
            Change::Reset(base) | Change::Compact(base) => self.base = Some(base),
            Change::Entry(_) | Change::Healed | Change::Lost | Change::Begin | Change::Apart => {}
        }
    }

    /// What is to stay of a log of which this was found before the damage.
    fn rest(
        self,
        damage: &WalError,
        shard: ShardId,
        before: Option<Head>,
        entries: Vec<Entry>,
    ) -> Result<Rest, LogStoreError> {
        let lost = |what| refused(damage.clone(), what);
        let hard_state = self.hard_state;
        let hard_state = hard_state.ok_or_else(|| lost("the term and vote may be lost"))?;
        let earlier = before.as_ref().map_or(0, |head| head.hard_state.term);
        if hard_state.term < earlier {
            return Err(lost("the term behind it is older than the one before it"));
        }
        let base = before.map(|head| head.base).or(self.base);
        let base = base.ok_or_else(|| lost("the beginning of the log is lost"))?;
        let head = Head {
            hard_state,
            last: base.at,
            base,
            damaged: true,
        };
        Ok(Rest {
            shard,
            head,
            entries,
        })
    }
}

impl Rest {
    fn restored(self) -> Restored {
        let Head {
            hard_state, base, ..
        } = self.head;
        Restored {
            hard_state,
            applied: base.at.index,
            base,
            entries: self.entries,
            damaged: true,
        }
    }
}

impl LogStore {
    /// Writes what is to stay of a log; it is not durable yet.
    async fn put(&mut self, rest: &Rest) -> Result<(), LogStoreError> {
        let (shard, segment) = (rest.shard, self.wal.segment());
        Change::Head(rest.head.clone()).append(&mut self.wal, shard);
        let mut tail = Tail::from_head(rest.head.clone());
        for entries in rest.entries.chunks(WRITTEN_ENTRIES) {
            for entry in entries {
                let refusal = tail.put(entry.at, segment).err();
                assert_eq!(refusal, None, "{shard}: entry {}", entry.at);
                change::append_entry(&mut self.wal, shard, entry);
            }
            self.wal.write().await?;
        }
        self.shards.insert(shard, tail);
        Ok(())
    }
}

fn refused(damage: WalError, what: &'static str) -> LogStoreError {
    match damage {
        WalError::Corrupt { .. } => LogStoreError::Lost { damage, what },
        other => other.into(),
    }
}
