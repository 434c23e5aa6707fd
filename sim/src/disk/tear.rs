//! How a power loss decides about what was in between.

use sisyphus::rng::Rng;

use super::SECTOR_BYTES;

/// The character of one power loss, drawn first; the sectors then follow it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Tear {
    /// Nothing unsynced reached the platter, and nothing else happened.
    pub clean: bool,
    /// Changes reached the platter in the order in which they were made, up to a point; else
    /// each decides for itself.
    pub ordered: bool,
    /// How many neighbouring sectors share a fate on average.
    run: u64,
}

/// What becomes of one dirty sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was never written.
    Old,
    /// It was written.
    New,
    /// The file system allotted it, the bytes did not follow.
    Zero,
    /// The head was above it when the power went.
    Garbage,
    /// The bytes before this one are new, the others old.
    Half(usize),
    /// The file system allotted it, and it shows what others had left in it. A sector that the file
    /// had before has zeros instead.
    Stale,
}

impl Tear {
    /// The character of a power loss.
    pub fn draw(rng: &mut Rng) -> Self {
        Tear {
            clean: rng.chance(0.1),
            ordered: rng.chance(0.5),
            run: *rng.pick(&[1, 1, 2, 4, 16]),
        }
    }

    /// The length that a file has afterwards, its durable and its live length being these.
    pub fn length(&self, durable: usize, live: usize, rng: &mut Rng) -> usize {
        let (low, high) = (durable.min(live), durable.max(live));
        match rng.below(3) {
            _ if self.clean => durable,
            0 => durable,
            1 => live,
            _ => rng.between(low as u64, high as u64) as usize,
        }
    }

    /// Gives each of these sectors its fate.
    pub fn fates(&self, sectors: impl Iterator<Item = usize>, rng: &mut Rng) -> Vec<(usize, Fate)> {
        let mut fate = Fate::Old;
        let mut left = 0;
        let next = |sector| {
            if left == 0 {
                fate = self.fate(rng);
                left = 1 + rng.below(2 * self.run - 1);
            }
            left -= 1;
            (sector, fate)
        };
        sectors.map(next).collect()
    }

    fn fate(&self, rng: &mut Rng) -> Fate {
        match rng.below(12) {
            _ if self.clean => Fate::Old,
            0..3 => Fate::Old,
            3..7 => Fate::New,
            7 => Fate::Zero,
            8 => Fate::Garbage,
            9 => Fate::Stale,
            _ => Fate::Half(rng.below(SECTOR_BYTES as u64) as usize),
        }
    }

    /// Which of `count` successive changes of one directory survive.
    pub fn survivors(&self, count: usize, rng: &mut Rng) -> Vec<bool> {
        let kept = rng.between(0, count as u64) as usize;
        (0..count)
            .map(|at| match self.ordered {
                _ if self.clean => false,
                true => at < kept,
                false => rng.chance(0.5),
            })
            .collect()
    }
}

impl Fate {
    /// The byte at place `at` of the sector, `old` on the platter and `new` in the cache.
    pub fn byte(self, old: u8, new: u8, at: usize, rng: &mut Rng) -> u8 {
        match self {
            Fate::Old => old,
            Fate::New => new,
            Fate::Zero | Fate::Stale => 0,
            Fate::Garbage => rng.next_u64() as u8,
            Fate::Half(edge) if at < edge => new,
            Fate::Half(_) => old,
        }
    }
}
