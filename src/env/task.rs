//! Tasks, channels and timers: the part of tokio that may be used above this floor. All channels
//! are bounded; `select!` is to be written with `biased`.

use std::future::Future;

pub use super::watch;
pub use tokio::{
    select,
    sync::{
        Notify,
        mpsc::{Receiver, Sender, channel, error::TrySendError},
        oneshot,
    },
    task::{JoinHandle, yield_now},
    time::{Instant, Sleep, sleep, sleep_until, timeout},
};

/// Starts a task that nobody owns: it ends by itself or with the process.
#[allow(clippy::disallowed_methods, reason = "this is the door")]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Runs a future to its end on this thread, for tests that are not async themselves.
#[cfg(test)]
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Tasks that live as long as their owner: dropping the group aborts them at their next await.
#[derive(Debug, Default)]
pub struct Tasks {
    handles: Vec<JoinHandle<()>>,
}

impl Tasks {
    /// Starts a task of this group.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        self.handles.retain(|handle| !handle.is_finished());
        self.handles.push(spawn(future));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.handles.iter().for_each(JoinHandle::abort);
    }
}
