//! What may strike, and whom.

use serde::{Deserialize, Serialize};
use sisyphus::{config::Limits, types::NodeId};

use super::{DiskModel, LinkModel};

/// Whom a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// These nodes.
    Nodes(Vec<NodeId>),
    /// The node that became leader of the highest term, as far as the world has seen. Nobody
    /// before the first election.
    Leader,
    /// The node at whose event the fault strikes. Nobody if it strikes at a time.
    Struck,
    /// Every node.
    All,
}

/// What strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum What {
    /// Processes end and start again; their disks keep all that was written.
    Crash {
        /// Whose.
        who: Who,
    },
    /// Machines lose power, all in the same moment, and start again; their disks keep what they must.
    PowerLoss {
        /// Whose.
        who: Who,
    },
    /// Processes stand still and then go on, not knowing it.
    Pause {
        /// Whose.
        who: Who,
    },
    /// Frames between peers do not get through.
    Partition {
        /// Between whom.
        cut: Cut,
    },
    /// The links of some nodes behave differently.
    Links {
        /// Whose.
        who: Who,
        /// How.
        link: LinkModel,
        /// In which directions.
        #[serde(default, skip_serializing_if = "Way::is_both")]
        way: Way,
    },
    /// Disks change their speed.
    Disks {
        /// Whose.
        who: Who,
        /// To which.
        disk: DiskModel,
    },
    /// Drives fail syncs, or become full. A server that cannot go on ends, and starts again when
    /// the fault is over.
    Failing {
        /// Whose.
        who: Who,
        /// How many of a million syncs fail.
        failed_sync_ppm: u32,
        /// Whether the page cache knows afterwards what such a sync did not write; if not, it takes it
        /// for clean.
        #[serde(default)]
        keeps_dirty: bool,
        /// How many of a million writes and changes of names fail.
        #[serde(default)]
        failed_write_ppm: u32,
        /// How many of a million reads fail.
        #[serde(default)]
        failed_read_ppm: u32,
        /// How many bytes there is room for, beyond what is there, if there is a limit.
        room_bytes: Option<u64>,
    },
    /// Drives do not answer any more, until the fault is over.
    Stuck {
        /// Whose.
        who: Who,
        /// Whether reads and writes still go through the page cache, and only syncs do not return.
        syncs_only: bool,
    },
    /// Something that was synced is damaged. Only as far as a durable quorum of intact copies of all
    /// that was acknowledged is left, unless the plan is [beyond that](super::Plan::beyond).
    Damage {
        /// On whose drive; the first one's if there are several.
        who: Who,
        /// How.
        how: Damage,
        /// What the path of the file begins with.
        #[serde(default)]
        prefix: String,
    },
    /// A machine is down, and its disk is empty when it comes back, or a directory of it is gone. The product
    /// has to notice: with an empty disk it is not the member any more that had promised things, and
    /// without its log or its store it must not start. Nothing is emptied while the members are being changed, nor
    /// beyond what the cluster can bear.
    Wipe {
        /// Which; the first one if there are several.
        who: Who,
        /// The directory that is gone; everything if it has no name.
        #[serde(default)]
        directory: String,
    },
    /// Leaders are asked to hand over, as before a stop.
    Resign {
        /// Who is asked; others than leaders have nothing to do.
        who: Who,
    },
    /// A machine is lost with its disk, for good, and another one takes its place; or, what is the
    /// same, it comes back with an empty disk, which must not pass for the one that had promised
    /// things. Nothing happens while the members are being changed, or if the cluster is too small to
    /// do without one.
    Replace {
        /// Which; the first one if there are several.
        who: Who,
    },
    /// An operator adds a node, which learns and then votes. Nothing happens while the members are
    /// being changed otherwise.
    Grow,
    /// An operator removes a node. Nothing happens while the members are being changed otherwise, or
    /// if few are left.
    Shrink {
        /// Which; the first one if there are several.
        who: Who,
    },
    /// An operator has a node take the leadership over.
    Lead {
        /// Which; the first one if there are several.
        who: Who,
    },
    /// Servers are stopped and started again with other limits, one after the other in turn.
    Reconfigure {
        /// Whose.
        who: Who,
        /// The new ones.
        limits: Box<Limits>,
    },
    /// Further clients come, ask without a pause, and go.
    Burst {
        /// How many.
        clients: u64,
        /// How many operations each begins.
        operations: u64,
    },
    /// Clocks go wrong.
    Clock {
        /// Whose.
        who: Who,
        /// How far the wall clock is off, in milliseconds.
        offset_ms: i64,
        /// By how much the node's second is longer than a second, in millionths.
        drift_ppm: i64,
        /// How far the clock that measures intervals leaps ahead as the fault begins, in milliseconds.
        #[serde(default)]
        leap_ms: u64,
    },
}

