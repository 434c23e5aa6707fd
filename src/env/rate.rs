//! A limit on bytes per second.

use std::time::Duration;

use parking_lot::Mutex;

use super::Clock;

/// So much may be taken at once after a rest, in milliseconds of the rate.
const BURST_MS: u64 = 100;

/// What was spent and is not paid for yet.
///
/// It is one number: the moment at which all that was taken so far is paid for. Whoever takes moves
/// it on, and waits until it is not further away than now. A rest lets it fall behind by a burst at
/// most.
#[derive(Debug, Default)]
pub struct Debt {
    paid_us: Mutex<u64>,
}

/// Lets through so many bytes per second on average, and no more than a burst ahead of that.
#[derive(Debug)]
pub struct Rate {
    clock: Clock,
    /// 0 lets everything through.
    bytes_per_second: u64,
    debt: Debt,
}

impl Rate {
    /// A rate; 0 is none.
    pub fn new(clock: Clock, bytes_per_second: u64) -> Self {
        Rate {
            clock,
            bytes_per_second,
            debt: Debt::default(),
        }
    }

    /// Waits until these bytes may be spent.
    pub async fn take(&self, bytes: u64) {
        let now_us = self.clock.now_us();
        let wait_us = self
            .debt
            .owe(bytes, self.bytes_per_second, now_us, u64::MAX);
        if wait_us > 0 {
            self.clock.sleep(Duration::from_micros(wait_us)).await;
        }
    }
}

impl Debt {
    /// Spends bytes at a moment and a rate, and says for how many microseconds to wait, at most
    /// `wait_us_max`: what would be longer is forgiven.
    pub fn owe(&self, bytes: u64, bytes_per_second: u64, now_us: u64, wait_us_max: u64) -> u64 {
        if bytes_per_second == 0 {
            return 0;
        }
        let cost_us = u128::from(bytes) * 1_000_000 / u128::from(bytes_per_second);
        let cost_us = u64::try_from(cost_us).unwrap_or(u64::MAX);
        let mut paid_us = self.paid_us.lock();
        let earliest_us = now_us.saturating_sub(BURST_MS * 1000);
        let paid_at = (*paid_us).max(earliest_us).saturating_add(cost_us);
        *paid_us = paid_at.min(now_us.saturating_add(wait_us_max));
        paid_us.saturating_sub(now_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u64 = 1_000_000;

    #[test]
    fn what_is_spent_keeps_to_the_rate_but_for_a_burst() {
        let debt = Debt::default();
        let owe = |bytes, now_us| debt.owe(bytes, RATE, now_us, u64::MAX);
        let start = 10_000_000;
        assert_eq!(owe(BURST_MS * 1000, start), 0, "a burst is free");
        assert_eq!(owe(500, start), 500);
        assert_eq!(owe(500, start), 1000);
        assert_eq!(owe(500, start + 1000), 500);
        // A long rest does not save up more than a burst.
        let later = start + 60_000_000;
        assert_eq!(owe(2 * BURST_MS * 1000, later), BURST_MS * 1000);
        let mut now_us = later;
        let mut spent = 0;
        while spent < 5_000_000 {
            now_us += owe(7_777, now_us);
            spent += 7_777;
        }
        let expected_us = spent + BURST_MS * 1000;
        assert!(now_us - later <= expected_us && now_us - later >= expected_us - 10_000);
    }

    #[test]
    fn a_wait_has_its_bound_and_no_rate_lets_everything_through() {
        let debt = Debt::default();
        assert_eq!(debt.owe(u64::MAX, 0, 0, u64::MAX), 0);
        assert_eq!(debt.owe(u64::MAX, RATE, 5, 700), 700);
        assert_eq!(debt.owe(1, RATE, 5, 700), 700);
        assert_eq!(debt.owe(1, RATE, 605, 700), 101);
    }
}
