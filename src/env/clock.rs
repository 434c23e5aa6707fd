//! Time as one node sees it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
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

/// How far a simulated clock is off. Zero in production, where it is never changed; the simulation,
/// which changes it, has one thread.
#[derive(Debug, Default)]
struct Bend {
    wall_offset_ms: AtomicI64,
    /// By how much the node's second is longer than a second, in millionths.
    drift_ppm: AtomicI64,
    /// When the pace changed or the clock leapt last, in microseconds since the clock was made, truly
    since_us: AtomicU64,
    /// and as the clock showed it.
    shown_us: AtomicU64,
}

impl Bend {
    /// From now on, so many true microseconds after the clock was made, it goes by another pace.
    fn pace(&self, true_us: u64, drift_ppm: i64) {
        let shown_us = self.show(true_us);
        self.since_us.store(true_us, Ordering::Relaxed);
        self.shown_us.store(shown_us, Ordering::Relaxed);
        self.drift_ppm.store(drift_ppm, Ordering::Relaxed);
    }

    /// At this moment it shows so many microseconds more than a moment before.
    fn leap(&self, true_us: u64, by_us: u64) {
        self.pace(true_us, self.drift_ppm.load(Ordering::Relaxed));
        self.shown_us.fetch_add(by_us, Ordering::Relaxed);
    }

    /// What the clock shows so many true microseconds after it was made.
    fn show(&self, true_us: u64) -> u64 {
        let drift = self.drift_ppm.load(Ordering::Relaxed);
        let since_us = self.since_us.load(Ordering::Relaxed);
        let shown_us = self.shown_us.load(Ordering::Relaxed);
        let passed = true_us - since_us;
        match drift {
            0 => shown_us + passed,
            _ => shown_us + passed * 1_000_000 / (1_000_000 + drift) as u64,
        }
    }
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

    /// Moves this clock and its clones: the wall clock by `wall_offset_ms`, the pace of the monotonic
    /// one and of timers by `drift_ppm` millionths, more than -1,000,000. What the monotonic clock
    /// shows does not jump.
    pub fn bend(&self, wall_offset_ms: i64, drift_ppm: i64) {
        assert!(drift_ppm > -1_000_000, "a second that takes no time");
        self.bend
            .wall_offset_ms
            .store(wall_offset_ms, Ordering::Relaxed);
        self.bend.pace(self.true_us(), drift_ppm);
    }

    /// Lets this clock and its clones show `by` more from now on, as that of a machine which was suspended and
    /// is told the time. Timers that run are not shortened.
    pub fn leap(&self, by: Duration) {
        self.bend.leap(self.true_us(), by.as_micros() as u64);
    }

    /// Microseconds since this clock was made. Never goes back.
    pub fn now_us(&self) -> u64 {
        self.bend.show(self.true_us())
    }

    #[allow(clippy::disallowed_methods, reason = "this is the door")]
    fn true_us(&self) -> u64 {
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
    pub fn timer(&self, duration: Duration) -> Timer {
        Timer {
            sleep: Box::pin(self.begin(duration)),
            waiting: None,
        }
    }

    /// Waits for `duration` of this node's time.
    pub async fn sleep(&self, duration: Duration) {
        self.begin(duration).await;
    }

    fn begin(&self, duration: Duration) -> Sleep {
        let drift = self.bend.drift_ppm.load(Ordering::Relaxed);
        let us = duration.as_micros() as i64;
        task::sleep(Duration::from_micros(
            (us + us * drift / 1_000_000).max(0) as u64
        ))
    }
}

/// Ends after a while. For loops that look at it each time something else wakes them: whoever waits is
/// written down once, and not at every look.
#[derive(Debug)]
pub struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// Who is to be woken.
    waiting: Option<Waker>,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waits = |waker: &Waker| waker.will_wake(cx.waker());
        if !self.sleep.is_elapsed() && self.waiting.as_ref().is_some_and(waits) {
            return Poll::Pending;
        }
        let done = self.sleep.as_mut().poll(cx);
        self.waiting = done.is_pending().then(|| cx.waker().clone());
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_clock_goes_by_its_pace_and_jumps_when_told_to() {
        let bend = Bend::default();
        assert_eq!(bend.show(5_000), 5_000);
        bend.pace(5_000, 1_000_000);
        assert_eq!(bend.show(7_000), 6_000, "its seconds take two");
        bend.pace(7_000, -500_000);
        assert_eq!(bend.show(8_000), 8_000, "its seconds take half of one");
        bend.pace(8_000, 0);
        assert_eq!(bend.show(9_000), 9_000);
        bend.leap(9_000, 500);
        assert_eq!(bend.show(9_000), 9_500);
        bend.pace(9_000, 1_000_000);
        bend.leap(9_200, 1_000);
        assert_eq!(bend.show(9_200), 10_600);
        assert_eq!(bend.show(9_400), 10_700, "it keeps its pace");
    }

    #[tokio::test]
    async fn a_timer_that_is_looked_at_early_ends_all_the_same() {
        let clock = Clock::system();
        let begun_us = clock.now_us();
        let mut timer = clock.timer(Duration::from_millis(30));
        for _ in 0..3 {
            let early = task::timeout(Duration::from_millis(2), &mut timer).await;
            assert!(early.is_err(), "after {} us", clock.now_us() - begun_us);
        }
        // Somebody else waits now: whoever looked first does not.
        task::spawn(timer).await.unwrap();
        assert!(clock.now_us() - begun_us >= 30_000);
    }
}
