//! Chance, keyed. Every decision of the simulated world has a name (seed, stream, counter), and the
//! name alone decides how it falls. A generator that is passed along would tie all decisions into
//! one string: taking one fault out of a plan would change every later draw, and a failing plan
//! could not be shrunk. Madsim's own generator is such a string; it is left to decide in which
//! order ready tasks run, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sisyphus::{raft::Payload, rng::Rng, types::NodeId};

/// A family of decisions of one kind, for example "frames on the link from n1 to n2".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream(u64);

impl Stream {
    /// The stream with this name.
    pub const fn new(name: &str) -> Self {
        Stream(fingerprint(name.as_bytes()))
    }

    /// The part of this stream that belongs to `number`: a client, a fault, a sector.
    pub fn at(self, number: u64) -> Self {
        Stream(mix(self.0 ^ mix(number)))
    }

    /// The part of this stream that belongs to `node`.
    pub fn of(self, node: NodeId) -> Self {
        self.at(node.0)
    }
}

/// The seed that a run draws from, held by everybody who draws on the way. It changes when a plan asks
/// what else could have come of a moment ([`Reseed`](crate::plan::Reseed)). Clones are the same seed.
#[derive(Clone, Debug)]
pub struct Seed(Arc<AtomicU64>);

impl Seed {
    /// The seed in force.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// From now on chance falls otherwise, as `salt` has it.
    pub fn change(&self, salt: u64) {
        self.0.store(mix(self.get() ^ mix(salt)), Ordering::Relaxed);
    }
}

impl From<u64> for Seed {
    fn from(seed: u64) -> Self {
        Seed(Arc::new(AtomicU64::new(seed)))
    }
}

/// The generator of one decision. Equal arguments give equal generators, whatever else was drawn.
pub fn draw(seed: u64, stream: Stream, counter: u64) -> Rng {
    Rng::new(mix(seed ^ mix(stream.0 ^ mix(counter))))
}

/// A number that stands for `bytes` (FNV-1a).
pub const fn fingerprint(bytes: &[u8]) -> u64 {
    let (mut hash, mut i) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// A number that stands for what an entry says.
pub fn of_payload(payload: &Payload) -> u64 {
    let Some(membership) = payload.membership() else {
        return fingerprint(payload.data());
    };
    let mut bytes = Vec::new();
    membership.encode(&mut bytes);
    mix(fingerprint(&bytes)) ^ fingerprint(payload.data())
}

/// Spreads every bit of `z` over all bits of the result (Stafford's finalizer).
pub fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number between `low` and `high`, each order of magnitude equally likely: rates and counts
/// whose right size nobody knows beforehand.
pub fn log_uniform(rng: &mut Rng, low: u64, high: u64) -> u64 {
    assert!(0 < low && low <= high, "an empty range {low}..={high}");
    let (from, to) = ((low as f64).ln(), ((high + 1) as f64).ln());
    let drawn = (from + (to - from) * rng.unit()).exp() as u64;
    drawn.clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_each_part_of_its_name() {
        let first = |seed, stream, counter| draw(seed, stream, counter).next_u64();
        let link = Stream::new("link");
        let base = first(1, link, 1);
        assert_eq!(base, first(1, link, 1));
        assert_ne!(base, first(2, link, 1));
        assert_ne!(base, first(1, link, 2));
        assert_ne!(base, first(1, link.of(NodeId(1)), 1));
        assert_ne!(base, first(1, Stream::new("disk"), 1));
        assert_ne!(link.at(1).at(2), link.at(2).at(1));
    }

    #[test]
    fn a_seed_changes_for_all_who_hold_it() {
        let seed = Seed::from(7);
        let other = seed.clone();
        seed.change(1);
        assert_eq!(seed.get(), other.get());
        assert_ne!(seed.get(), 7);
        let salted = Seed::from(7);
        salted.change(2);
        assert_ne!(seed.get(), salted.get());
    }

    #[test]
    fn log_uniform_covers_its_magnitudes() {
        let mut rng = Rng::new(1);
        let drawn: Vec<u64> = (0..1_000)
            .map(|_| log_uniform(&mut rng, 1, 1_000))
            .collect();
        for decade in [1..10, 10..100, 100..1_001] {
            assert!(drawn.iter().filter(|n| decade.contains(*n)).count() > 200);
        }
        assert_eq!(log_uniform(&mut rng, 5, 5), 5);
    }
}
