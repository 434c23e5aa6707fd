//! Which servers may give up, and what is believed of their reasons.
//!
//! A server that cannot start, go on or answer is a bug, but for these excuses, and each is proved by what the
//! world itself has done:
//! * It was removed, or its machine is gone: it is to stop.
//! * Its reason *names a file* that was damaged. It is replaced, as its operator would do. Damage that it does not
//!   name is no excuse, nor is a wrong answer ever.
//! * Its drive fails, or has failed while it ran. It starts again when the drive is mended.
//! * It came back on an empty disk, and its reason says to empty it once more. That is done.
//!
//! Beyond the budget of faults every reason will do: what is missing may be missing everywhere.
//!
//! The oracles know two more. A replica whose drive was damaged may have lost entries of its log (MONO), since the
//! product is to notice and get them back, but it stays bound by its terms and votes. And what a drive that is not
//! [sound](World::is_sound) holds, or might hold after a loss of power, is not read behind the server's back (AUD):
//! what the server itself says of it is judged like any other answer.

use serde_json::json;
use sisyphus::{node::Status, types::NodeId};

use super::World;
use crate::{oracle::Violation, trace::Source};

/// What a message to a node says that is to begin with an empty disk.
const EMPTY_IT: &str = "empty its data directory";

/// Why a server may give up, and so what is done next.
enum Excuse {
    /// It is to stop: nothing.
    Gone,
    /// It names what was damaged: it is replaced.
    Damaged,
    /// Its drive fails or has failed: it starts again when that is mended.
    Drive,
    /// It is on an empty disk, and is to empty it once more.
    StartsAnew,
}

impl World {
    /// The process of `node` says that it cannot go on. An accusation, unless it has an excuse: then what
    /// its operator would do is seen to.
    pub(super) fn give_up(&self, node: NodeId, trouble: &str) {
        match self.excuse(node, trouble) {
            Some(Excuse::Gone) => {}
            Some(Excuse::Damaged) => self.condemn(node),
            Some(Excuse::Drive) => self.wait_for_the_drive(node),
            Some(Excuse::StartsAnew) => {
                self.saw("a node that had lost its disk was not heard");
                self.nemesis.empty_again(node, self.now_us());
            }
            None => self.accuse(Violation::new("PAN", format!("{node} {trouble}"))),
        }
    }

    /// What has stopped serving at a node that runs, if that is no excuse. If it is, what follows from it is seen to
    /// when the process ends.
    pub(super) fn inexcusable(&self, status: &Status) -> Option<Violation> {
        let reason = status.failure.as_ref()?;
        let node = status.node;
        let accused = self.excuse(node, reason).is_none();
        accused.then(|| Violation::new("PAN", format!("{node} has stopped serving: {reason}")))
    }

    /// What `node` answers instead of what it was asked for. If it names what was damaged, it is replaced.
    pub(super) fn hear_trouble(&self, node: NodeId, trouble: &str) {
        if self.names_damage(node, trouble) {
            self.condemn(node);
        }
    }

    /// Whether the drive of `node` is why its store cannot be read in the end, for this reason.
    pub(super) fn may_be_unreadable(&self, node: NodeId, reason: &str) -> bool {
        self.is_troubled(node) || self.names_damage(node, reason)
    }

    /// Whether nothing on the drive of `node` was destroyed, nor lost by a sync that failed.
    pub(super) fn is_sound(&self, node: NodeId) -> bool {
        !self.is_troubled(node) && self.drives[&node].damaged().is_empty()
    }

    /// The excuse of `node`, if this reason is one.
    fn excuse(&self, node: NodeId, reason: &str) -> Option<Excuse> {
        let is_returning = self.is_returning(node);
        if is_returning && reason.contains(EMPTY_IT) {
            return Some(Excuse::StartsAnew);
        }
        if !self.is_present(node) {
            return Some(Excuse::Gone);
        }
        let is_troubled = self.is_troubled(node);
        if self.leaving().contains(&node) && !is_returning {
            // It starts again when it can: it takes others to remove it, and they may be too few without it.
            return Some(if is_troubled {
                Excuse::Drive
            } else {
                Excuse::Gone
            });
        }
        if self.names_damage(node, reason) {
            return Some(Excuse::Damaged);
        }
        is_troubled.then_some(Excuse::Drive)
    }

    /// Whether the drive of `node` fails, or has failed while its process ran.
    fn is_troubled(&self, node: NodeId) -> bool {
        self.life(node, |life| life.troubled)
    }

    fn names_damage(&self, node: NodeId, reason: &str) -> bool {
        let damaged = self.drives[&node].damaged();
        self.plan.beyond || damaged.iter().any(|file| reason.contains(file.as_str()))
    }

    /// Ends the process of `node` until its drive is mended, which it may be already.
    fn wait_for_the_drive(&self, node: NodeId) {
        let first = self.life(node, |life| !std::mem::replace(&mut life.broken, true));
        if first {
            self.hold_down(node);
        }
        if !self.drives[&node].is_troubled() {
            self.nemesis.relieve(node, self.now_us());
        }
    }

    /// What `node` has cannot be used any more: it ends, and is replaced as soon as that can be done.
    fn condemn(&self, node: NodeId) {
        let first = self.life(node, |life| !std::mem::replace(&mut life.condemned, true));
        if first {
            self.note(Source::World, "condemned", &[node.0], || json!({}));
            self.hold_down(node);
            if !self.plan.beyond {
                self.nemesis.replace_in_turn(node, self.now_us());
            }
        }
    }
}
