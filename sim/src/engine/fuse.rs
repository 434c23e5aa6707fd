//! Ends a life at an event of the drive, in the very moment.

use std::sync::OnceLock;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::disk::Drive;

/// What the drive tells its events.
#[derive(Default)]
pub(super) struct Fuse {
    drive: OnceLock<Drive>,
    spark: Mutex<Option<Spark>>,
    burnt: Notify,
}

/// A fuse that burns.
struct Spark {
    /// How many events are left.
    events: u64,
    /// Whether the power is lost, or only the process ends.
    loses_power: bool,
}

impl Fuse {
    /// The drive that is hurt at the end.
    pub fn attach(&self, drive: Drive) {
        let is_first = self.drive.set(drive).is_ok();
        assert!(is_first, "a fuse has one drive");
    }

    /// Burns for so many events from now on.
    pub fn light(&self, events: u64, loses_power: bool) {
        *self.spark.lock() = Some(Spark {
            events,
            loses_power,
        });
    }

    /// Burns no more.
    pub fn put_out(&self) {
        self.spark.lock().take();
    }

    /// Waits for the end.
    pub async fn burnt(&self) {
        self.burnt.notified().await;
    }

    /// An event has happened.
    pub fn burn(&self) {
        let mut spark = self.spark.lock();
        let Some(burning) = spark.as_mut() else {
            return;
        };
        burning.events -= 1;
        if burning.events > 0 {
            return;
        }
        let drive = self.drive.get().expect("the drive whose events are told");
        match burning.loses_power {
            true => drive.lose_power(),
            false => drive.stop(),
        }
        *spark = None;
        drop(spark);
        self.burnt.notify_one();
    }
}
