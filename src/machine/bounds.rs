//! The bounds that decide what a command comes to.

/// Sizes that every replica must agree on, because refusals and evictions depend on them: two that
/// differ would let states differ. So they are constants of the software, not configuration; as a
/// value, so that tests can make every rare path common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Sessions that are kept; beyond, the one that was used longest ago is forgotten.
    pub sessions_max: usize,
    /// The largest outcome in bytes that a session keeps for a repetition.
    pub session_outcome_bytes_max: usize,
    /// All results of one command together, in bytes.
    pub reply_bytes_max: usize,
    /// Keys that one transaction may change: what is held in memory until all of it is known.
    pub changes_max: usize,
    /// Keys and values of one page, in bytes; a single larger value is a page of its own.
    pub page_bytes_max: usize,
    /// Keys of one page.
    pub page_keys_max: u64,
}

impl Bounds {
    pub const fn new() -> Self {
        Bounds {
            sessions_max: 4096,
            // With the line above: all outcomes together take 16 MiB at most, next to a memtable
            // of 64 MiB with which they are written.
            session_outcome_bytes_max: 4 << 10,
            reply_bytes_max: 16 << 20,
            changes_max: 1 << 20,
            page_bytes_max: 2 << 20,
            page_keys_max: 10_000,
        }
    }

    /// Bounds that a test of a few dozen commands runs into.
    #[cfg(test)]
    pub const fn test_min() -> Self {
        Bounds {
            sessions_max: 3,
            session_outcome_bytes_max: 48,
            reply_bytes_max: 250,
            changes_max: 4,
            page_bytes_max: 160,
            page_keys_max: 3,
        }
    }
}