/// Directions of a node's links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To the node and from it.
    #[default]
    Both,
    /// To the node: what it asks is heard at once, and it hears the answers late.
    In,
    /// From the node.
    Out,
}

impl Way {
    fn is_both(&self) -> bool {
        *self == Way::Both
    }
}

/// How synced bytes are damaged (Bairavasundaram et al., "An Analysis of Data Corruption in the
/// Storage Stack", FAST 2008, has all of them in the field).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// One to four bits of a sector change, or of several.
    Flip,
    /// A whole sector is something else, or several are.
    Garbage,
    /// One of the last writes was acknowledged and never done: the sector holds what it held before.
    Lost,
    /// One of the last writes went to another sector, of the same or another file.
    Misdirected,
    /// A directory is gone with all that was in it, as after a check of the file system.
    Gone,
}

/// A way to cut a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cut {
    /// These nodes and the others do not hear each other.
    Split {
        /// One of the two sides.
        side: Who,
    },
    /// The others do not hear these nodes, but are heard by them.
    Mute {
        /// The nodes that nobody hears.
        side: Who,
    },
    /// These nodes do not hear the others, but are heard by them.
    Deaf {
        /// The nodes that hear nobody.
        side: Who,
    },
    /// One link is cut, between this node and the next one.
    Single {
        /// The node.
        side: Who,
    },
    /// The others are in two halves that do not hear each other; this node hears both, and both hear
    /// it (Jepsen's *bridge*).
    Bridge {
        /// The node between them.
        side: Who,
    },
    /// Every node hears its two neighbours only, and each sees another majority (Jepsen's
    /// *majorities ring*).
    Ring,
    /// A split that comes and goes.
    Flapping {
        /// One of the two sides.
        side: Who,
        /// How long it lasts each time, and then does not, in milliseconds; at least 1.
        period_ms: u64,
    },
}

impl What {
    /// Whom it strikes; nobody in particular if there is none.
    pub fn who(&self) -> Option<&Who> {
        match self {
            What::Crash { who }
            | What::PowerLoss { who }
            | What::Pause { who }
            | What::Links { who, .. }
            | What::Disks { who, .. }
            | What::Failing { who, .. }
            | What::Stuck { who, .. }
            | What::Damage { who, .. }
            | What::Wipe { who, .. }
            | What::Resign { who }
            | What::Replace { who }
            | What::Shrink { who }
            | What::Lead { who }
            | What::Reconfigure { who, .. }
            | What::Clock { who, .. } => Some(who),
            What::Partition { cut } => cut.side(),
            What::Grow | What::Burst { .. } => None,
        }
    }
}

impl Cut {
    /// The nodes around which it is.
    fn side(&self) -> Option<&Who> {
        match self {
            Cut::Split { side }
            | Cut::Mute { side }
            | Cut::Deaf { side }
            | Cut::Single { side }
            | Cut::Bridge { side }
            | Cut::Flapping { side, .. } => Some(side),
            Cut::Ring => None,
        }
    }
}
