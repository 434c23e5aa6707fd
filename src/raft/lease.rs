//! Reads without a round, at the price of trusting clocks (thesis §6.4.1). Off unless asked for.
//!
//! Whoever answers a heartbeat promises to help nobody else to lead for some time of its own clock
//! ([`Config::promise_us`](super::Config)). While a quorum is bound by such promises nobody can be
//! elected, so nothing can be committed that this leader does not know of, and a read may be served
//! at once. The rules, each of which has been somebody's stale read:
//!
//! * The leader counts from the moment *before* it sent the heartbeat, the follower from the moment
//!   after it arrived: however long the message or its answer travelled, the leader ends first. A
//!   lease that counts from the arrival of the answer outlives the promise by the way there.
//! * Clocks differ in pace by no more than is stated, and the lease is shorter by that:
//!
//! ```text
//!   leader     │◀───── promise × (1 - drift) / (1 + drift) ─────▶│ ends
//!              ╲ heartbeat
//!   follower     ╲│◀──────────────── promise ────────────────────────▶│ may vote
//! ```
//!
//! * The promise outlives what the follower knows otherwise: its role, its leader, its term. Whoever
//!   has just started may have promised something in an earlier life, and is bound from its start on.
//! * A leader that tells its successor to stand releases everybody: votes for who was told to stand
//!   are not withheld. That message may arrive at any time later, so in this term the leader never
//!   holds a lease again, even if the transfer is given up.
//! * The clock is read after the read began and after a heartbeat arrived, never before. So a process
//!   may be stopped anywhere for any time: what it then says was true at the moment of that reading,
//!   which lies within the read.
//! * Promises are counted by the membership in force at the moment of the read.
//!
//! What is assumed is that each clock runs on, by its pace, while the process or its machine does
//! not run. A clock that stands still while the machine is suspended, or jumps back, breaks it.

use std::collections::VecDeque;

/// Rounds that begin within so many microseconds share a time, that of the first.
const GRAIN_US: u64 = 1_000;

/// So many times are kept. With the grain: what is answered later than this finds its round
/// forgotten, and renews nothing.
const SENT_MAX: usize = 256;

/// No promise counts for more than this, 12 days in microseconds: so that sums of times stay numbers.
const PROMISE_US_MAX: u64 = 1 << 40;

/// Clocks are read in whole microseconds: a span is known to less than two.
const READING_US: u64 = 2;

/// When heartbeats were sent, from which it follows when promises end.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Rounds and when they began, ascending; one that is missing began after the one before it.
    sent: VecDeque<(u64, u64)>,
    /// A successor was told to stand: nobody is bound any more.
    released: bool,
}

impl Lease {
    /// A heartbeat round begins; nothing of it has been sent yet.
    pub fn begin(&mut self, round: u64, now_us: u64) {
        let is_due = |(_, last_us): &(u64, u64)| now_us >= last_us + GRAIN_US;
        if !self.sent.back().is_none_or(is_due) {
            return;
        }
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((round, now_us));
    }

    /// Until when, on this leader's clock, somebody is bound for sure who answered `round` with a
    /// promise of `promise_us`, if no clock is off by more than `drift_ppm` millionths. None if the
    /// round is forgotten.
    pub fn bound_until(&self, round: u64, promise_us: u64, drift_ppm: u32) -> Option<u64> {
        let later = self.sent.partition_point(|(begun, _)| *begun <= round);
        let (_, sent_us) = self.sent.get(later.checked_sub(1)?)?;
        Some(sent_us + certain(promise_us, drift_ppm))
    }

    /// Everybody is released from its promise, for the rest of the term.
    pub fn release(&mut self) {
        self.released = true;
    }

    /// Whether everybody was released.
    pub fn is_released(&self) -> bool {
        self.released
    }
}

/// The time on one clock that surely passes within `promise_us` on another, if neither is off by
/// more than `drift_ppm` millionths.
fn certain(promise_us: u64, drift_ppm: u32) -> u64 {
    const MILLION: u64 = 1_000_000;
    let drift = u64::from(drift_ppm).min(MILLION);
    let least = promise_us.min(PROMISE_US_MAX) * (MILLION - drift) / (MILLION + drift);
    least.saturating_sub(READING_US)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_round_counts_from_its_beginning_or_earlier() {
        let mut lease = Lease::default();
        lease.begin(1, 5_000);
        lease.begin(2, 5_000 + GRAIN_US - 1);
        lease.begin(3, 5_000 + GRAIN_US);
        let end = |round| lease.bound_until(round, 100, 0);
        assert_eq!(end(0), None);
        assert_eq!(end(1), Some(5_098));
        assert_eq!(end(2), Some(5_098), "as if it had begun with the first");
        assert_eq!(end(3), Some(6_098));
        assert_eq!(end(9), Some(6_098));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_was_forgotten_renews_nothing() {
        let mut lease = Lease::default();
        for round in 1..=10 * SENT_MAX as u64 {
            lease.begin(round, round * GRAIN_US);
        }
        assert_eq!(lease.sent.len(), SENT_MAX);
        assert_eq!(lease.bound_until(9 * SENT_MAX as u64, 100, 0), None);
        let last = 10 * SENT_MAX as u64;
        let end = last * GRAIN_US + 98;
        assert_eq!(lease.bound_until(last, 100, 0), Some(end));
    }

    proptest! {
        /// Two clocks that are both off by less than the bound, started anywhere, read in whole
        /// microseconds: the leader's span is over before the follower's is.
        #[test]
        fn a_lease_ends_before_the_promise_behind_it(
            promise_us in 0..1_000_000_000u64,
            drift in 0..500_000u32,
            (leader, follower) in (-1.0..=1.0f64, -1.0..=1.0f64),
            (begin, way) in (0..1_000_000u64, 0..1_000u64),
            share in 0.0..=1.0f64,
        ) {
            let pace = |of: f64| 1.0 + of * f64::from(drift) / 1e6;
            let read = |at: f64, pace: f64| (at * pace) as u64;
            let (leader, follower) = (pace(leader), pace(follower));
            let sent = begin as f64;
            let heard = sent + way as f64;
            // Any moment at which the follower still keeps its promise, and the last one.
            let bound_for = promise_us as f64 / follower;
            for at in [heard + share * bound_for, heard + bound_for] {
                let holds = read(at, leader) < read(sent, leader) + certain(promise_us, drift);
                let keeps = read(at, follower) < read(heard, follower) + promise_us;
                prop_assert!(!holds || keeps, "it is read at {at} by a lease of {sent}");
            }
        }

        #[test]
        fn no_number_is_too_large(promise_us: u64, drift: u32) {
            prop_assert!(certain(promise_us, drift) <= PROMISE_US_MAX);
        }
    }
}
