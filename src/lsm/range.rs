//! Reading keys in order, as they were at one version number.

use std::ops::Bound;

use bytes::Bytes;

use super::{
    cover::Cover,
    entry::Seq,
    error::{LsmError, Result},
    merge::Merge,
    table::Caching,
    view::{View, is_before, is_beyond},
};

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number of the version.
    pub seq: Seq,
    /// Its value. It may share the memory of a block of a table, of [`Options::block_bytes`] and
    /// more: whoever keeps small values for long should keep copies.
    ///
    /// [`Options::block_bytes`]: super::Options::block_bytes
    pub value: Bytes,
}

/// The keys within bounds, ascending or descending, each with its newest version at or below a
/// number. Sees what there was when it was made, whatever is written, flushed and compacted meanwhile.
pub struct Range {
    view: View,
    start: Bound<Vec<u8>>,
    end: Bound<Vec<u8>>,
    at: Seq,
    is_reversed: bool,
    progress: Progress,
    /// The last key that was decided on. Further versions of it are passed over.
    key: Vec<u8>,
    has_key: bool,
}

/// How far a range has come.
enum Progress {
    /// Nothing was read yet.
    Begun,
    /// On the way.
    Reading(Box<(Merge, Cover)>),
    /// A read failed, and so will all that follow.
    Failed(LsmError),
}

impl Range {
    /// The range of a view.
    pub(super) fn new(view: View, bounds: (Bound<&[u8]>, Bound<&[u8]>), at: Seq) -> Self {
        Range {
            view,
            start: bounds.0.map(<[u8]>::to_vec),
            end: bounds.1.map(<[u8]>::to_vec),
            at,
            is_reversed: false,
            progress: Progress::Begun,
            key: Vec::new(),
            has_key: false,
        }
    }

    /// The same keys the other way round, descending. Panics if some of them have been read.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        assert!(
            matches!(self.progress, Progress::Begun),
            "a range is turned round before it is read"
        );
        self.is_reversed = !self.is_reversed;
        self
    }

    /// The next key with what was found of it; none at the end. After an error it fails again.
    pub async fn next(&mut self) -> Result<Option<(Bytes, Found)>> {
        let begun = match self.progress {
            Progress::Begun => Box::pin(self.begin()).await,
            _ => Ok(()),
        };
        let next = match (begun, self.is_reversed) {
            (Err(error), _) => Err(error),
            (Ok(()), false) => self.find_next().await,
            (Ok(()), true) => self.find_previous().await,
        };
        if let Err(error) = &next {
            self.progress = Progress::Failed(error.clone());
        }
        next
    }

    /// Goes to the first key.
    async fn begin(&mut self) -> Result<()> {
        let start = self.start.as_ref().map(Vec::as_slice);
        let end = self.end.as_ref().map(Vec::as_slice);
        let cover = self.view.cover();
        let merge = match self.is_reversed {
            false => self.view.merge(start, end, Caching::Fill).await?,
            true => self.view.merge_back(start, end, Caching::Fill).await?,
        };
        self.progress = Progress::Reading(Box::new((merge, cover)));
        Ok(())
    }

    async fn find_next(&mut self) -> Result<Option<(Bytes, Found)>> {
        let end = self.end.as_ref().map(Vec::as_slice);
        let (merge, cover) = self.progress.reading()?;
        while let Some(entry) = merge.entry() {
            if is_beyond(end, entry.key) {
                return Ok(None);
            }
            let is_decided = self.has_key && self.key == entry.key;
            if !is_decided && entry.seq <= self.at {
                self.key.clear();
                self.key.extend_from_slice(entry.key);
                self.has_key = true;
                let seq = entry.seq;
                let covering = cover.newest(&self.key, self.at).await?;
                let value = merge.value();
                if let Some(value) = value.filter(|_| covering.is_none_or(|number| number <= seq)) {
                    let key = Bytes::copy_from_slice(&self.key);
                    return Ok(Some((key, Found { seq, value })));
                }
            }
            merge.advance().await?;
        }
        Ok(None)
    }

    /// As [`Self::find_next`], descending. Of a key the oldest version comes first: which one is the
    /// newest that can be seen is known only once the next key has come.
    async fn find_previous(&mut self) -> Result<Option<(Bytes, Found)>> {
        let start = self.start.as_ref().map(Vec::as_slice);
        let (merge, cover) = self.progress.reading()?;
        while let Some(entry) = merge.entry() {
            if is_before(start, entry.key) {
                return Ok(None);
            }
            self.key.clear();
            self.key.extend_from_slice(entry.key);
            let mut newest = None;
            while let Some(entry) = merge.entry().filter(|entry| entry.key == self.key) {
                if entry.seq <= self.at {
                    newest = Some((entry.seq, merge.value()));
                }
                merge.advance().await?;
            }
            let Some((seq, Some(value))) = newest else {
                continue;
            };
            let covering = cover.newest(&self.key, self.at).await?;
            if covering.is_none_or(|number| number <= seq) {
                let key = Bytes::copy_from_slice(&self.key);
                return Ok(Some((key, Found { seq, value })));
            }
        }
        Ok(None)
    }
}

impl Progress {
    /// What is read from, once the range has begun to; the failure if there was one.
    fn reading(&mut self) -> Result<&mut (Merge, Cover)> {
        match self {
            Progress::Reading(reading) => Ok(reading),
            Progress::Failed(error) => Err(error.clone()),
            Progress::Begun => unreachable!("the range has begun to read"),
        }
    }
}
