//! How much a drive holds.

use super::{Drive, tree::Entry};

/// How much a directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its files.
    pub files: u64,
    /// Their bytes, as processes see them.
    pub bytes: u64,
}

impl Drive {
    /// How much is in the directory `dir`, without the directories in it.
    pub fn usage(&self, dir: &str) -> Usage {
        let platter = self.platter();
        let mut usage = Usage::default();
        for (_, entry) in platter.tree.live_in(dir) {
            if let Entry::File(number) = entry {
                let inode = platter.inodes.get(number);
                usage.files += 1;
                usage.bytes += inode.map_or(0, |inode| inode.length() as u64);
            }
        }
        usage
    }
}
