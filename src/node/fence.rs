//! The mark of a node whose state turned out to be wrong: a file in the data directory that says
//! why, and keeps the node from starting on that state again.
//!
//! At its next start the node makes its state anew, once. What its disk held is kept as evidence, under
//! second names in a directory beside it. The state machine begins empty. The log's entries are
//! forgotten, term and vote are not, and the log says that it has lost what it vouched for: so Raft
//! neither lets this node vote nor counts on it, until its leader has sent it a state and a log and it
//! has both (`raft`: "Promises and the disk"). Nothing of the old state is served.
//!
//! Each step is durable before the next, and the mark goes last: a crash anywhere leaves a directory
//! in which all of it is done again. Where there is evidence already, made by an earlier rebuilding, the
//! machine itself is suspect: the node does not start, and is to be replaced.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use super::{LogStore, StartError};
use crate::{
    env::{Disk, DiskError, DiskResult},
    raft::{Membership, Restored},
    types::ShardId,
};

/// The file's name in the data directory.
pub(super) const FILE: &str = "FENCED";

/// Where what the disk held when it was marked is kept, in the data directory.
pub(super) const EVIDENCE: &str = "evidence";

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

/// Gives every file in `dirs` a second name among the evidence, if the data directory is marked; true
/// if so. Fails if there is evidence of an earlier time.
pub(super) async fn keep_evidence(
    disk: &Arc<dyn Disk>,
    dirs: &[String],
) -> Result<bool, StartError> {
    let Some(reason) = reason(disk).await? else {
        return Ok(false);
    };
    if is_there(disk, &format!("{EVIDENCE}/{FILE}")).await? {
        return Err(StartError::Fenced(reason));
    }
    tracing::error!("{reason}: the state is made anew; what was there is kept in {EVIDENCE}");
    for dir in dirs {
        let kept = format!("{EVIDENCE}/{dir}");
        disk.create_dir(&kept).await?;
        for name in files(disk, dir).await? {
            link(disk, &format!("{dir}/{name}"), &format!("{kept}/{name}")).await?;
        }
        disk.sync_dir(&kept).await?;
    }
    disk.sync_dir(EVIDENCE).await?;
    disk.sync_dir("").await?;
    Ok(true)
}

/// Forgets what the logs held, then what the state machines in `machines` held, then the mark. What
/// is left of each log is put in its place.
pub(super) async fn begin_anew(
    disk: &Arc<dyn Disk>,
    store: &mut LogStore,
    logs: &mut BTreeMap<ShardId, Restored>,
    machines: &[String],
) -> Result<(), StartError> {
    for (shard, log) in logs.iter_mut() {
        let mut entries = log.entries.iter().rev();
        let newest = entries.find_map(|entry| entry.payload.membership());
        let membership: Membership = newest.unwrap_or(&log.base.membership).clone();
        *log = store.forget(*shard, membership).await?;
    }
    for dir in machines {
        for name in files(disk, dir).await? {
            disk.remove(&format!("{dir}/{name}")).await?;
        }
        disk.sync_dir(dir).await?;
    }
    link(disk, FILE, &format!("{EVIDENCE}/{FILE}")).await?;
    disk.sync_dir(EVIDENCE).await?;
    disk.remove(FILE).await?;
    Ok(disk.sync_dir("").await?)
}

/// The names of the files in a directory, which may not be there.
async fn files(disk: &Arc<dyn Disk>, dir: &str) -> DiskResult<Vec<String>> {
    match disk.list(dir).await {
        Err(error) if is_absent(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(names) => Ok(names
            .into_iter()
            .filter(|name| !name.ends_with('/'))
            .collect()),
    }
}

/// Gives a file a second name; it may have it already.
async fn link(disk: &Arc<dyn Disk>, from: &str, to: &str) -> DiskResult<()> {
    match disk.link(from, to).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    }
}

async fn is_there(disk: &Arc<dyn Disk>, path: &str) -> DiskResult<bool> {
    match disk.open(path).await {
        Err(error) if is_absent(&error) => Ok(false),
        opened => opened.map(|_| true),
    }
}

fn is_absent(error: &DiskError) -> bool {
    error.kind == ErrorKind::NotFound
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
