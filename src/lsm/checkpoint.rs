//! A copy of the whole database in another directory, made of second names for its tables.
//!
//! Tables never change, so a copy needs no bytes of its own: the new directory gets a link to every
//! table of one moment, and then a manifest that lists them. The manifest comes last and with one
//! renaming; a directory that has tables but no manifest is an unfinished copy, which does not open,
//! and is cleared by the next attempt. Compaction takes away its own names only.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    commit::Look,
    error::{LsmError, Result},
    manifest::Manifest,
    names::{self, Name},
    open::{create_dir, list},
    shared::Shared,
};
use crate::env::Disk;

/// Copies what is durable into `dir`, durably, and returns the note of the copy.
pub(super) async fn checkpoint(shared: &Shared, dir: &str) -> Result<Bytes> {
    let disk = shared.files.disk();
    prepare(shared, disk.as_ref(), dir).await?;
    // As long as `current` lives, its files do not go away.
    let Look {
        catalog, current, ..
    } = shared.look().await?;
    for table in current.version.tables() {
        let name = names::table(table.info().id);
        let from = shared.files.path_of(&name);
        disk.link(&from, &names::path(dir, &name)).await?;
    }
    disk.sync_dir(dir).await?;
    let note = catalog.note.clone();
    let edits_bytes_max = shared.files.options().manifest_bytes;
    Manifest::create(Arc::clone(disk), dir, catalog, 1, edits_bytes_max).await?;
    Ok(note)
}

/// Makes the directory, or clears it of an unfinished copy.
async fn prepare(shared: &Shared, disk: &dyn Disk, dir: &str) -> Result<()> {
    let occupied = || LsmError::Occupied {
        dir: dir.to_owned(),
    };
    let inside = shared.files.path_of("");
    if dir.is_empty() || dir.starts_with(&inside) {
        return Err(occupied());
    }
    create_dir(disk, dir).await?;
    let listing = list(disk, dir).await?;
    if listing.contains(&Name::Manifest) {
        return Err(occupied());
    }
    for name in listing {
        let name = match name {
            Name::Table(id) => names::table(id),
            Name::Manifest | Name::ManifestNew => names::MANIFEST_NEW.to_owned(),
        };
        disk.remove(&names::path(dir, &name)).await?;
    }
    Ok(())
}
