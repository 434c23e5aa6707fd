//! Reading a manifest back.

use bytes::Bytes;

use super::{
    super::error::{LsmError, Result},
    catalog::Catalog,
    edit::Edit,
    frame::{self, BadHeader, HEADER_BYTES, VERSION},
};
use crate::env::Disk;

/// Reads the manifest at `path`: what it says, and its epoch.
pub(in crate::lsm) async fn read(disk: &dyn Disk, path: &str) -> Result<(Catalog, u64)> {
    let file = disk.open(path).await?;
    let length = file.length().await?;
    let bytes = file.read_at(0, length as usize).await?;
    replay(&bytes, path)
}

/// Applies the edits in a manifest's bytes.
pub(super) fn replay(file: &Bytes, path: &str) -> Result<(Catalog, u64)> {
    let epoch = frame::header(file).map_err(|bad| match bad {
        BadHeader::Corrupt(error) => LsmError::decode(path, 0, error),
        BadHeader::Version(found) => LsmError::Version {
            file: path.to_owned(),
            found,
            supported: VERSION,
        },
    })?;
    let mut catalog = Catalog::default();
    let mut at = HEADER_BYTES;
    while at < file.len() {
        match frame::frame(file, epoch, at) {
            Ok(frame) => {
                apply(&mut catalog, path, at, frame.payload)?;
                at = frame.end;
            }
            // The first frame was durable before the file got its name.
            Err(error) if at == HEADER_BYTES || was_durable(file, epoch, at) => {
                return Err(LsmError::corrupt(path, at as u64, error.what));
            }
            Err(_) => break,
        }
    }
    match at > HEADER_BYTES {
        true => Ok((catalog, epoch)),
        false => Err(LsmError::corrupt(path, at as u64, "the list of all tables")),
    }
}

fn apply(catalog: &mut Catalog, path: &str, at: usize, payload: Bytes) -> Result<()> {
    if payload.is_empty() {
        return Ok(());
    }
    let edit = Edit::decode(payload);
    let edit = edit.map_err(|error| LsmError::corrupt(path, at as u64, error.what))?;
    catalog
        .apply(&edit)
        .map_err(|what| LsmError::corrupt(path, at as u64, what))
}

/// Whether a frame behind the bad one at `at` says that the file had been durable beyond it.
fn was_durable(file: &Bytes, epoch: u64, at: usize) -> bool {
    // The bad frame's length cannot be trusted, so the next may be anywhere.
    (at + 1..file.len()).any(|place| {
        let frame = frame::frame(file, epoch, place);
        frame.is_ok_and(|frame| frame.synced > at as u64)
    })
}
