//! Names: directories and what is in them, as seen and as surely on the platter.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

use sisyphus::rng::Rng;

use super::tear::Tear;

/// What operations on names answer.
pub(super) type Outcome<T> = Result<T, ErrorKind>;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A directory.
    Dir,
    /// The file with this number.
    File(u64),
}

/// One change of one directory, done or not done as a whole.
#[derive(Clone, Debug)]
struct Change {
    /// Counts the changes of the whole tree.
    serial: u64,
    /// The directory whose sync makes it durable.
    dir: String,
    /// Paths with what they stand for afterwards.
    sets: Vec<(String, Option<Entry>)>,
}

/// All names of a disk, by full path. The root is there always and has no name.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    live: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    /// What lies between the two, in the order in which it was done.
    journal: Vec<Change>,
    serial: u64,
}

impl Tree {
    /// What `path` stands for.
    pub fn get(&self, path: &str) -> Outcome<Entry> {
        match self.live.get(path) {
            Some(entry) => Ok(*entry),
            None if path.is_empty() => Ok(Entry::Dir),
            None => Err(ErrorKind::NotFound),
        }
    }

    /// The file that `path` names.
    pub fn file(&self, path: &str) -> Outcome<u64> {
        match self.get(path)? {
            Entry::File(number) => Ok(number),
            Entry::Dir => Err(ErrorKind::IsADirectory),
        }
    }

    /// Names a new file.
    pub fn create(&mut self, path: &str, number: u64) -> Outcome<()> {
        self.check_dir(parent(path))?;
        if self.get(path).is_ok() {
            return Err(ErrorKind::AlreadyExists);
        }
        self.change(parent(path), vec![(path, Some(Entry::File(number)))]);
        Ok(())
    }

    /// Makes a directory and those above it. A file in the way is an error.
    pub fn create_dir(&mut self, path: &str) -> Outcome<()> {
        match self.get(path) {
            Ok(Entry::Dir) => Ok(()),
            Ok(Entry::File(_)) => Err(ErrorKind::NotADirectory),
            Err(_) => {
                self.create_dir(parent(path))?;
                self.change(parent(path), vec![(path, Some(Entry::Dir))]);
                Ok(())
            }
        }
    }

    /// The names in `dir`, sorted; those of directories end in `/`.
    pub fn list(&self, dir: &str) -> Outcome<Vec<String>> {
        self.check_dir(dir)?;
        let inside = self.live.iter().filter(|(path, _)| parent(path) == dir);
        let mut names: Vec<String> = inside
            .map(|(path, entry)| match entry {
                Entry::Dir => format!("{}/", name(path)),
                Entry::File(_) => name(path).to_owned(),
            })
            .collect();
        names.sort();
        Ok(names)
    }

    /// Gives the file `from` the second name `to`.
    pub fn link(&mut self, from: &str, to: &str) -> Outcome<()> {
        let file = self.file(from)?;
        self.create(to, file)
    }

    /// Gives the file `from` the name `to`.
    pub fn rename(&mut self, from: &str, to: &str) -> Outcome<()> {
        let file = Entry::File(self.file(from)?);
        self.check_dir(parent(to))?;
        if self.get(to) == Ok(Entry::Dir) {
            return Err(ErrorKind::IsADirectory);
        }
        if from == to {
            return Ok(());
        }
        if parent(from) == parent(to) {
            self.change(parent(to), vec![(from, None), (to, Some(file))]);
        } else {
            self.change(parent(to), vec![(to, Some(file))]);
            self.change(parent(from), vec![(from, None)]);
        }
        Ok(())
    }

    /// Takes a file's name away.
    pub fn remove(&mut self, path: &str) -> Outcome<()> {
        self.file(path)?;
        self.change(parent(path), vec![(path, None)]);
        Ok(())
    }

    /// `dir` is gone for sure with all that is in it, or all names if it is the root. True if it was there.
    pub fn wipe(&mut self, dir: &str) -> bool {
        let inside = format!("{dir}/");
        let goes = |path: &str| dir.is_empty() || path == dir || path.starts_with(&inside);
        let was_there = self.live.keys().any(|path| goes(path));
        for names in [&mut self.live, &mut self.durable] {
            names.retain(|path, _| !goes(path));
        }
        for change in &mut self.journal {
            change.sets.retain(|(path, _)| !goes(path));
        }
        was_there
    }

