//! Writing the manifest.

use std::sync::Arc;

use super::{
    super::{error::Result, names},
    catalog::Catalog,
    edit::Edit,
    frame::{put_frame, put_header},
};
use crate::env::{Disk, File};

/// A manifest is not rewritten before its edits outweigh its first frame by this factor: else a
/// database of many tables would rewrite their list at every edit.
const GROWTH_FACTOR: u64 = 2;

/// The manifest in use, and its only writer.
pub(in crate::lsm) struct Manifest {
    disk: Arc<dyn Disk>,
    dir: String,
    catalog: Catalog,
    epoch: u64,
    file: Arc<dyn File>,
    /// The length of the file, all of it durable.
    length: u64,
    /// Beyond this length it is rewritten.
    length_max: u64,
    edits_bytes_max: u64,
}

impl Manifest {
    /// Writes the manifest of `epoch`, which says what `catalog` says, in place of the one there
    /// may be. Beyond about `edits_bytes_max` bytes of edits it will be rewritten.
    pub(in crate::lsm) async fn create(
        disk: Arc<dyn Disk>,
        dir: &str,
        catalog: Catalog,
        epoch: u64,
        edits_bytes_max: usize,
    ) -> Result<Manifest> {
        let mut bytes = Vec::new();
        put_header(&mut bytes, epoch);
        let at = bytes.len() as u64;
        put_frame(&mut bytes, epoch, at, 0, &catalog.to_edit().encode());
        let file = replace(disk.as_ref(), dir, &bytes).await?;
        let length = bytes.len() as u64;
        let edits_bytes_max = edits_bytes_max as u64;
        Ok(Manifest {
            disk,
            dir: dir.to_owned(),
            catalog,
            epoch,
            file,
            length,
            length_max: length + edits_bytes_max.max(GROWTH_FACTOR * length),
            edits_bytes_max,
        })
    }

    /// Makes an edit durable. After an error it may or may not be so, and nothing more can be
    /// appended.
    pub(in crate::lsm) async fn append(&mut self, edit: &Edit) -> Result<()> {
        let applied = self.catalog.apply(edit);
        assert_eq!(applied, Ok(()), "an edit fits what is there");
        if self.length > self.length_max {
            // The new file has the edit already.
            return self.rewrite().await;
        }
        let mut frame = Vec::new();
        put_frame(
            &mut frame,
            self.epoch,
            self.length,
            self.length,
            &edit.encode(),
        );
        self.write(&frame).await?;
        let mut mark = Vec::new();
        put_frame(&mut mark, self.epoch, self.length, self.length, &[]);
        self.write(&mark).await
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let offset = self.file.append(bytes).await?;
        assert_eq!(offset, self.length, "the manifest has one writer");
        self.file.sync().await?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    async fn rewrite(&mut self) -> Result<()> {
        let disk = Arc::clone(&self.disk);
        let catalog = std::mem::take(&mut self.catalog);
        let bytes_max = self.edits_bytes_max as usize;
        *self = Manifest::create(disk, &self.dir, catalog, self.epoch + 1, bytes_max).await?;
        Ok(())
    }
}

/// Puts a file with these bytes, durably, in the place of the manifest.
async fn replace(disk: &dyn Disk, dir: &str, bytes: &[u8]) -> Result<Arc<dyn File>> {
    let new = names::path(dir, names::MANIFEST_NEW);
    let file = disk.create(&new).await?;
    file.append(bytes).await?;
    file.sync().await?;
    disk.rename(&new, &names::path(dir, names::MANIFEST))
        .await?;
    disk.sync_dir(dir).await?;
    Ok(file)
}
