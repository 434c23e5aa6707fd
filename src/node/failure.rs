//! The end of a node: a disk that failed, or state that cannot be understood.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::env::task::Notify;

/// Where the stages of a node report that it cannot go on. The first reason stays.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reason: Mutex<Option<String>>,
    changed: Notify,
}

impl Failure {
    /// Ends the node's service for `reason`.
    pub(super) fn report(&self, reason: String) {
        tracing::error!("{reason}; this node stops serving");
        self.inner.reason.lock().get_or_insert(reason);
        // notify_one keeps a permit, so that a wait that begins later does not miss it.
        self.inner.changed.notify_one();
    }

    /// The reason, if the node has failed.
    pub fn reason(&self) -> Option<String> {
        self.inner.reason.lock().clone()
    }

    /// Whether the node has failed.
    pub(super) fn is_reported(&self) -> bool {
        self.inner.reason.lock().is_some()
    }

    /// Waits for a failure. One waiter at a time.
    pub async fn wait(&self) -> String {
        loop {
            if let Some(reason) = self.reason() {
                return reason;
            }
            self.inner.changed.notified().await;
        }
    }
}
