//! Background work that meets an error of the disk tries again.
//!
//! A full disk has room again one day, and an error may pass. So a flush or a compaction that fails
//! gives up its files, whatever was or was not synced of them, and begins anew with others; and the
//! committer goes on with a new manifest, since nothing may be appended behind bytes of which it is
//! not known whether they are on the disk. What is in memory stays there and can be read, and
//! writers wait once there is too much of it. For room the engine waits as long as it takes; of
//! other errors it takes a few in a row. Then, and at once if an error is not the disk's, it stops
//! for good.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{error::LsmError, shared::Shared};

/// So many times in a row one piece of work may fail for another reason than a full disk.
const FAILURES_MAX: u32 = 4;

/// The wait before another attempt doubles with each, up to so many times the first one.
const WAIT_FACTOR_MAX: u64 = 64;

/// Who does background work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worker {
    /// The one who changes what is on disk.
    Committer,
    /// The one who writes frozen memtables.
    Flusher,
    /// Those who merge tables. They take what one of them has given up, so they count together.
    Compactor,
}

/// What keeps workers from going on at the moment.
#[derive(Default)]
pub(super) struct Troubles(Mutex<BTreeMap<Worker, Trouble>>);

/// What keeps a worker from going on.
struct Trouble {
    /// How many attempts failed in a row.
    failures: u32,
    /// The last one's error.
    error: LsmError,
}

/// The attempts of one worker.
pub(super) struct Attempts {
    shared: Arc<Shared>,
    worker: Worker,
}

impl Troubles {
    /// One of them, if there is any.
    pub(super) fn any(&self) -> Option<LsmError> {
        let troubles = self.0.lock();
        troubles
            .values()
            .next()
            .map(|trouble| trouble.error.clone())
    }

    /// One more attempt failed. How many did in a row?
    fn add(&self, worker: Worker, error: LsmError) -> u32 {
        let mut troubles = self.0.lock();
        let failures = troubles.get(&worker).map_or(0, |trouble| trouble.failures);
        let failures = failures.saturating_add(1);
        troubles.insert(worker, Trouble { failures, error });
        failures
    }
}

impl Attempts {
    /// Nothing was attempted yet.
    pub(super) fn new(shared: &Arc<Shared>, worker: Worker) -> Self {
        Attempts {
            shared: Arc::clone(shared),
            worker,
        }
    }

    /// The work is done.
    pub(super) fn succeed(&self) {
        let ended = self.shared.troubles.0.lock().remove(&self.worker);
        if ended.is_some() {
            tracing::info!(worker = ?self.worker, "the storage engine goes on");
        }
    }

    /// The work failed: waits before it is tried again. False if there is no point in that; the
    /// engine has then stopped.
    pub(super) async fn fail(&self, error: LsmError) -> bool {
        let failures = self.shared.troubles.add(self.worker, error.clone());
        if !is_worth_waiting(&error, failures) {
            self.shared.fail(error.clone());
        }
        if self.shared.failure.get().is_some() {
            return false;
        }
        if failures == 1 {
            tracing::warn!(%error, worker = ?self.worker, "the storage engine tries again");
        }
        let counter = &self.shared.counters.retries;
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.shared.clock.sleep(self.wait(failures)).await;
        self.shared.failure.get().is_none()
    }

    fn wait(&self, failures: u32) -> Duration {
        let first_ms = self.shared.files.options().retry_ms;
        let factor = 1_u64.checked_shl(failures - 1).unwrap_or(u64::MAX);
        Duration::from_millis(first_ms.saturating_mul(factor.min(WAIT_FACTOR_MAX)))
    }
}

/// Whether work that failed for the `failures`th time in a row may succeed another time.
fn is_worth_waiting(error: &LsmError, failures: u32) -> bool {
    let LsmError::Disk(error) = error else {
        return false;
    };
    match error.kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => true,
        _ => failures < FAILURES_MAX,
    }
}
