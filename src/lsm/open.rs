//! Opening a database: finding out what there is, and starting the background work.

use std::sync::{Arc, OnceLock, atomic::AtomicU64};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    commit::{self, REQUESTS_MAX},
    compact,
    error::{LsmError, Result},
    files::Files,
    flush,
    garbage::{Garbage, LiveTable},
    job::Running,
    manifest::{self, Catalog, Manifest},
    memtable::Memtable,
    names::{self, Name},
    options::Options,
    pressure::Pressure,
    scrub::{self, Damage},
    shared::{Shared, guarded},
    state::{Current, SuperVersion},
    stats::Counters,
    trouble::Troubles,
    version::Version,
};
use crate::env::{
    Clock, Disk, Rate,
    task::{Tasks, channel, watch},
};

/// Opens the database in `dir`, or makes one. Returns its state and the tasks that work on it.
pub(super) async fn open(
    disk: Arc<dyn Disk>,
    dir: &str,
    options: Options,
) -> Result<(Arc<Shared>, Tasks)> {
    create_dir(disk.as_ref(), dir).await?;
    let listing = list(disk.as_ref(), dir).await?;
    let (mut catalog, epoch) = read_manifest(disk.as_ref(), dir, &listing).await?;
    // An id whose file may come back from an unfinished removal is not used again.
    let next_id = listing.iter().filter_map(|name| name.table()).max();
    catalog.next_id = catalog.next_id.max(next_id.map_or(1, |id| id + 1));

    let changes = watch::Sender::new(());
    let garbage = Arc::new(Garbage::new(changes.clone()));
    let edits_bytes_max = options.manifest_bytes;
    let files = Files::new(Arc::clone(&disk), dir, options, catalog.next_id, garbage);
    let version = known_tables(&files, dir, &catalog, &listing)?;
    let orphans = orphans(&listing, &catalog);
    let note = catalog.note.clone();
    // A process that died may have left an edit that can be read, but is not durable yet. It is
    // durable in the new manifest, so that what it replaced may go.
    let manifest = Manifest::create(disk, dir, catalog, epoch + 1, edits_bytes_max).await?;
    files.discard(orphans);
    files.collect_garbage().await;
    Ok(start(files, version, manifest, changes, note))
}

/// Makes the directory, durably: a lost name would take all that is in it along.
pub(super) async fn create_dir(disk: &dyn Disk, dir: &str) -> Result<()> {
    if dir.is_empty() {
        return Ok(());
    }
    disk.create_dir(dir).await?;
    let mut path = dir;
    while let Some((parent, _)) = path.rsplit_once('/') {
        disk.sync_dir(parent).await?;
        path = parent;
    }
    Ok(disk.sync_dir("").await?)
}

/// The files there are. What is not ours is not touched, nor worked beside.
pub(super) async fn list(disk: &dyn Disk, dir: &str) -> Result<Vec<Name>> {
    let names = disk.list(dir).await?;
    let parse = |name: &String| {
        names::parse(name).ok_or_else(|| LsmError::Foreign {
            file: names::path(dir, name),
        })
    };
    names.iter().map(parse).collect()
}

/// What the manifest says, and its epoch. Removes one that did not get its name.
async fn read_manifest(disk: &dyn Disk, dir: &str, listing: &[Name]) -> Result<(Catalog, u64)> {
    let path = names::path(dir, names::MANIFEST);
    let read = if listing.contains(&Name::Manifest) {
        manifest::read(disk, &path).await?
    } else if listing.iter().any(|name| name.table().is_some()) {
        return Err(LsmError::corrupt(&path, 0, "a manifest beside the tables"));
    } else {
        (Catalog::default(), 0)
    };
    if listing.contains(&Name::ManifestNew) {
        disk.remove(&names::path(dir, names::MANIFEST_NEW)).await?;
    }
    Ok(read)
}

/// The tables that the manifest names. That there is a file for each is all that is looked at: it
/// is opened when it is first read, so that opening a database takes no longer when it has grown.
fn known_tables(files: &Files, dir: &str, catalog: &Catalog, listing: &[Name]) -> Result<Version> {
    let mut tables: Vec<(usize, Arc<LiveTable>)> = Vec::new();
    for (id, (level, info)) in &catalog.tables {
        if !listing.contains(&Name::Table(*id)) {
            return Err(LsmError::Missing {
                table: names::path(dir, &names::table(*id)),
                manifest: names::path(dir, names::MANIFEST),
            });
        }
        let table = files.table(info.clone());
        table.keep();
        tables.push((*level, table));
    }
    let overlap = "tables of one level that do not overlap";
    Version::of(tables)
        .ok_or_else(|| LsmError::corrupt(&names::path(dir, names::MANIFEST), 0, overlap))
}

/// Tables that do not belong to the database: left over from work that was not finished.
fn orphans(listing: &[Name], catalog: &Catalog) -> Vec<u64> {
    let ids = listing.iter().filter_map(|name| name.table());
    ids.filter(|id| !catalog.tables.contains_key(id)).collect()
}

fn start(
    files: Files,
    version: Version,
    manifest: Manifest,
    changes: watch::Sender<()>,
    note: Bytes,
) -> (Arc<Shared>, Tasks) {
    let (writer, active) = Memtable::create(0, files.options().memtable_bytes);
    let (requests, receiver) = channel(REQUESTS_MAX);
    let first = SuperVersion {
        active,
        frozen: Vec::new(),
        version: Arc::new(version),
        generation: 0,
    };
    let clock = Clock::system();
    let compaction_rate = Rate::new(clock.clone(), files.options().compaction_bytes_per_second);
    let compactions_max = files.options().compactions_max.max(1);
    let shared = Arc::new(Shared {
        files: Arc::new(files),
        current: Current::new(first),
        writer: Mutex::new(writer),
        next_memtable: AtomicU64::new(1),
        pressure: Pressure::default(),
        running: Running::default(),
        compaction_rate,
        next_sweep: AtomicU64::new(0),
        floor: AtomicU64::new(0),
        changes,
        note: watch::Sender::new(note),
        failure: OnceLock::new(),
        troubles: Troubles::default(),
        damage: Damage::default(),
        clock,
        counters: Counters::default(),
        requests,
    });
    shared.update_pressure();
    let mut tasks = Tasks::default();
    let clone = || Arc::clone(&shared);
    tasks.spawn(guarded(clone(), commit::run(clone(), manifest, receiver)));
    tasks.spawn(guarded(clone(), flush::run(clone())));
    for _ in 0..compactions_max {
        tasks.spawn(guarded(clone(), compact::run(clone())));
    }
    let scrub_rate = shared.files.options().scrub_bytes_per_second;
    if scrub_rate > 0 {
        tasks.spawn(guarded(clone(), scrub::run(clone(), scrub_rate)));
    }
    (shared, tasks)
}
