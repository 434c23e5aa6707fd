//! The contents of one file: the process's view, the platter's, and which sectors differ.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

use sisyphus::rng::Rng;

use super::{
    tear::{Fate, Tear},
    waste::Waste,
};

/// What a disk writes as one: a power loss never leaves less than a sector undecided.
pub const SECTOR_BYTES: usize = 512;

/// Of so many of the sectors that were written last it is known what they held before.
const OLDER_MAX: usize = 16;

/// One file's bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What reads see: the page cache over the platter.
    live: Vec<u8>,
    /// What is surely on the platter.
    durable: Vec<u8>,
    /// The sectors that were changed since they were last synced, with the time of the change.
    dirty: BTreeMap<usize, u64>,
    /// Counts changes, so that a sync knows what came after it began.
    changes: u64,
    /// The sectors that syncs wrote last, with what they held before.
    older: VecDeque<(usize, Vec<u8>)>,
}

/// What a sync has to carry to the platter: the dirty sectors as they were when it began.
#[derive(Debug)]
pub(super) struct Flush {
    length: usize,
    sectors: Vec<(usize, Vec<u8>)>,
    changes: u64,
}

impl Inode {
    /// The length that a process sees.
    pub fn length(&self) -> usize {
        self.live.len()
    }

    /// Up to `length` bytes from `offset`.
    pub fn read(&self, offset: u64, length: usize) -> &[u8] {
        let start = self.live.len().min(offset as usize);
        let end = self.live.len().min(start.saturating_add(length));
        &self.live[start..end]
    }

    /// What is on the platter.
    pub fn durable(&self) -> &[u8] {
        &self.durable
    }

    /// Puts `bytes` at `offset`, growing the file as needed; a gap is filled with zeros.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        let grown_from = self.live.len().min(offset);
        if end > self.live.len() {
            self.live.resize(end, 0);
        }
        self.live[offset..end].copy_from_slice(bytes);
        self.touch(grown_from..end);
    }

    /// Cuts or extends the file.
    pub fn truncate(&mut self, length: usize) {
        let old = self.live.len();
        self.live.resize(length, 0);
        self.touch(old.min(length)..old.max(length));
    }

    fn touch(&mut self, bytes: Range<usize>) {
        self.changes += 1;
        if bytes.is_empty() {
            return;
        }
        for sector in bytes.start / SECTOR_BYTES..=(bytes.end - 1) / SECTOR_BYTES {
            self.dirty.insert(sector, self.changes);
        }
    }

    /// A sync begins: remembers what it covers.
    pub fn begin_sync(&self) -> Flush {
        let sectors = self.dirty.keys().map(|sector| {
            let bytes = self.read((sector * SECTOR_BYTES) as u64, SECTOR_BYTES);
            (*sector, bytes.to_vec())
        });
        Flush {
            length: self.live.len(),
            sectors: sectors.collect(),
            changes: self.changes,
        }
    }

    /// The sync is done: what it covers is durable, what was written meanwhile is not. What was cut
    /// off goes to `waste`.
    pub fn end_sync(&mut self, flush: Flush, waste: &mut Waste) {
        self.resize(flush.length, waste);
        for (sector, bytes) in flush.sectors {
            self.put(sector, bytes);
        }
        self.dirty.retain(|_, change| *change > flush.changes);
    }

    /// The sync has failed: each sector that it covered reached the platter or did not; mostly none did, as the
    /// device refused a whole request. The page cache takes all of them for clean, so that no later sync carries them there, unless it
    /// `keeps_dirty` what it could not write.
    pub fn fail_sync(&mut self, flush: Flush, keeps_dirty: bool, waste: &mut Waste, rng: &mut Rng) {
        if rng.chance(0.5) {
            self.resize(flush.length, waste);
        }
        let reaches = *rng.pick(&[0.0, 0.0, 0.5, 0.9]);
        for (sector, bytes) in flush.sectors {
            if rng.chance(reaches) {
                self.put(sector, bytes);
            }
        }
        if !keeps_dirty {
            self.dirty.retain(|_, change| *change > flush.changes);
        }
    }

    fn resize(&mut self, length: usize, waste: &mut Waste) {
        let first = length.div_ceil(SECTOR_BYTES);
        if let Some(cut) = self.durable.get(first * SECTOR_BYTES..) {
            waste.take(first, cut);
        }
        self.durable.resize(length, 0);
    }

    /// Puts a sector on the platter. One behind the end was cut off; the length alone remembers it.
    fn put(&mut self, sector: usize, mut bytes: Vec<u8>) {
        let start = sector * SECTOR_BYTES;
        let Some(place) = self.durable.get_mut(start..start + bytes.len()) else {
            return;
        };
        if *place != bytes[..] {
            place.swap_with_slice(&mut bytes);
            if self.older.len() == OLDER_MAX {
                self.older.pop_front();
            }
            self.older.push_back((sector, bytes));
        }
    }

    /// The power failed: both views become what `tear` leaves.
    pub fn lose_power(&mut self, tear: &Tear, waste: &Waste, rng: &mut Rng) {
        let length = tear.length(self.durable.len(), self.live.len(), rng);
        let mut image = self.durable.clone();
        image.resize(length, 0);
        let dirty = std::mem::take(&mut self.dirty);
        for (sector, fate) in tear.fates(dirty.keys().copied(), rng) {
            let start = (sector * SECTOR_BYTES).min(length);
            let end = (start + SECTOR_BYTES).min(length);
            let kept = self.durable.len();
            // Only a block that the file did not have before shows what others left in it.
            let left = match fate {
                Fate::Stale if start >= kept => waste.show(sector, rng),
                _ => [0; SECTOR_BYTES],
            };
            let new = self.live.get(start..).unwrap_or_default();
            let place = image[start..end].iter_mut().enumerate();
            let fresh = new.iter().copied().chain(std::iter::repeat(0));
            for ((at, byte), new) in place.zip(fresh) {
                // Rewriting a sector does not endanger those of its bytes that stay the same.
                if *byte != new || start + at >= kept {
                    *byte = match fate {
                        Fate::Stale => left[at],
                        _ => fate.byte(*byte, new, at, rng),
                    };
                }
            }
        }
        self.live.clone_from(&image);
        self.durable = image;
    }

    /// Whether something would be at stake in a power loss.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.live.len() != self.durable.len()
    }

    /// The sectors that were written last, and what they held before.
    pub fn older(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let last = self.durable.len() / SECTOR_BYTES;
        let older = self.older.iter().filter(move |(sector, _)| *sector <= last);
        older.map(|(sector, bytes)| (*sector, bytes.as_slice()))
    }

    /// Puts `bytes` on the platter without telling anybody, as far as the file reaches, and has the
    /// page cache forget the sector, unless it is dirty. Answers what was there.
    pub fn corrupt(&mut self, sector: usize, bytes: &[u8]) -> Vec<u8> {
        let start = (sector * SECTOR_BYTES).min(self.durable.len());
        let end = (start + bytes.len()).min(self.durable.len());
        let place = &mut self.durable[start..end];
        let before = place.to_vec();
        place.copy_from_slice(&bytes[..end - start]);
        if !self.dirty.contains_key(&sector)
            && let Some(seen) = self.live.get_mut(start..end)
        {
            seen.copy_from_slice(&bytes[..end - start]);
        }
        before
    }
}
