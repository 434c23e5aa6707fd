//! A value that is watched: one side changes it, others wait for changes and see the latest.
//!
//! Tokio has the same with more. But it wakes its waiters in an order drawn from a generator that
//! is seeded from a counter of the process, and so two waiters on one channel are enough to make a
//! seed's second run in a process differ from its first. Here they are woken in the order in which
//! they came.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::{RwLock, RwLockReadGuard};
use thiserror::Error;
use tokio::sync::Notify;

/// The watched value and those who are there.
#[derive(Debug)]
struct Shared<T> {
    value: RwLock<T>,
    /// Counts changes. Changed and read under the value's lock.
    version: AtomicU64,
    senders: AtomicUsize,
    changed: Notify,
}

/// The side that changes the value. Clones are equal; when the last one goes, waiting ends.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

/// The side that watches. Each one remembers which change it has seen last.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

/// A look at the value. Not to be held across an await, nor while the value is changed.
#[derive(Debug)]
pub struct Ref<'a, T> {
    guard: RwLockReadGuard<'a, T>,
}

/// All senders are gone: the value will not change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody changes the watched value any more")]
pub struct Closed;

/// A watched value with its first sender and receiver.
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

impl<T> Sender<T> {
    /// A watched value that nobody watches yet.
    pub fn new(value: T) -> Self {
        let shared = Shared {
            value: RwLock::new(value),
            version: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            changed: Notify::new(),
        };
        Sender {
            shared: Arc::new(shared),
        }
    }

    /// A receiver that has seen all changes so far.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver {
            shared: self.shared.clone(),
            seen: self.shared.version.load(Ordering::Acquire),
        }
    }

    /// Changes the value in place and wakes those who wait.
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        let mut value = self.shared.value.write();
        modify(&mut value);
        self.shared.version.fetch_add(1, Ordering::Release);
        drop(value);
        self.shared.changed.notify_waiters();
    }

    /// Puts another value, answers the one before, and wakes those who wait.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| std::mem::swap(old, &mut value));
        value
    }

    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.look()
    }
}

impl<T> Receiver<T> {
    /// The value.
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.look()
    }

    /// The value, which then counts as seen.
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.look();
        self.seen = self.shared.version.load(Ordering::Acquire);
        value
    }

    /// Whether all senders are gone: the value will not change again.
    pub fn is_closed(&self) -> bool {
        self.shared.senders.load(Ordering::Acquire) == 0
    }

    /// Waits for a change after the last one seen, which then counts as seen.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        self.seen = self.shared.after(self.seen).await?;
        Ok(())
    }

    /// Waits until the value is as wanted, which it may be already.
    pub async fn wait_for(&mut self, wanted: impl Fn(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        let (shared, seen) = (&self.shared, &mut self.seen);
        loop {
            // In a scope of its own: no look is held across the await.
            *seen = {
                let value = shared.look();
                if wanted(&value) {
                    return Ok(value);
                }
                shared.version.load(Ordering::Acquire)
            };
            *seen = shared.after(*seen).await?;
        }
    }
}

impl<T> Shared<T> {
    fn look(&self) -> Ref<'_, T> {
        Ref {
            guard: self.value.read(),
        }
    }

    /// Waits for a change after `seen`; answers the number of the latest.
    async fn after(&self, seen: u64) -> Result<u64, Closed> {
        loop {
            // Made before the look, so that a change in between is not missed.
            let changed = self.changed.notified();
            // In this order: what the last sender changed before it went is still seen.
            let is_open = self.senders.load(Ordering::Acquire) > 0;
            let version = self.version.load(Ordering::Acquire);
            if version != seen {
                return Ok(version);
            }
            if !is_open {
                return Err(Closed);
            }
            changed.await;
        }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Sender {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.changed.notify_waiters();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver {
            shared: self.shared.clone(),
            seen: self.seen,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;
    use crate::env::task::spawn;

    #[tokio::test]
    async fn a_change_is_seen_once_by_each_and_the_latest_counts() {
        let (sender, mut receiver) = channel(0);
        let mut other = receiver.clone();
        sender.send_modify(|value| *value = 1);
        assert_eq!(sender.send_replace(2), 1);
        assert_eq!(receiver.changed().await, Ok(()));
        assert_eq!(*receiver.borrow(), 2);
        assert_eq!(other.changed().await, Ok(()));
        drop(sender);
        assert_eq!(receiver.changed().await, Err(Closed));
        assert_eq!(other.wait_for(|value| *value == 2).await.map(|v| *v), Ok(2));
        assert!(other.wait_for(|value| *value == 3).await.is_err());
    }

    #[tokio::test]
    async fn a_subscriber_waits_for_what_comes_after_it() {
        let sender = Sender::new(0);
        sender.send_replace(1);
        let mut receiver = sender.subscribe();
        let waiting = spawn(async move {
            let changed = receiver.changed().await;
            (changed, *receiver.borrow())
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        sender.send_replace(2);
        assert_eq!(waiting.await.unwrap(), (Ok(()), 2));
    }

    #[tokio::test]
    async fn waiters_are_woken_in_the_order_in_which_they_came() {
        for _ in 0..20 {
            let sender = Sender::new(0);
            let order = Arc::new(Mutex::new(Vec::new()));
            let waiters = (0..10).map(|number| {
                let (mut receiver, order) = (sender.subscribe(), order.clone());
                spawn(async move {
                    receiver.changed().await.unwrap();
                    order.lock().push(number);
                })
            });
            let waiters: Vec<_> = waiters.collect();
            tokio::task::yield_now().await;
            sender.send_replace(1);
            for waiter in waiters {
                waiter.await.unwrap();
            }
            assert!(order.lock().is_sorted());
        }
    }
}
