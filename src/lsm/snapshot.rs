//! Everything, as of one moment.

use std::ops::Bound;

use bytes::Bytes;

use super::{
    cover::Cover,
    entry::Seq,
    error::{LsmError, Result},
    merge::Merge,
    table::Caching,
    view::View,
};

/// The whole contents at the moment it was taken. It keeps what it needs, in memory and on disk,
/// for as long as it lives.
#[derive(Clone)]
pub struct Snapshot {
    view: View,
}

/// A version as it is handed out: its key, its number, and its value unless it is a tombstone.
pub type OwnedEntry = (Bytes, Seq, Option<Bytes>);

/// Goes through all versions of all keys, tombstones included: keys ascending, of one key the
/// newest first. A range tombstone appears as a tombstone in front of every value that it hides
/// and nothing newer hides already, which says the same to readers at every number.
pub struct Entries {
    view: View,
    reading: Option<Box<(Merge, Cover)>>,
    failure: Option<LsmError>,
    /// The version handed out last: older sources may have it too. At first the one to begin behind.
    last: Option<(Bytes, Seq)>,
}

impl Snapshot {
    /// The snapshot of a view that does not change.
    pub(super) fn new(view: View) -> Self {
        Snapshot { view }
    }

    /// A cursor before the first version.
    pub fn entries(&self) -> Entries {
        self.entries_from(None)
    }

    /// A cursor behind the version of this key and number, whether it is here or not.
    pub fn entries_behind(&self, key: Bytes, seq: Seq) -> Entries {
        self.entries_from(Some((key, seq)))
    }

    fn entries_from(&self, last: Option<(Bytes, Seq)>) -> Entries {
        Entries {
            view: self.view.clone(),
            reading: None,
            failure: None,
            last,
        }
    }
}

impl Entries {
    /// The next version; none at the end. After an error it fails again.
    pub async fn next(&mut self) -> Result<Option<OwnedEntry>> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let next = self.find_next().await;
        self.failure = next.as_ref().err().cloned();
        next
    }

    async fn find_next(&mut self) -> Result<Option<OwnedEntry>> {
        let (merge, cover) = match &mut self.reading {
            Some(reading) => &mut **reading,
            none => {
                let cover = self.view.cover();
                let start = self.last.as_ref().map(|(key, _)| &key[..]);
                let start = start.map_or(Bound::Unbounded, Bound::Included);
                let rest = self.view.merge(start, Bound::Unbounded, Caching::Pass);
                none.insert(Box::new((rest.await?, cover)))
            }
        };
        while let Some(entry) = merge.entry() {
            let newer = self.last.as_ref().filter(|(key, _)| key == entry.key);
            let newer = newer.map(|(_, seq)| *seq);
            if newer.is_some_and(|newer| newer <= entry.seq) {
                merge.advance().await?;
                continue;
            }
            let key = Bytes::copy_from_slice(entry.key);
            let hiding = match entry.value {
                Some(_) => cover.oldest_above(&key, entry.seq).await?,
                None => None,
            };
            let hiding = hiding.filter(|seq| newer.is_none_or(|newer| *seq < newer));
            let (seq, value) = match hiding {
                Some(seq) => (seq, None),
                None => (entry.seq, merge.value()),
            };
            self.last = Some((key.clone(), seq));
            return Ok(Some((key, seq, value)));
        }
        Ok(None)
    }
}
