//! Long work on the runtime's threads, in short steps.
//!
//! Flushes and compactions are tasks like any other: the time they take is for merging, packing
//! and copying, the disk's page cache mostly answers at once, and so they would hold a thread of
//! the runtime until they are done. They give it back after every few tens of kilobytes, which
//! take a fraction of a millisecond. A thread of their own would not be seen by the simulation,
//! and could not be had without limits on their number anyway.

use crate::env::{Rate, task::yield_now};

/// After so many bytes others have their turn.
const TURN_BYTES: usize = 64 << 10;

/// Counts the bytes of work done and takes breaks.
pub(super) struct Pace<'a> {
    rate: Option<&'a Rate>,
    bytes: usize,
}

impl<'a> Pace<'a> {
    /// Takes breaks, and keeps to a rate if there is one.
    pub(super) fn new(rate: Option<&'a Rate>) -> Self {
        Pace { rate, bytes: 0 }
    }

    /// Counts work. True when it is time for a [turn](Self::turn) of others.
    pub(super) fn count(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.bytes >= TURN_BYTES
    }

    /// From now on keeps to no rate.
    pub(super) fn hurry(&mut self) {
        self.rate = None;
    }

    /// Lets others work, and waits if the rate says so.
    pub(super) async fn turn(&mut self) {
        if let Some(rate) = self.rate {
            rate.take(self.bytes as u64).await;
        }
        self.bytes = 0;
        yield_now().await;
    }
}
