//! Time as one node sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::task::{self, Instant, Sleep};

/// A node's clock. In production it is the machine's; the simulation bends it, so that nodes
/// disagree. Two readings of one clock may be compared, readings of two nodes never.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    bend: Arc<Bend>,
}

/// How far a simulated clock is off. Zero in production.
#[derive(Debug, Default)]
struct Bend {
    wall_offset_ms: AtomicI64,
    /// By how much the node's second is too short, in millionths.
    drift_ppm: AtomicI64,
}

impl Clock {
    /// The machine's clock; its monotonic part begins now.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn system() -> Self {
        Clock {
            started: Instant::now(),
            bend: Arc::default(),
        }
    }

    /// Moves this clock and its clones: the wall clock by `wall_offset_ms`, the pace of both
    /// clocks by `drift_ppm` millionths.
    pub fn bend(&self, wall_offset_ms: i64, drift_ppm: i64) {
        self.bend
            .wall_offset_ms
            .store(wall_offset_ms, Ordering::Relaxed);
        self.bend.drift_ppm.store(drift_ppm, Ordering::Relaxed);
    }

    /// Microseconds since this clock was made. Never goes back.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn now_us(&self) -> u64 {
        Instant::now().duration_since(self.started).as_micros() as u64
    }

    /// Milliseconds since 1970. May jump either way: for stamps and humans, never for intervals.
    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    pub fn wall_ms(&self) -> u64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        (since.as_millis() as u64)
            .saturating_add_signed(self.bend.wall_offset_ms.load(Ordering::Relaxed))
    }

    /// A timer over `duration` of this node's time, which begins now.
    pub fn timer(&self, duration: Duration) -> Sleep {
        let drift = self.bend.drift_ppm.load(Ordering::Relaxed);
        let us = duration.as_micros() as i64;
        task::sleep(Duration::from_micros(
            (us + us * drift / 1_000_000).max(0) as u64
        ))
    }

    /// Waits for `duration` of this node's time.
    pub async fn sleep(&self, duration: Duration) {
        self.timer(duration).await;
    }
}