    fn check_dir(&self, path: &str) -> Outcome<()> {
        match self.get(path)? {
            Entry::Dir => Ok(()),
            Entry::File(_) => Err(ErrorKind::NotADirectory),
        }
    }

    fn change(&mut self, dir: &str, sets: Vec<(&str, Option<Entry>)>) {
        self.serial += 1;
        let change = Change {
            serial: self.serial,
            dir: dir.to_owned(),
            sets: sets.into_iter().map(|(p, e)| (p.to_owned(), e)).collect(),
        };
        apply(&mut self.live, &change);
        self.journal.push(change);
    }

    /// A sync of `dir` begins: it will cover all changes up to the returned one.
    pub fn begin_sync(&self, dir: &str) -> Outcome<u64> {
        self.check_dir(dir)?;
        Ok(self.serial)
    }

    /// The sync is done.
    pub fn end_sync(&mut self, dir: &str, covered: u64) {
        let (done, left) = std::mem::take(&mut self.journal)
            .into_iter()
            .partition(|change| change.dir == dir && change.serial <= covered);
        self.journal = left;
        let done: Vec<Change> = done;
        done.iter()
            .for_each(|change| apply(&mut self.durable, change));
    }

    /// The power failed: each directory keeps some of its unsynced changes.
    pub fn lose_power(&mut self, tear: &Tear, rng: &mut Rng) {
        let mut by_dir: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for change in std::mem::take(&mut self.journal) {
            by_dir.entry(change.dir.clone()).or_default().push(change);
        }
        for changes in by_dir.into_values() {
            let kept = tear.survivors(changes.len(), rng);
            // A name's changes survive as a prefix: the file system orders those at least.
            let mut lost: Vec<&str> = Vec::new();
            for (change, kept) in changes.iter().zip(kept) {
                let names = || change.sets.iter().map(|(path, _)| path.as_str());
                if kept && !names().any(|name| lost.contains(&name)) {
                    apply(&mut self.durable, change);
                } else {
                    lost.extend(names());
                }
            }
        }
        self.drop_orphans();
        self.live = self.durable.clone();
    }

    /// Names below a directory that is gone are gone with it.
    fn drop_orphans(&mut self) {
        // Parents come before their children in the order of paths.
        let mut reachable: BTreeMap<String, Entry> = BTreeMap::new();
        for (path, entry) in std::mem::take(&mut self.durable) {
            let above = parent(&path);
            if above.is_empty() || reachable.get(above) == Some(&Entry::Dir) {
                reachable.insert(path, entry);
            }
        }
        self.durable = reachable;
    }

    /// The paths in `dir` that processes see.
    pub fn live_in(&self, dir: &str) -> impl Iterator<Item = (&String, &Entry)> {
        self.live
            .iter()
            .filter(move |(path, _)| parent(path) == dir)
    }

    /// Whether some change is not durable yet.
    pub fn is_dirty(&self) -> bool {
        !self.journal.is_empty()
    }

    /// The files whose names are durable, by name.
    pub fn durable_files(&self) -> impl Iterator<Item = (&str, u64)> {
        let entries = self.durable.iter();
        entries.filter_map(|(path, entry)| match entry {
            Entry::File(number) => Some((path.as_str(), *number)),
            Entry::Dir => None,
        })
    }

    /// The names, live or durable, of the files with these numbers.
    pub fn names_of(&self, numbers: &BTreeSet<u64>) -> impl Iterator<Item = String> {
        let entries = self.live.iter().chain(&self.durable);
        entries.filter_map(move |(path, entry)| match entry {
            Entry::File(number) if numbers.contains(number) => Some(path.clone()),
            _ => None,
        })
    }

    /// Every file that has a name, or may have one after a loss.
    pub fn files(&self) -> impl Iterator<Item = u64> {
        let pending = self.journal.iter().flat_map(|change| &change.sets);
        let pending = pending.filter_map(|(_, entry)| entry.as_ref());
        (self.live.values())
            .chain(self.durable.values())
            .chain(pending)
            .filter_map(|entry| match entry {
                Entry::File(number) => Some(*number),
                Entry::Dir => None,
            })
    }
}

fn apply(tree: &mut BTreeMap<String, Entry>, change: &Change) {
    for (path, entry) in &change.sets {
        match entry {
            Some(entry) => tree.insert(path.clone(), *entry),
            None => tree.remove(path),
        };
    }
}

/// The directory of `path`; the root's path is empty.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
