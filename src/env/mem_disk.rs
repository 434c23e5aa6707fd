//! A disk in memory that forgets, for unit tests: what a power failure leaves of it is the worst
//! that the contract of [`Disk`] allows, namely nothing that was not synced.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    Disk, DiskError, DiskResult, File,
    disk::{check_dir, check_path},
    task::yield_now,
};

mod file;

/// A disk in memory. Clones share it.
///
/// Everything exists twice: as running programs see it, and as it would be found after a power
/// failure. `sync` copies a file's contents from the first to the second, `sync_dir` the names in
/// one directory (not in those below it, and not the directory's own name).
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    state: Arc<Mutex<State>>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Dir,
    /// A file: its key in [`State::files`].
    File(u64),
}

#[derive(Clone, Debug, Default)]
struct State {
    /// The contents of all files that have or had a name.
    files: BTreeMap<u64, Contents>,
    /// All paths, as programs see them.
    names: BTreeMap<String, Entry>,
    /// All paths, as a power failure would leave them.
    durable: BTreeMap<String, Entry>,
    /// How many mutating operations were begun.
    operations: u64,
    /// From then on everything fails.
    operations_max: Option<u64>,
    /// An operation was refused because of `operations_max`.
    stopped: bool,
    /// From then on there is no room for more.
    full_from: Option<u64>,
    /// By how many bytes more files may grow by `write_at`.
    room: Option<u64>,
    /// How many syncs were begun, of files and directories.
    syncs: u64,
    /// The one of them that fails.
    failing_sync: Option<u64>,
    /// Syncs let other tasks run before they begin.
    slow: bool,
}

#[derive(Clone, Debug, Default)]
struct Contents {
    data: Vec<u8>,
    /// What a power failure would leave.
    synced: Vec<u8>,
    /// Below here the two are equal.
    dirty_from: usize,
}

/// An open file; it outlives its name.
#[derive(Debug)]
struct MemFile {
    state: Arc<Mutex<State>>,
    file: u64,
    path: String,
}

impl MemDisk {
    /// An empty disk.
    pub fn new() -> Self {
        MemDisk::default()
    }

    /// Lets `operations` mutating operations through, counted from the disk's beginning; the one
    /// after them fails, and from then on everything does, reads included.
    pub fn stop_after(&self, operations: u64) {
        self.state.lock().operations_max = Some(operations);
    }

    /// Lets `operations` mutating operations through, counted from the disk's beginning; after
    /// them the disk is full: what needs room (create, create_dir, link, append, write_at) fails
    /// with `StorageFull`, an append after half of its bytes.
    pub fn fill_after(&self, operations: u64) {
        self.state.lock().full_from = Some(operations);
    }

    /// Lets files grow by this many bytes more by `write_at`; what reaches beyond is refused with
    /// `StorageFull`.
    pub fn leave_room(&self, bytes: u64) {
        self.state.lock().room = Some(bytes);
    }

    /// The disk has room again.
    pub fn make_room(&self) {
        let mut state = self.state.lock();
        (state.full_from, state.room) = (None, None);
    }

    /// Lets sync number `sync` fail, counted from 1 as [`Self::syncs`] does. What it was to save of
    /// a file is lost for good: later syncs take it for saved.
    pub fn fail_sync(&self, sync: u64) {
        self.state.lock().failing_sync = Some(sync);
    }

    /// How many syncs have been begun, of files and of directories.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// From now on a sync of a file lets other tasks run before it does its work.
    pub fn slow_down(&self) {
        self.state.lock().slow = true;
    }

    /// From now on it does not any more.
    pub fn speed_up(&self) {
        self.state.lock().slow = false;
    }

    /// How many mutating operations have been begun: create, create_dir, link, rename, remove,
    /// sync_dir, append, write_at, truncate, sync.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// What a power failure leaves when nothing unsynced survives: a new disk that works again.
    pub fn restart(&self) -> MemDisk {
        let mut state = self.state.lock().clone();
        let durable = std::mem::take(&mut state.durable);
        // A name in a directory whose own name was lost is lost with it.
        let reachable = |path: &str| ancestors(path).all(|dir| durable.contains_key(dir));
        let names: BTreeMap<_, _> = durable
            .iter()
            .filter(|(path, _)| reachable(path))
            .map(|(path, entry)| (path.clone(), *entry))
            .collect();
        for contents in state.files.values_mut() {
            contents.data = contents.synced.clone();
            contents.dirty_from = contents.data.len();
        }
        state.durable = names.clone();
        state.names = names;
        MemDisk::with(state)
    }

