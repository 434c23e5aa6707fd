//! At a loss of power, or the end of a process, one disk image is what the run goes on with. A few others
//! that there might have been as well are recovered beside it, as far as a node's promises go: term,
//! vote and acknowledged entries are there, the log and the state machine fit together, and everything
//! opens (PROM; Raft figure 2). It costs a few milliseconds an image, where another seed costs fifty.

use std::sync::Arc;

use sisyphus::{
    config::Limits,
    env::Disk,
    gateway::SHARD,
    machine::Machine,
    node::{LogStore, look},
    types::NodeId,
};

use super::World;
use crate::{
    disk::Drive,
    oracle::{Promised, Violation},
};

/// The directories of a node on its drive.
const LOG_DIR: &str = "log";
const SHARD_DIR: &str = "shard-0";

/// An image to be recovered.
pub(super) struct Image {
    node: NodeId,
    promised: Promised,
    drive: Drive,
}

impl World {
    /// What else the drive of `node` might hold, were its power to fail now. Nothing of a drive that is
    /// damaged or was emptied: what it owes is not for sure.
    pub(super) fn develop(&self, node: NodeId) {
        let drive = &self.drives[&node];
        let is_owed = drive.damaged().is_empty() && !self.leaving().contains(&node);
        if self.plan.images == 0 || self.plan.beyond || !is_owed {
            return;
        }
        let promised = self.hub.lock().panel.promised(SHARD, node);
        let images = (1..=self.plan.images).map(|number| Image {
            node,
            promised: promised.clone(),
            drive: drive.image(number),
        });
        self.nemesis.keep_images(images.collect(), self.now_us());
    }

    /// Recovers an image.
    pub(super) async fn inspect(self: Arc<Self>, image: Image) {
        let Image {
            node,
            promised,
            drive,
        } = image;
        let recovered = recover(drive.boot(), &self.limits(node), &promised).await;
        if let Err(why) = recovered {
            let what = format!("of another image that {node} might have found: {why}");
            self.accuse(Violation::new("PROM", what));
        }
    }
}

async fn recover(disk: Arc<dyn Disk>, limits: &Limits, promised: &Promised) -> Result<(), String> {
    let known = look(disk.as_ref())
        .await
        .map_err(|error| error.to_string())?;
    if known.is_none() && promised.is_nothing() {
        return Ok(());
    }
    let store = LogStore::open(disk.clone(), LOG_DIR, limits.segment_bytes).await;
    let (_store, mut logs) = store.map_err(|error| error.to_string())?;
    let log = logs.remove(&SHARD).unwrap_or_default();
    promised.check(&log)?;
    let machine = Machine::open(disk, SHARD_DIR, limits).await;
    let machine = machine.map_err(|error| error.to_string())?;
    let (base, applied) = (log.base.at, machine.applied());
    match applied.index < base.index {
        true => Err(format!(
            "the log begins after {base}, the state machine ends at {applied}"
        )),
        false => Ok(()),
    }
}
