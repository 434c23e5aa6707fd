//! What may strike, when, and until when.

use serde::{Deserialize, Serialize};
use sisyphus::types::NodeId;

use super::{Moment, What};

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
/// node, which [`super::Who::Struck`] means; the names of the field's papers are in brackets.
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
