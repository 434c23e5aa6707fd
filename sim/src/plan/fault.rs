//! What may strike, when, and until when.

use serde::{Deserialize, Serialize};
use sisyphus::types::NodeId;

use super::{DiskModel, LinkModel};

/// Something bad.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// When it strikes.
    pub when: When,
    /// What it is.
    pub what: What,
    /// When it is over. Healing ends every fault at the latest.
    pub until: Until,
}

/// When a fault strikes. It strikes once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum When {
    /// At a time.
    At {
        /// Milliseconds since the clients began.
        ms: u64,
    },
    /// At an event of a node, in the very moment: nothing of the node runs in between.
    Event {
        /// The node; any node if there is none.
        node: Option<NodeId>,
        /// The kind of event.
        event: Moment,
        /// Which of the events of that kind, counted from 1 and through restarts.
        nth: u64,
        /// Events before this time do not count, in milliseconds since the clients began.
        #[serde(default, skip_serializing_if = "is_zero")]
        from_ms: u64,
    },
    /// As soon as something holds; the world looks every few milliseconds.
    State {
        /// What has to hold.
        condition: Condition,
        /// Not before this time, in milliseconds since the clients began.
        from_ms: u64,
    },
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Something that holds for a while, and is worse to be struck in than most others. Each is about a
/// node, which [`Who::Struck`] means; the names of the field's papers are in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Condition {
    /// There is a leader, and the log of another running node ends more than so many entries before
    /// that of the leader. It is about the node that lags.
    Lagging {
        /// Entries.
        entries: u64,
    },
    /// The log of a running node ends before the leader's begins, so that a snapshot has to be sent or
    /// is on its way (Raft §7). It is about the node that needs it.
    Snapshot,
    /// Two nodes think that they lead. It is about the one in the lower term.
    TwoLeaders,
    /// A change of the membership is under way (joint consensus, Raft §6). It is about the leader.
    Membership,
}

/// When a fault is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Until {
    /// Some time after it struck.
    After {
        /// Milliseconds.
        ms: u64,
    },
    /// Not before everything is healed.
    Healed,
}

/// Kinds of events that a fault may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// The node became leader.
    Leader,
    /// It granted somebody its vote.
    VoteSent,
    /// As a leader, it sent entries.
    AppendSent,
    /// It acknowledged an append.
    AppendAcked,
    /// A batch of its log became durable.
    Persisted,
    /// Its commit index advanced.
    Committed,
    /// It applied an entry.
    Applied,
    /// It told a client that a write is done.
    Acknowledged,
    /// It installed a snapshot.
    SnapshotInstalled,
    /// Bytes went into its page cache.
    Wrote,
    /// A sync has begun.
    Syncing,
    /// A sync is done, and the process does not know it yet.
    Synced,
    /// A name was made, changed or removed.
    Renamed,
    /// A directory's sync is done.
    DirSynced,
}

impl Moment {
    /// All of them.
    pub const ALL: [Moment; 14] = [
        Moment::Leader,
        Moment::VoteSent,
        Moment::AppendSent,
        Moment::AppendAcked,
        Moment::Persisted,
        Moment::Committed,
        Moment::Applied,
        Moment::Acknowledged,
        Moment::SnapshotInstalled,
        Moment::Wrote,
        Moment::Syncing,
        Moment::Synced,
        Moment::Renamed,
        Moment::DirSynced,
    ];
}

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
    /// The links of some nodes, in both directions, behave differently.
    Links {
        /// Whose.
        who: Who,
        /// How.
        link: LinkModel,
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
        /// How many of a million syncs of files fail.
        failed_sync_ppm: u32,
        /// How many bytes there is room for, beyond what is there, if there is a limit.
        room_bytes: Option<u64>,
    },
    /// Leaders are asked to hand over, as before a stop.
    Resign {
        /// Who is asked; others than leaders have nothing to do.
        who: Who,
    },
    /// A machine is lost with its disk, for good, and another one takes its place. Nothing happens
    /// while one is being replaced, or if the cluster is too small to do without one.
    Replace {
        /// Which; the first one if there are several.
        who: Who,
    },
    /// Clocks go wrong.
    Clock {
        /// Whose.
        who: Who,
        /// How far the wall clock is off, in milliseconds.
        offset_ms: i64,
        /// By how much the node's second is longer than a second, in millionths.
        drift_ppm: i64,
    },
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
}