    /// What the crash of a process leaves: everything that was written, but no more durable than
    /// it was. A new disk that works again.
    pub fn restart_keeping_unsynced(&self) -> MemDisk {
        let state = self.state.lock().clone();
        MemDisk::with(state)
    }

    /// A working disk with this state; files without a name are gone.
    fn with(mut state: State) -> MemDisk {
        let named: Vec<Entry> = [&state.names, &state.durable]
            .into_iter()
            .flat_map(|names| names.values().copied())
            .collect();
        state
            .files
            .retain(|file, _| named.contains(&Entry::File(*file)));
        (state.operations, state.operations_max, state.stopped) = (0, None, false);
        (state.full_from, state.syncs, state.failing_sync) = (None, 0, None);
        state.room = None;
        MemDisk {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Inverts the lowest bit of the byte at `offset`, durably: the disk's own decay. Panics if
    /// there is no such byte.
    pub fn flip_bit(&self, path: &str, offset: usize) {
        assert!(offset < self.contents(path).len(), "a bit beyond the end");
        self.damage(path, |bytes| {
            // The durable state may be shorter.
            if let Some(byte) = bytes.get_mut(offset) {
                *byte ^= 1;
            }
        });
    }

    /// Cuts a file to `length` bytes, durably. Panics if there is no such file.
    pub fn truncate_file(&self, path: &str, length: usize) {
        self.damage(path, |bytes| bytes.truncate(length));
    }

    /// What a reader of the file sees. Panics if there is no such file.
    pub fn contents(&self, path: &str) -> Vec<u8> {
        let state = self.state.lock();
        let file = state.file("read", path).expect("a file to look into");
        state.files[&file].data.clone()
    }

    /// Changes both what programs see of a file and what is durable of it.
    fn damage(&self, path: &str, change: impl Fn(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let file = state.file("damage", path).expect("a file to damage");
        let contents = state.contents(file);
        change(&mut contents.data);
        change(&mut contents.synced);
        contents.dirty_from = 0;
    }

    fn file(&self, path: &str, file: u64) -> Arc<dyn File> {
        Arc::new(MemFile {
            state: self.state.clone(),
            file,
            path: path.to_owned(),
        })
    }
}

impl State {
    /// Counts a mutating operation, or refuses it.
    fn begin(&mut self, op: &'static str, path: &str) -> DiskResult<()> {
        self.stopped |= self
            .operations_max
            .is_some_and(|max| self.operations >= max);
        self.check_running(op, path)?;
        self.operations += 1;
        Ok(())
    }

    /// As [`Self::begin`], for what needs room.
    fn begin_growth(&mut self, op: &'static str, path: &str) -> DiskResult<()> {
        let is_full = self.full_from.is_some_and(|from| self.operations >= from);
        self.begin(op, path)?;
        match is_full {
            true => Err(fail(op, path, ErrorKind::StorageFull, "the disk is full")),
            false => Ok(()),
        }
    }

    /// Takes this much of the room that is left, or refuses it.
    fn take_room(&mut self, path: &str, bytes: u64) -> DiskResult<()> {
        let Some(room) = &mut self.room else {
            return Ok(());
        };
        *room = room
            .checked_sub(bytes)
            .ok_or_else(|| fail("write", path, ErrorKind::StorageFull, "the disk is full"))?;
        Ok(())
    }

    /// As [`Self::begin`], for a sync.
    fn begin_sync(&mut self, op: &'static str, path: &str) -> DiskResult<()> {
        self.begin(op, path)?;
        self.syncs += 1;
        match self.failing_sync == Some(self.syncs) {
            true => Err(fail(op, path, ErrorKind::Other, "the sync was to fail")),
            false => Ok(()),
        }
    }

    fn check_running(&self, op: &'static str, path: &str) -> DiskResult<()> {
        if self.stopped {
            return Err(fail(op, path, ErrorKind::Other, "the disk was stopped"));
        }
        Ok(())
    }

    fn contents(&mut self, file: u64) -> &mut Contents {
        let contents = self.files.get_mut(&file);
        contents.expect("files live as long as their disk")
    }

    fn file(&self, op: &'static str, path: &str) -> DiskResult<u64> {
        check_path(op, path)?;
        match self.names.get(path) {
            Some(Entry::File(file)) => Ok(*file),
            Some(Entry::Dir) => Err(fail(op, path, ErrorKind::IsADirectory, "a directory")),
            None => Err(fail(op, path, ErrorKind::NotFound, "no such file")),
        }
    }

    fn check_dir(&self, op: &'static str, dir: &str) -> DiskResult<()> {
        check_dir(op, dir)?;
        match self.names.get(dir) {
            _ if dir.is_empty() => Ok(()),
            Some(Entry::Dir) => Ok(()),
            Some(Entry::File(_)) => Err(fail(op, dir, ErrorKind::NotADirectory, "a file")),
            None => Err(fail(op, dir, ErrorKind::NotFound, "no such directory")),
        }
    }

    /// Checks that `path` may be given to a file: its directory exists, and it is no directory.
    fn check_target(&self, op: &'static str, path: &str) -> DiskResult<()> {
        check_path(op, path)?;
        self.check_dir(op, parent(path))
            .map_err(|error| fail(op, path, error.kind, "the directory of this file"))?;
        match self.names.get(path) {
            Some(Entry::Dir) => Err(fail(op, path, ErrorKind::IsADirectory, "a directory")),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Disk for MemDisk {
    async fn open(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        let state = self.state.lock();
        state.check_running("open", path)?;
        Ok(self.file(path, state.file("open", path)?))
    }

    async fn create(&self, path: &str) -> DiskResult<Arc<dyn File>> {
        let mut state = self.state.lock();
        state.begin_growth("create", path)?;
        check_path("create", path)?;
        if state.names.contains_key(path) {
            return Err(fail("create", path, ErrorKind::AlreadyExists, "exists"));
        }
        state.check_target("create", path)?;
        let file = state.files.last_key_value().map_or(0, |(last, _)| last + 1);
        state.files.insert(file, Contents::default());
        state.names.insert(path.to_owned(), Entry::File(file));
        Ok(self.file(path, file))
    }

    async fn create_dir(&self, path: &str) -> DiskResult<()> {
        let mut state = self.state.lock();
        state.begin_growth("create_dir", path)?;
        check_dir("create_dir", path)?;
        for dir in ancestors(path).chain([path]).filter(|dir| !dir.is_empty()) {
            let entry = state.names.entry(dir.to_owned()).or_insert(Entry::Dir);
            if *entry != Entry::Dir {
                return Err(fail("create_dir", dir, ErrorKind::NotADirectory, "a file"));
            }
        }
        Ok(())
    }

    async fn list(&self, dir: &str) -> DiskResult<Vec<String>> {
        let state = self.state.lock();
        state.check_running("list", dir)?;
        state.check_dir("list", dir)?;
        let children = state.names.iter().filter(|(path, _)| parent(path) == dir);
        let mut names: Vec<String> = children
            .map(|(path, entry)| match entry {
                Entry::Dir => format!("{}/", name(path)),
                Entry::File(_) => name(path).to_owned(),
            })
            .collect();
        names.sort();
        Ok(names)
    }

    async fn link(&self, from: &str, to: &str) -> DiskResult<()> {
        let mut state = self.state.lock();
        state.begin_growth("link", from)?;
        let file = state.file("link", from)?;
        state.check_target("link", to)?;
        if state.names.contains_key(to) {
            return Err(fail("link", to, ErrorKind::AlreadyExists, "exists"));
        }
        state.names.insert(to.to_owned(), Entry::File(file));
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str) -> DiskResult<()> {
        let mut state = self.state.lock();
        state.begin("rename", from)?;
        let file = state.file("rename", from)?;
        state.check_target("rename", to)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), Entry::File(file));
        Ok(())
    }

    async fn remove(&self, path: &str) -> DiskResult<()> {
        let mut state = self.state.lock();
        state.begin("remove", path)?;
        state.file("remove", path)?;
        state.names.remove(path);
        Ok(())
    }

    async fn sync_dir(&self, dir: &str) -> DiskResult<()> {
        let mut state = self.state.lock();
        state.begin_sync("sync_dir", dir)?;
        state.check_dir("sync_dir", dir)?;
        let state = &mut *state;
        state.durable.retain(|path, _| parent(path) != dir);
        let children = state.names.iter().filter(|(path, _)| parent(path) == dir);
        state
            .durable
            .extend(children.map(|(path, entry)| (path.clone(), *entry)));
        Ok(())
    }
}

fn fail(op: &'static str, path: &str, kind: ErrorKind, reason: &str) -> DiskError {
    DiskError::because(op, path, kind, reason)
}

/// The directory of a path; the empty path is the root.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

/// The last name of a path.
fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The directories above a path, from the top; the root is not among them.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
