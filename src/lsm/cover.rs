//! Which range tombstones cover the keys that a reader comes by.

use std::{ops::Range, sync::Arc};

use super::{
    entry::Seq,
    error::Result,
    tombstones::{RangeTombstones, Stretch},
    version::{LEVELS, Version},
};

/// The range tombstones of all places that a reader looks at, as one.
///
/// A reader goes from key to neighbouring key, forwards or backwards, and most neighbours are
/// covered alike: what was found for one is kept for the whole stretch around it. Tables are asked
/// only when a key comes by that lies within their bounds, and those without range tombstones never.
pub(super) struct Cover {
    memory: Vec<Arc<RangeTombstones>>,
    /// Keeps the tables open and their files in place.
    version: Arc<Version>,
    runs: Vec<Run>,
    /// Where the last key lay.
    stretch: Option<Stretch>,
}

/// Tables with range tombstones that do not overlap each other.
struct Run {
    level: usize,
    /// Their places among those of the level that have range tombstones.
    tables: Range<usize>,
    /// The one that was asked last, by its place, and what it has.
    asked: Option<(usize, Arc<RangeTombstones>)>,
}

impl Cover {
    /// The cover of what some memtables have, and of the tables of a version.
    pub(super) fn new(memory: Vec<Arc<RangeTombstones>>, version: Arc<Version>) -> Self {
        let runs = runs(&version);
        Cover {
            memory,
            version,
            runs,
            stretch: None,
        }
    }

    /// The largest number of at most `at` that covers `key`.
    pub(super) async fn newest(&mut self, key: &[u8], at: Seq) -> Result<Option<Seq>> {
        if self.is_bare() {
            return Ok(None);
        }
        Ok(self.stretch(key).await?.newest(at))
    }

    /// The smallest number above `seq` that covers `key`.
    pub(super) async fn oldest_above(&mut self, key: &[u8], seq: Seq) -> Result<Option<Seq>> {
        if self.is_bare() {
            return Ok(None);
        }
        Ok(self.stretch(key).await?.oldest_above(seq))
    }

    /// Whether there are no range tombstones anywhere.
    fn is_bare(&self) -> bool {
        self.memory.is_empty() && self.runs.is_empty()
    }

    /// A stretch around `key`.
    async fn stretch(&mut self, key: &[u8]) -> Result<&Stretch> {
        let known = self.stretch.take();
        let stretch = match known.filter(|stretch| stretch.contains(key)) {
            Some(stretch) => stretch,
            None => Box::pin(self.find(key)).await?,
        };
        Ok(self.stretch.insert(stretch))
    }

    async fn find(&mut self, key: &[u8]) -> Result<Stretch> {
        let mut stretch = Stretch::bare();
        for set in &self.memory {
            stretch.meet(set.stretch(key));
        }
        for run in &mut self.runs {
            run.narrow(&self.version, key, &mut stretch).await?;
        }
        Ok(stretch)
    }
}

impl Run {
    /// Narrows a stretch around `key` to where these tables say the same throughout.
    async fn narrow(&mut self, version: &Version, key: &[u8], stretch: &mut Stretch) -> Result<()> {
        let tables = &version.tombstoned(self.level)[self.tables.clone()];
        let place = tables.partition_point(|table| table.info().properties.ends_before(key));
        let next = tables.get(place).map(|table| table.info());
        let Some(info) = next.filter(|info| &info.properties.smallest[..] <= key) else {
            let previous = place.checked_sub(1).map(|place| tables[place].info());
            stretch.meet(Stretch {
                start: previous.map_or_else(Default::default, |info| info.properties.end.clone()),
                end: next.map(|info| info.properties.smallest.clone()),
                seqs: Vec::new(),
            });
            return Ok(());
        };
        stretch.meet(Stretch {
            start: info.properties.smallest.clone(),
            end: Some(info.properties.end.clone()),
            seqs: Vec::new(),
        });
        let set = match self.asked.take().filter(|(asked, _)| *asked == place) {
            Some((_, set)) => set,
            None => tables[place].tombstones().await?,
        };
        stretch.meet(set.stretch(key));
        self.asked = Some((place, set));
        Ok(())
    }
}

/// Each table of level 0 for itself, and those of each level below together.
fn runs(version: &Version) -> Vec<Run> {
    let run = |level, tables| Run {
        level,
        tables,
        asked: None,
    };
    let count = |level| version.tombstoned(level).len();
    let level0 = (0..count(0)).map(|table| run(0, table..table + 1));
    let below = (1..LEVELS).map(|level| run(level, 0..count(level)));
    let below = below.filter(|run| !run.tables.is_empty());
    level0.chain(below).collect()
}
