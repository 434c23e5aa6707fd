//! What removed and shortened files leave on the platter: blocks that are given out again before
//! anything is written into them.
//!
//! A file system that makes a file's new length durable before the bytes behind it shows, after a loss of
//! power, what its blocks held for whoever had them before. Mostly that is nonsense to the reader. The
//! dangerous case is what an older file of the same kind had at the same place, whose checksums are good.

use std::collections::VecDeque;

use sisyphus::rng::Rng;

use super::SECTOR_BYTES;

/// So many sectors are remembered; of more, the latest.
const SECTORS_MAX: usize = 64;

/// The sectors that were given back last.
#[derive(Clone, Debug, Default)]
pub(super) struct Waste {
    /// Which sector of its file each was, and what it holds.
    sectors: VecDeque<(usize, [u8; SECTOR_BYTES])>,
}

impl Waste {
    /// Takes back what lay on the platter from the sector `first` of a file on.
    pub fn take(&mut self, first: usize, bytes: &[u8]) {
        let sectors = bytes.chunks(SECTOR_BYTES).enumerate();
        let latest = bytes
            .len()
            .div_ceil(SECTOR_BYTES)
            .saturating_sub(SECTORS_MAX);
        let fresh = sectors.len() - latest;
        let beyond = (self.sectors.len() + fresh).saturating_sub(SECTORS_MAX);
        self.sectors.drain(..beyond);
        for (at, chunk) in sectors.skip(latest) {
            let mut sector = [0; SECTOR_BYTES];
            sector[..chunk.len()].copy_from_slice(chunk);
            self.sectors.push_back((first + at, sector));
        }
    }

    /// What the sector at place `at` of a file shows that got its block from here; zeros if there is
    /// nothing. In every other case it was at the same place before.
    pub fn show(&self, at: usize, rng: &mut Rng) -> [u8; SECTOR_BYTES] {
        let fitting: Vec<_> = self
            .sectors
            .iter()
            .filter(|(place, _)| *place == at)
            .collect();
        if !fitting.is_empty() && rng.chance(0.5) {
            return rng.pick(&fitting).1;
        }
        match self.sectors.len() {
            0 => [0; SECTOR_BYTES],
            count => self.sectors[rng.below(count as u64) as usize].1,
        }
    }
}
