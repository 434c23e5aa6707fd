//! Clocks that are wrong.

/// What a tick is long, truly and in the configuration of replicas.
pub const TICK_US: u64 = 10_000;

/// The clock of a machine, which goes on when a process ends: how it shows the true time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// When its pace changed last, truly, and what it showed then.
    since_us: u64,
    shown_us: u64,
    /// By how many millionths it is too fast; at -1,000,000 it stands.
    fast_ppm: i64,
}

impl Clock {
    /// What it shows at a true time in microseconds.
    pub fn show(&self, now_us: u64) -> u64 {
        let pace = (1_000_000 + self.fast_ppm) as u64;
        self.shown_us + (now_us - self.since_us) * pace / 1_000_000
    }

    /// From now on it goes by another pace.
    pub fn pace(&mut self, now_us: u64, fast_ppm: i64) {
        *self = Clock {
            shown_us: self.show(now_us),
            since_us: now_us,
            fast_ppm,
        };
    }
}
