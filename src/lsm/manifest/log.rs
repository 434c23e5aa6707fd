//! Writing the manifest.

use std::{io::ErrorKind, sync::Arc};

use super::{
    super::{error::Result, names},
    catalog::Catalog,
    edit::Edit,
    frame::{put_frame, put_header},
    recovery::read,
};
use crate::env::{Disk, File};

/// A manifest is not rewritten before its edits outweigh its first frame by this factor: else a
/// database of many tables would rewrite their list at every edit.
const GROWTH_FACTOR: u64 = 2;

/// The manifest in use, and its only writer.
pub(in crate::lsm) struct Manifest {
    disk: Arc<dyn Disk>,
    dir: String,
    /// What all edits say, those included of which it is not known whether they are durable.
    catalog: Catalog,
    epoch: u64,
    file: Arc<dyn File>,
    /// The length of the file, all of it durable.
    length: u64,
    /// Beyond this length it is rewritten.
    length_max: u64,
    edits_bytes_max: u64,
    /// An operation on the file failed: nothing may be appended to it any more.
    is_broken: bool,
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
        let bytes = beginning(&catalog, epoch);
        let file = replace(disk.as_ref(), dir, &bytes).await?;
        let mut manifest = Manifest {
            disk,
            dir: dir.to_owned(),
            catalog,
            epoch,
            file,
            length: 0,
            length_max: 0,
            edits_bytes_max: edits_bytes_max as u64,
            is_broken: false,
        };
        manifest.begin(bytes.len() as u64);
        Ok(manifest)
    }

    /// What it should say.
    pub(in crate::lsm) fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What it says: the file is read back.
    pub(in crate::lsm) async fn reread(&self) -> Result<Catalog> {
        let path = names::path(&self.dir, names::MANIFEST);
        let (catalog, _) = read(self.disk.as_ref(), &path).await?;
        Ok(catalog)
    }

    /// Makes an edit durable. After an error it may or may not be so, and [`Self::rewrite`] must
    /// succeed before anything else is appended.
    pub(in crate::lsm) async fn append(&mut self, edit: &Edit) -> Result<()> {
        assert!(!self.is_broken, "nothing is appended behind a failure");
        let applied = self.catalog.apply(edit);
        assert_eq!(applied, Ok(()), "an edit fits what is there");
        let done = match self.length > self.length_max {
            // The new file has the edit already.
            true => self.rewrite().await,
            false => self.append_frames(&edit.encode()).await,
        };
        self.is_broken = done.is_err();
        done
    }

    /// Puts a new file of the next epoch in the place of this one. It says all that was appended,
    /// also what failed. May be tried again.
    pub(in crate::lsm) async fn rewrite(&mut self) -> Result<()> {
        self.epoch += 1;
        let bytes = beginning(&self.catalog, self.epoch);
        self.file = replace(self.disk.as_ref(), &self.dir, &bytes).await?;
        self.begin(bytes.len() as u64);
        self.is_broken = false;
        Ok(())
    }

    /// A file of this length was begun.
    fn begin(&mut self, length: u64) {
        self.length = length;
        self.length_max = length + self.edits_bytes_max.max(GROWTH_FACTOR * length);
    }

    /// The edit, and behind it the mark that it is durable.
    async fn append_frames(&mut self, edit: &[u8]) -> Result<()> {
        for payload in [edit, &[]] {
            let mut frame = Vec::new();
            put_frame(&mut frame, self.epoch, self.length, self.length, payload);
            self.write(&frame).await?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let offset = self.file.append(bytes).await?;
        assert_eq!(offset, self.length, "the manifest has one writer");
        self.file.sync().await?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// The bytes of a manifest that says what `catalog` says.
pub(super) fn beginning(catalog: &Catalog, epoch: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_header(&mut bytes, epoch);
    let at = bytes.len() as u64;
    put_frame(&mut bytes, epoch, at, 0, &catalog.to_edit().encode());
    bytes
}

/// Puts a file with these bytes, durably, in the place of the manifest.
async fn replace(disk: &dyn Disk, dir: &str, bytes: &[u8]) -> Result<Arc<dyn File>> {
    let new = names::path(dir, names::MANIFEST_NEW);
    let file = match disk.create(&new).await {
        // An earlier attempt failed: what it left is not trusted.
        Err(error) if error.kind == ErrorKind::AlreadyExists => {
            disk.remove(&new).await?;
            disk.create(&new).await?
        }
        created => created?,
    };
    file.append(bytes).await?;
    file.sync().await?;
    disk.rename(&new, &names::path(dir, names::MANIFEST))
        .await?;
    disk.sync_dir(dir).await?;
    Ok(file)
}
