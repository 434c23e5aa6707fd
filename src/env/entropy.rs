//! Where production gets its randomness.

use std::hash::{BuildHasher, RandomState};

use crate::rng::Rng;

/// A generator that no two calls share, in this process or any other.
pub fn machine_rng() -> Rng {
    // The keys of std's hasher come from the operating system, once for each thread, and differ
    // from one value to the next.
    Rng::new(RandomState::new().hash_one(std::process::id()))
}
