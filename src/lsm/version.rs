//! Which tables there are. A version never changes: an edit makes a new one, and readers keep the
//! one they began with.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;

use super::{
    compaction::Shape, entry::Seq, error::Result, garbage::LiveTable, memtable::Hit,
    table::TableInfo,
};

/// How many levels there are. Everything in a level is newer than what the levels below it have
/// of the same key.
pub(super) const LEVELS: usize = 7;

/// The tables by level.
#[derive(Clone, Default)]
pub(super) struct Version {
    /// Level 0 holds flushed memtables, the newest first, whose keys overlap. In each level below,
    /// the tables' ranges of keys do not overlap, and the tables stand in their order.
    levels: [Vec<Arc<LiveTable>>; LEVELS],
    /// Those with range tombstones, in the same order.
    tombstoned: [Vec<Arc<LiveTable>>; LEVELS],
}

impl Version {
    /// The tables of a level, in its order.
    pub(super) fn level(&self, level: usize) -> &[Arc<LiveTable>] {
        &self.levels[level]
    }

    /// The tables of a level that have range tombstones, in its order.
    pub(super) fn tombstoned(&self, level: usize) -> &[Arc<LiveTable>] {
        &self.tombstoned[level]
    }

    /// All tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Arc<LiveTable>> {
        self.levels.iter().flatten()
    }

    /// This version without the tables of `removed` and with those of `added`, each with its level.
    pub(super) fn edit(&self, removed: &[u64], added: &[(usize, Arc<LiveTable>)]) -> Version {
        let mut levels = self.levels.clone();
        for tables in &mut levels {
            tables.retain(|table| !removed.contains(&table.info().id));
        }
        for (level, table) in added {
            levels[*level].push(Arc::clone(table));
        }
        let version = Version {
            levels,
            ..Version::default()
        }
        .sorted();
        assert!(version.is_ordered(), "tables of one level do not overlap");
        version
    }

    /// The version with these tables, if they can be one.
    pub(super) fn of(tables: Vec<(usize, Arc<LiveTable>)>) -> Option<Version> {
        let mut version = Version::default();
        for (level, table) in tables {
            version.levels[level].push(table);
        }
        Some(version.sorted()).filter(Version::is_ordered)
    }

    /// The newest version of `key` at or below `at` in any table, unless its number is below
    /// `hidden_below`, or a range tombstone hides it.
    pub(super) async fn get(
        &self,
        key: &[u8],
        at: Seq,
        mut hidden_below: Seq,
    ) -> Result<Option<Hit>> {
        let level0 = self.levels[0].iter().filter(|table| covers(table, key));
        let below = self.levels[1..].iter().filter_map(|tables| {
            let place = tables.partition_point(|table| ends_before(table, key));
            tables.get(place).filter(|table| covers(table, key))
        });
        // From new to old: whoever has the key has its newest version, save those above `at`,
        // which the places before would have had as well.
        for table in level0.chain(below) {
            let properties = &table.info().properties;
            if properties.seq_max < hidden_below {
                continue;
            }
            if properties.range_tombstones > 0 {
                let covering = table.tombstones().await?.newest(key, at);
                hidden_below = hidden_below.max(covering.unwrap_or(0));
            }
            if let Some(hit) = table.get(key, at).await? {
                return Ok(Some(hit).filter(|(seq, _)| *seq >= hidden_below));
            }
        }
        Ok(None)
    }

    /// The tables of a run without those whose keys are all before `key`.
    pub(super) fn skip_before(&self, level: usize, run: Range<usize>, key: &[u8]) -> Range<usize> {
        let tables = &self.levels[level][run.clone()];
        let before = tables.partition_point(|table| ends_before(table, key));
        run.start + before..run.end
    }

    /// The tables of a run without those whose keys are all at or behind `key`.
    pub(super) fn skip_from(&self, level: usize, run: Range<usize>, key: &[u8]) -> Range<usize> {
        let tables = &self.levels[level][run.clone()];
        let before = tables.partition_point(|table| table.info().properties.smallest < key);
        run.start..run.start + before
    }

    /// A version of only these tables of this one.
    pub(super) fn only(&self, tables: &[(usize, Range<usize>)]) -> Version {
        let mut only = Version::default();
        for (level, tables) in tables {
            only.levels[*level].extend_from_slice(&self.levels[*level][tables.clone()]);
        }
        only.sorted()
    }

    /// Its tables as the choice of compactions sees them.
    pub(super) fn shape(&self) -> Shape<'_> {
        Shape::new(self.levels.each_ref().map(|tables| infos(tables)))
    }

    fn sorted(mut self) -> Version {
        let (level0, below) = self.levels.split_first_mut().expect("there is a level 0");
        // Ids are given in the order of flushes.
        level0.sort_by_key(|table| std::cmp::Reverse(table.info().id));
        for tables in below {
            tables.sort_by(|a, b| {
                a.info()
                    .properties
                    .smallest
                    .cmp(&b.info().properties.smallest)
            });
        }
        for (level, tables) in self.levels.iter().enumerate() {
            let has_some = |table: &&Arc<LiveTable>| table.info().properties.range_tombstones > 0;
            self.tombstoned[level] = tables.iter().filter(has_some).cloned().collect();
        }
        self
    }

    fn is_ordered(&self) -> bool {
        let disjoint = |pair: &[Arc<LiveTable>]| {
            pair[0].info().properties.end <= pair[1].info().properties.smallest
        };
        let mut below = self.levels[1..].iter();
        below.all(|tables| tables.windows(2).all(disjoint))
    }
}

fn infos(tables: &[Arc<LiveTable>]) -> Vec<&TableInfo> {
    tables.iter().map(|table| table.info()).collect()
}

/// Whether a key lies in the table's range.
fn covers(table: &LiveTable, key: &[u8]) -> bool {
    (&table.info().properties.smallest as &Bytes) <= key && !ends_before(table, key)
}

/// Whether a key lies behind the table's range.
fn ends_before(table: &LiveTable, key: &[u8]) -> bool {
    table.info().properties.ends_before(key)
}
