//! Everything about a drive that changes: names, contents, speed and trouble.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use sisyphus::rng::Rng;

use super::{inode::Inode, tear::Tear, tree::Tree, waste::Waste};
use crate::plan::DiskModel;

/// What is on a drive, and how it is at the moment.
#[derive(Clone)]
pub(super) struct Platter {
    pub tree: Tree,
    pub inodes: BTreeMap<u64, Inode>,
    /// What files left that are no more.
    pub waste: Waste,
    pub model: DiskModel,
    pub trouble: DiskTrouble,
    /// How many faults keep it from answering at all, and how many syncs alone.
    pub stuck: (u32, u32),
    /// The incarnation that may use the drive; handles of other ones are dead.
    pub generation: u64,
    next_inode: u64,
    pub operations: u64,
    pub losses: u64,
    /// The files that were damaged, with their paths at that time.
    pub damaged: BTreeSet<(String, u64)>,
}

/// What fails on a drive that still works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskTrouble {
    /// How many of a million syncs fail, of files and of directories.
    pub failed_sync_ppm: u32,
    /// Whether the page cache knows what a failed sync did not write. If not, it takes all of it for
    /// clean, as that of Linux does (Rebello et al., "Can Applications Recover from fsync Failures?",
    /// ATC 2020).
    pub keeps_dirty: bool,
    /// How many of a million writes and changes of names fail. A part of the write may be done.
    pub failed_write_ppm: u32,
    /// How many of a million reads fail.
    pub failed_read_ppm: u32,
    /// How many bytes its files may have together, if there is a limit. Of a write beyond it only
    /// the part that fits is written.
    pub capacity_bytes: Option<u64>,
}

impl Platter {
    /// An empty one.
    pub fn new(model: DiskModel) -> Self {
        Platter {
            tree: Tree::default(),
            inodes: BTreeMap::new(),
            waste: Waste::default(),
            model,
            trouble: DiskTrouble::default(),
            stuck: (0, 0),
            generation: 0,
            next_inode: 0,
            operations: 0,
            losses: 0,
            damaged: BTreeSet::new(),
        }
    }

    /// Makes a file without a name.
    pub fn new_inode(&mut self) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, Inode::default());
        self.next_inode
    }

    /// Writes at `offset`, or at the end, as much as there is room for. Answers where it began.
    pub fn write(
        &mut self,
        number: u64,
        offset: Option<u64>,
        bytes: &[u8],
    ) -> Result<u64, io::ErrorKind> {
        let length = self.inode(number).length() as u64;
        let offset = offset.unwrap_or(length);
        let growth = (offset + bytes.len() as u64).saturating_sub(length);
        let lacking = growth.saturating_sub(self.room()).min(bytes.len() as u64);
        let fits = bytes.len() - lacking as usize;
        let inode = self.inode(number);
        inode.write(offset as usize, &bytes[..fits]);
        match lacking {
            0 => Ok(offset),
            _ => Err(io::ErrorKind::StorageFull),
        }
    }

    /// By how many bytes files may still grow.
    pub fn room(&self) -> u64 {
        let capacity = self.trouble.capacity_bytes;
        capacity.map_or(u64::MAX, |max| max.saturating_sub(self.used_bytes()))
    }

    /// The bytes of all files.
    pub fn used_bytes(&self) -> u64 {
        let lengths = self.inodes.values().map(|inode| inode.length() as u64);
        lengths.sum()
    }

    /// The file that an open handle stands for. It exists as long as its process does.
    pub fn inode(&mut self, number: u64) -> &mut Inode {
        let found = self.inodes.get_mut(&number);
        found.expect("files are forgotten when their process has ended")
    }

    /// The file, and where what is cut off it goes.
    pub fn inode_and_waste(&mut self, number: u64) -> (&mut Inode, &mut Waste) {
        let found = self.inodes.get_mut(&number);
        let inode = found.expect("files are forgotten when their process has ended");
        (inode, &mut self.waste)
    }

    /// The files whose names are durable and begin with `prefix`, by name.
    pub fn durable_files(&self, prefix: &str) -> Vec<(String, u64)> {
        let files = self.tree.durable_files();
        let files = files
            .filter(|(path, number)| path.starts_with(prefix) && self.inodes.contains_key(number));
        files
            .map(|(path, number)| (path.to_owned(), number))
            .collect()
    }

    /// Everything in between is decided about.
    pub fn lose_power(&mut self, rng: &mut Rng) {
        let tear = Tear::draw(rng);
        self.tree.lose_power(&tear, &mut rng.fork("names"));
        self.forget_unnamed();
        for (number, inode) in &mut self.inodes {
            let rng = rng.fork("contents");
            inode.lose_power(&tear, &self.waste, &mut rng.fork(&number.to_string()));
        }
    }

    /// Files that nobody can reach any more are gone, and their blocks free.
    pub fn forget_unnamed(&mut self) {
        let named: BTreeSet<u64> = self.tree.files().collect();
        let waste = &mut self.waste;
        self.inodes.retain(|number, inode| {
            let stays = named.contains(number);
            if !stays {
                waste.take(0, inode.durable());
            }
            stays
        });
    }

    /// Whether a power loss now would put something at stake.
    pub fn is_dirty(&self) -> bool {
        self.tree.is_dirty() || self.inodes.values().any(Inode::is_dirty)
    }
}
