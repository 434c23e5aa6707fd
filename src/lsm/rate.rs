//! A limit on bytes per second.

use std::time::Duration;

use parking_lot::Mutex;

use crate::env::Clock;

/// So much may be taken at once after a rest, in milliseconds of the rate.
const BURST_MS: u64 = 100;

/// Lets through so many bytes per second on average, and no more than a burst ahead of that.
///
/// It keeps one number: the moment at which all that was taken so far is paid for. Whoever takes
/// moves it on, and waits until it is not further away than now. A rest lets it fall behind by a
/// burst at most.
pub(super) struct Rate {
    clock: Clock,
    /// 0 lets everything through.
    bytes_per_second: u64,
    paid_us: Mutex<u64>,
}

impl Rate {
    /// A rate; 0 is none.
    pub(super) fn new(clock: Clock, bytes_per_second: u64) -> Self {
        Rate {
            clock,
            bytes_per_second,
            paid_us: Mutex::new(0),
        }
    }

    /// Waits until these bytes may be spent.
    pub(super) async fn take(&self, bytes: u64) {
        let wait_us = self.owe(bytes, self.clock.now_us());
        if wait_us > 0 {
            self.clock.sleep(Duration::from_micros(wait_us)).await;
        }
    }

    /// Spends bytes at a moment, and says for how many microseconds to wait.
    fn owe(&self, bytes: u64, now_us: u64) -> u64 {
        if self.bytes_per_second == 0 {
            return 0;
        }
        let cost_us = u128::from(bytes) * 1_000_000 / u128::from(self.bytes_per_second);
        let cost_us = u64::try_from(cost_us).unwrap_or(u64::MAX);
        let mut paid_us = self.paid_us.lock();
        let earliest_us = now_us.saturating_sub(BURST_MS * 1000);
        *paid_us = (*paid_us).max(earliest_us).saturating_add(cost_us);
        paid_us.saturating_sub(now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_keeps_to_the_rate_but_for_a_burst() {
        let rate = Rate::new(Clock::system(), 1_000_000);
        let start = 10_000_000;
        assert_eq!(rate.owe(BURST_MS * 1000, start), 0, "a burst is free");
        assert_eq!(rate.owe(500, start), 500);
        assert_eq!(rate.owe(500, start), 1000);
        assert_eq!(rate.owe(500, start + 1000), 500);
        // A long rest does not save up more than a burst.
        let later = start + 60_000_000;
        assert_eq!(rate.owe(2 * BURST_MS * 1000, later), BURST_MS * 1000);
        let mut now_us = later;
        let mut spent = 0;
        while spent < 5_000_000 {
            now_us += rate.owe(7_777, now_us);
            spent += 7_777;
        }
        let expected_us = spent + BURST_MS * 1000;
        assert!(now_us - later <= expected_us && now_us - later >= expected_us - 10_000);
    }

    #[test]
    fn no_rate_lets_everything_through() {
        let rate = Rate::new(Clock::system(), 0);
        assert_eq!(rate.owe(u64::MAX, 0), 0);
    }
}
