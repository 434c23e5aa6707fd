//! Removing the segments of the log that flushes have made needless.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

use super::note::Note;
use crate::{
    env::task::watch,
    wal::{Remover, SegmentId},
};

/// Removes segments from `first_kept` on, and raises it, whenever a note becomes durable. Beside
/// the writers: to remove a large file takes a while. What cannot be removed is removed by the next
/// opening.
pub(super) async fn run(
    remover: Remover,
    mut notes: watch::Receiver<Bytes>,
    first_kept: Arc<AtomicU64>,
) {
    while notes.changed().await.is_ok() {
        let note = Note::decode(&notes.borrow_and_update());
        let kept = note.expect("the notes are our own").segment;
        let oldest = SegmentId(first_kept.fetch_max(kept.0, Ordering::Relaxed));
        if let Err(error) = remover.remove(oldest, kept).await {
            tracing::warn!(%error, "a segment of the log stays until the next start");
        }
    }
}
