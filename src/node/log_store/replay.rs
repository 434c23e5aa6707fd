//! Records back to logs.

use std::collections::BTreeMap;

use super::{
    LogStoreError,
    change::Change,
    tail::{Head, Tail},
};
use crate::{
    raft::{Base, Entry, Restored},
    types::{Index, ShardId},
    wal::{Placed, SegmentId},
};

/// All shards, as far as the records were replayed.
pub(super) struct Replay {
    dir: String,
    shards: BTreeMap<ShardId, Log>,
}

/// One shard's log.
#[derive(Default)]
struct Log {
    tail: Tail,
    /// The index before the first of `entries`. It is beyond the base as long as the compaction was
    /// not replayed for which the segments with the entries between the two were removed.
    start: Index,
    /// Everything behind `start`.
    entries: Vec<Entry>,
    /// Where the shard's last record was found.
    place: Option<(SegmentId, u64)>,
}

impl Replay {
    /// Nothing yet, of the logs in `dir`.
    pub(super) fn new(dir: &str) -> Self {
        Replay {
            dir: dir.to_owned(),
            shards: BTreeMap::new(),
        }
    }

    /// Takes the next record.
    pub(super) fn record(&mut self, placed: Placed) -> Result<(), LogStoreError> {
        let (shard, segment) = (placed.record.shard, placed.segment);
        let change = Change::decode(&placed.record).map_err(|error| error.what);
        let result = change.and_then(|change| self.change(shard, segment, change));
        let place = (segment, placed.offset);
        result.map_err(|what| self.corrupt(shard, place, what))?;
        let log = self.shards.entry(shard).or_default();
        log.place = Some(place);
        Ok(())
    }

    /// The logs, once all records were taken.
    pub(super) fn finish(
        self,
    ) -> Result<impl Iterator<Item = (ShardId, Tail, Restored)>, LogStoreError> {
        for (shard, log) in &self.shards {
            if log.start > log.tail.base.at.index {
                let place = log.place.unwrap_or((SegmentId(0), 0));
                let what = "the segments before this one are needed, and are missing";
                return Err(self.corrupt(*shard, place, what));
            }
        }
        let logs = self.shards.into_iter();
        Ok(logs.map(|(shard, log)| {
            let restored = Restored {
                hard_state: log.tail.hard_state,
                base: log.tail.base.clone(),
                entries: log.entries,
                applied: log.tail.base.at.index,
                damaged: log.tail.damaged,
            };
            (shard, log.tail, restored)
        }))
    }

    /// The logs once the records before the damage were taken. Of a log whose first entries were
    /// removed, and the record with them that says so, nothing but the base is left.
    pub(super) fn intact(self) -> impl Iterator<Item = (ShardId, Head, Vec<Entry>)> {
        let logs = self.shards.into_iter();
        logs.map(|(shard, mut log)| {
            if log.start > log.tail.base.at.index {
                log.entries.clear();
            }
            (shard, log.tail.head(), log.entries)
        })
    }

    fn change(
        &mut self,
        shard: ShardId,
        segment: SegmentId,
        change: Change,
    ) -> Result<(), &'static str> {
        if let Change::Head(head) = &change
            && !self.shards.contains_key(&shard)
        {
            let base = head.base.at;
            let empty = base == head.last;
            let follows = base.index < head.last.index && base.term <= head.last.term;
            if !empty && !follows {
                return Err("a head whose last entry does not follow its base");
            }
            let log = Log {
                tail: Tail::from_head(head.clone()),
                start: head.last.index,
                ..Log::default()
            };
            self.shards.insert(shard, log);
        }
        let log = self.shards.entry(shard).or_default();
        match change {
            Change::Head(head) if head == log.tail.head() => Ok(()),
            Change::Head(_) => Err("the head of a shard does not continue its log"),
            Change::HardState(hard_state) => {
                log.tail.hard_state = hard_state;
                Ok(())
            }
            Change::Reset(base) => {
                log.reset(base);
                Ok(())
            }
            Change::Entry(entry) => log.put(entry, segment),
            Change::Compact(base) => log.compact(base),
            Change::Healed => {
                log.tail.damaged = false;
                Ok(())
            }
            Change::Lost => {
                log.tail.damaged = true;
                Ok(())
            }
            Change::Apart => Ok(()),
            Change::Begin => Err("a beginning that is none"),
        }
    }

    fn corrupt(
        &self,
        shard: ShardId,
        place: (SegmentId, u64),
        what: &'static str,
    ) -> LogStoreError {
        LogStoreError::Corrupt {
            shard,
            file: format!("{}/{}", self.dir, place.0),
            offset: place.1,
            what,
        }
    }
}

impl Log {
    fn reset(&mut self, base: Base) {
        self.start = base.at.index;
        self.entries.clear();
        self.tail.reset(base);
    }

    /// Puts an entry into its place; everything behind it is gone.
    fn put(&mut self, entry: Entry, segment: SegmentId) -> Result<(), &'static str> {
        self.tail.put(entry.at, segment)?;
        let before = entry.at.index - 1;
        self.entries
            .truncate(before.saturating_sub(self.start) as usize);
        self.start = self.start.min(before);
        let base = Some(self.tail.base.at).filter(|base| base.index == before);
        let previous = self.entries.last().map(|last| last.at).or(base);
        if previous.is_some_and(|previous| previous.term > entry.at.term) {
            return Err("an entry of an older term than the one before");
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Drops the entries up to `base`.
    fn compact(&mut self, base: Base) -> Result<(), &'static str> {
        let at = base.at;
        self.tail.compact(base)?;
        if at.index > self.start {
            let dropped = (at.index - self.start) as usize;
            if self.entries.get(dropped - 1).map(|entry| entry.at) != Some(at) {
                return Err("a compaction to an entry of another term");
            }
            self.entries.drain(..dropped);
            self.start = at.index;
        }
        Ok(())
    }
}
