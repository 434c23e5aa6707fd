//! Damage to what was synced: a drive that does not keep what it has, or never had it.
//!
//! All of it strikes in a moment, so that whoever lets it strike knows what was at stake: a write that
//! was lost or went astray is one of the last that were acknowledged, and it is undone.
//!
//! # The budget within a drive
//! Whom a node voted for, no other node can tell. So the log keeps it twice, in two blocks of a file, and is believed to
//! bear the loss of one. In a file of the log there is therefore one fault at most, as long as the file exists: of
//! everything that was acknowledged an intact copy is left, here as in the cluster.

use std::collections::{BTreeMap, BTreeSet};

use sisyphus::rng::Rng;

use super::{SECTOR_BYTES, platter::Platter};
use crate::plan::Damage;

/// How many sectors decay at once: most drives with one that is damaged have several.
const DECAYED: [u64; 4] = [1, 1, 3, 10];

/// The files in which what nobody else knows stands twice.
const KEPT_TWICE: &str = "log/";

/// Tries to find a sector in which something is written.
const LOOKS: usize = 8;

/// A sector of a file: (path, number of the file, sector).
type Place = (String, u64, usize);

impl Platter {
    /// Damages a file whose path begins with `prefix`. Answers the paths of what is damaged; none if
    /// there is nothing to be damaged that way.
    pub fn damage(&mut self, how: Damage, prefix: &str, rng: &mut Rng) -> Vec<String> {
        if how == Damage::Gone {
            return self.lose_directory(prefix);
        }
        let places: Vec<Place> = match how {
            Damage::Flip | Damage::Garbage => {
                let count = *rng.pick(&DECAYED);
                (0..count)
                    .map_while(|_| self.decay(how, prefix, rng))
                    .collect()
            }
            Damage::Lost => {
                let lost = self.lose_write(prefix, rng);
                lost.map(|(place, _)| place).into_iter().collect()
            }
            Damage::Misdirected => self.misdirect(prefix, rng),
            Damage::Gone => unreachable!("a directory has no sectors"),
        };
        places.iter().for_each(|place| self.note_damage(place));
        places.into_iter().map(|(path, ..)| path).collect()
    }

    fn note_damage(&mut self, (path, number, _): &Place) {
        self.damaged.insert((path.clone(), *number));
    }

    /// The files whose paths begin with `prefix` and that may be damaged.
    fn at_stake(&self, prefix: &str) -> Vec<(String, u64)> {
        let mut files = self.durable_files(prefix);
        let is_damaged = |number: &u64| self.damaged.iter().any(|(_, other)| other == number);
        files.retain(|(path, number)| !path.starts_with(KEPT_TWICE) || !is_damaged(number));
        files
    }

    /// A directory is gone. Messages call it by its name.
    fn lose_directory(&mut self, dir: &str) -> Vec<String> {
        if !self.tree.wipe(dir) {
            return Vec::new();
        }
        let no_file = 0;
        self.damaged.insert((format!("`{dir}`"), no_file));
        vec![dir.to_owned()]
    }

    /// The paths of files that were damaged, those among them that they got later.
    pub fn damaged(&self) -> BTreeSet<String> {
        let numbers: BTreeSet<u64> = self.damaged.iter().map(|(_, number)| *number).collect();
        let paths = self.damaged.iter().map(|(path, _)| path.clone());
        paths.chain(self.tree.names_of(&numbers)).collect()
    }

    /// Changes a sector at random.
    fn decay(&mut self, how: Damage, prefix: &str, rng: &mut Rng) -> Option<Place> {
        let place = self.any_sector(prefix, rng)?;
        let (_, number, sector) = place;
        let inode = self.inode(number);
        let start = sector * SECTOR_BYTES;
        let end = (start + SECTOR_BYTES).min(inode.durable().len());
        let mut bytes = inode.durable()[start..end].to_vec();
        match how {
            Damage::Flip => {
                for _ in 0..rng.between(1, 4) {
                    let bit = rng.below(8 * bytes.len() as u64) as usize;
                    bytes[bit / 8] ^= 1 << (bit % 8);
                }
            }
            _ => bytes.fill_with(|| rng.next_u64() as u8),
        }
        inode.corrupt(sector, &bytes);
        self.note_damage(&place);
        Some(place)
    }

    /// Undoes one of the last writes: the last one of its sector, as a later one would have carried
    /// the bytes of the one before with it. Answers where it was, and what it had written.
    fn lose_write(&mut self, prefix: &str, rng: &mut Rng) -> Option<(Place, Vec<u8>)> {
        let mut written = Vec::new();
        for (path, number) in self.at_stake(prefix) {
            let newest: BTreeMap<usize, &[u8]> = self.inode(number).older().collect();
            let places = newest
                .into_iter()
                .map(|(sector, bytes)| ((path.clone(), number, sector), bytes.to_vec()));
            written.extend(places);
        }
        if written.is_empty() {
            return None;
        }
        let (place, before) = written.swap_remove(rng.below(written.len() as u64) as usize);
        let lost = self.inode(place.1).corrupt(place.2, &before);
        Some((place, lost))
    }

    /// Puts one of the last writes elsewhere.
    fn misdirect(&mut self, prefix: &str, rng: &mut Rng) -> Vec<Place> {
        let Some((place, lost)) = self.lose_write(prefix, rng) else {
            return Vec::new();
        };
        let mut places = vec![place];
        // Wherever it went: to the files of another kind as well.
        if let Some((path, number, sector)) = self.any_sector("", rng) {
            self.inode(number).corrupt(sector, &lost);
            places.push((path, number, sector));
        }
        places
    }

    /// A sector of a file, one that holds something if that is soon found.
    fn any_sector(&mut self, prefix: &str, rng: &mut Rng) -> Option<Place> {
        let mut files = self.at_stake(prefix);
        files.retain(|(_, number)| !self.inode(*number).durable().is_empty());
        if files.is_empty() {
            return None;
        }
        let mut found = None;
        for _ in 0..LOOKS {
            let (path, number) = rng.pick(&files);
            let bytes = self.inode(*number).durable();
            let sector = rng.below(bytes.len().div_ceil(SECTOR_BYTES) as u64) as usize;
            let holds = bytes[sector * SECTOR_BYTES..].iter().take(SECTOR_BYTES);
            let is_blank = holds.clone().all(|byte| *byte == 0);
            found = Some((path.clone(), *number, sector));
            if !is_blank {
                break;
            }
        }
        found
    }
}
