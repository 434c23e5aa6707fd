//! Drives that fail, and what may be destroyed on them.
//!
//! # The budget of faults
//! Where something that was synced is damaged, nobody could give it back if it were the last copy. So
//! damage strikes only where the cluster can bear it, and everything that goes wrong afterwards is a bug:
//! * fewer than half of the voters are *impaired*: their drives are damaged, or they are being replaced;
//! * all that is committed is durable on a majority of the voters that are not;
//! * nobody is coming or going at the moment;
//! * there is a machine left to replace the one that is damaged.
//!
//! What a server may say of a drive that fails or is damaged, and be believed, stands in [`super::excuses`].

use std::collections::BTreeSet;

use serde_json::json;
use sisyphus::types::NodeId;

use super::World;
use crate::{
    disk::DiskTrouble,
    plan::{Damage, What},
    trace::Source,
};

impl World {
    /// Lets the drive of `node` fail as `what` has it.
    pub(super) fn trouble(&self, node: NodeId, what: &What) {
        let What::Failing {
            failed_sync_ppm,
            keeps_dirty,
            failed_write_ppm,
            failed_read_ppm,
            room_bytes,
            ..
        } = *what
        else {
            return;
        };
        let drive = &self.drives[&node];
        let used = drive.used_bytes();
        drive.set_trouble(DiskTrouble {
            failed_sync_ppm,
            keeps_dirty,
            failed_write_ppm,
            failed_read_ppm,
            capacity_bytes: room_bytes.map(|room| used + room),
        });
        self.life(node, |life| life.troubled = true);
    }

    /// The drive of `node` is mended, and whom it broke starts again.
    pub(super) fn relieve(&self, node: NodeId) {
        self.drives[&node].set_trouble(DiskTrouble::default());
        if self.life(node, |life| std::mem::take(&mut life.broken)) {
            self.let_up(node);
        }
    }

    /// Damages the drive of `node`, if the cluster can bear it; the fault at this place of the plan
    /// does.
    pub(super) fn damage(&self, place: usize, node: NodeId, how: Damage, prefix: &str) {
        if !self.plan.beyond && !self.may_be_damaged(node) {
            return;
        }
        let files = self.drives[&node].damage(how, prefix, place as u64);
        if files.is_empty() {
            return;
        }
        let detail = || json!({ "how": how, "files": files });
        self.note(Source::World, "damaged", &[node.0], detail);
        self.hub.lock().panel.forgive(node);
    }

    /// The nodes that are there and whose drives are damaged, and those that are being replaced.
    pub(super) fn impaired(&self) -> BTreeSet<NodeId> {
        let mut nodes: BTreeSet<NodeId> = self.node_ids().into_iter().collect();
        let leaving = self.leaving();
        nodes.retain(|node| leaving.contains(node) || !self.drives[node].damaged().is_empty());
        nodes
    }

    fn may_be_damaged(&self, node: NodeId) -> bool {
        let Some(voters) = self.settled_voters() else {
            return false;
        };
        let mut impaired = self.impaired();
        impaired.insert(node);
        let majority = voters.len() / 2 + 1;
        // Who is gone may still be a voter for those who are left, until they have applied it.
        let here: BTreeSet<NodeId> = self.node_ids().into_iter().collect();
        let intact = voters.difference(&impaired).copied();
        let intact: BTreeSet<NodeId> = intact.filter(|node| here.contains(node)).collect();
        self.has_spare_for(impaired.len() as u64)
            && intact.len() >= majority
            && self.hub.lock().is_committed_on(&intact, majority)
    }
}
