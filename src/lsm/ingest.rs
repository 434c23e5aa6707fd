//! Replacing everything by versions that come in order from elsewhere.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    commit::Change,
    entry::{Entry, SEQ_MAX, Seq, order},
    error::{LsmError, Result},
    outputs::Outputs,
    shared::Shared,
    version::LEVELS,
};

/// New contents in the making. The database goes on as it is until [`Self::finish`]; dropped
/// before that, nothing has happened.
pub struct Ingest {
    shared: Arc<Shared>,
    outputs: Outputs,
    last: Option<(Vec<u8>, Seq)>,
    count: u64,
}

impl Ingest {
    /// New contents without any version yet.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let files = Arc::clone(&shared.files);
        let table_bytes = files.options().table_bytes;
        Ingest {
            shared,
            outputs: Outputs::new(files, LEVELS - 1, table_bytes),
            last: None,
            count: 0,
        }
    }

    /// Adds a version; no value is a tombstone. They come in the order of
    /// [`Snapshot::entries`](super::Snapshot::entries), else [`LsmError::Unordered`]. After an
    /// error the ingestion is of no more use.
    pub async fn add(&mut self, key: &[u8], seq: Seq, value: Option<&[u8]>) -> Result<()> {
        self.check_order(key, seq)?;
        self.outputs.add(Entry { key, seq, value }).await?;
        self.count += 1;
        let last = self.last.get_or_insert_default();
        last.0.clear();
        last.0.extend_from_slice(key);
        last.1 = seq;
        Ok(())
    }

    /// Replaces everything in the database, and its note, by what was added: durably and at once.
    /// The owner must not write before this has returned. If it fails, either may be found at the
    /// next opening.
    pub async fn finish(self, note: Bytes) -> Result<()> {
        let tables = self.outputs.finish().await?;
        let last_level = |table| (LEVELS - 1, table);
        let change = Change::Ingest {
            added: tables.into_iter().map(last_level).collect(),
            note,
        };
        let done = self.shared.commit(change).await?;
        assert!(done, "nothing comes before an ingestion");
        Ok(())
    }

    fn check_order(&self, key: &[u8], seq: Seq) -> Result<()> {
        let error = |what| LsmError::Unordered {
            number: self.count,
            what,
        };
        if seq > SEQ_MAX {
            return Err(error("a version number that is too large"));
        }
        let is_behind = |last: &(Vec<u8>, Seq)| order((&last.0, last.1), (key, seq)).is_lt();
        match self.last.as_ref().is_none_or(is_behind) {
            true => Ok(()),
            false => Err(error("a version that does not follow the one before")),
        }
    }
}
