//! Everything, as of one moment.

use std::ops::Bound;

use bytes::Bytes;

use super::{
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
/// newest first.
pub struct Entries {
    view: View,
    merge: Option<Box<Merge>>,
    failure: Option<LsmError>,
    /// The version handed out last: older sources may have it too.
    last: Option<(Bytes, Seq)>,
}

impl Snapshot {
    /// The snapshot of a view that does not change.
    pub(super) fn new(view: View) -> Self {
        Snapshot { view }
    }

    /// A cursor before the first version.
    pub fn entries(&self) -> Entries {
        Entries {
            view: self.view.clone(),
            merge: None,
            failure: None,
            last: None,
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
        let merge = match &mut self.merge {
            Some(merge) => merge,
            none => {
                let all = (Bound::Unbounded, Bound::Unbounded);
                let all = self.view.merge(all.0, all.1, Caching::Pass);
                none.insert(Box::new(all.await?))
            }
        };
        while let Some(entry) = merge.entry() {
            let is_repeated = |(key, seq): &(Bytes, Seq)| key == entry.key && *seq == entry.seq;
            if self.last.as_ref().is_some_and(is_repeated) {
                merge.advance().await?;
                continue;
            }
            let (key, seq) = (Bytes::copy_from_slice(entry.key), entry.seq);
            self.last = Some((key.clone(), seq));
            return Ok(Some((key, seq, merge.value())));
        }
        Ok(None)
    }
}
