//! The mark of a node whose state turned out to be wrong: a file in the data directory that says
//! why, and keeps the node from starting on that state again. The directory is the evidence; to go
//! on, the node is replaced.

use std::{io::ErrorKind, sync::Arc};

use crate::env::{Disk, DiskResult};

/// The file's name in the data directory.
pub(super) const FILE: &str = "FENCED";

/// The longest reason that is read back, in bytes.
const REASON_BYTES_MAX: usize = 1 << 10;

/// Marks the data directory, durably.
pub(super) async fn mark(disk: &Arc<dyn Disk>, reason: &str) -> DiskResult<()> {
    let file = match disk.create(FILE).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists => return Ok(()),
        created => created?,
    };
    file.append(reason.as_bytes()).await?;
    file.sync().await?;
    disk.sync_dir("").await
}

/// Why the data directory is marked, if it is.
pub(super) async fn reason(disk: &Arc<dyn Disk>) -> DiskResult<Option<String>> {
    let file = match disk.open(FILE).await {
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let bytes = file.read_at(0, REASON_BYTES_MAX).await?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{MemDisk, task::block_on};

    #[test]
    fn a_mark_survives_a_loss_of_power_and_keeps_its_first_reason() {
        block_on(async {
            let memory = MemDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(memory.clone());
            assert_eq!(reason(&disk).await.unwrap(), None);
            mark(&disk, "first").await.unwrap();
            mark(&disk, "second").await.unwrap();
            let disk: Arc<dyn Disk> = Arc::new(memory.restart());
            let kept = reason(&disk).await.unwrap();
            assert_eq!(kept.as_deref(), Some("first"));
        });
    }
}
