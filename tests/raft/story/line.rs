//! The language of the scripts.

use goldenscript::Command;
use sisyphus::raft::Body;

/// What a script may say. Replicas go by their numbers.
#[derive(Command)]
pub enum Line {
    /// Starts so many replicas with empty disks.
    Cluster {
        count: u64,
        #[arg(key, optional)]
        inflight: Option<usize>,
        #[arg(key, optional)]
        append_bytes: Option<usize>,
        #[arg(key, optional)]
        uncommitted_bytes: Option<usize>,
        #[arg(key, optional)]
        election: Option<u32>,
    },
    /// Elects a replica, without showing how.
    Elect { id: u64 },
    /// Makes a replica ask around and stand if it may.
    Campaign { id: u64 },
    /// Time passes for these replicas.
    Tick {
        ids: Vec<u64>,
        #[arg(key, optional)]
        times: Option<u64>,
    },
    /// Gives a replica commands, or bytes of them.
    Propose { id: u64, data: Vec<String> },
    /// Begins a read.
    Read { id: u64 },
    /// Delivers what waits now, but not what is sent meanwhile.
    Deliver {
        #[arg(key, optional)]
        from: Option<u64>,
        #[arg(key, optional)]
        to: Option<u64>,
        #[arg(key, optional)]
        only: Option<String>,
        /// The last sent first.
        #[arg(key, optional)]
        reverse: Option<bool>,
    },
    /// Delivers the same twice.
    Repeat { to: u64 },
    /// Loses what waits now.
    Lose {
        #[arg(key, optional)]
        from: Option<u64>,
        #[arg(key, optional)]
        to: Option<u64>,
        #[arg(key, optional)]
        only: Option<String>,
    },
    /// Delivers until nothing is left to deliver.
    Settle,
    /// Cuts these replicas off from the others; what is sent across waits.
    Cut { ids: Vec<u64> },
    /// Ends the partition.
    Heal,
    /// From now on the disk of a replica finishes nothing by itself.
    HoldDisk { id: u64 },
    /// The disk finishes the batch it is writing.
    Sync { id: u64 },
    /// The disk works by itself again.
    FreeDisk { id: u64 },
    /// The state machine of a replica takes nothing from now on.
    HoldApply { id: u64 },
    /// The state machine works again.
    FreeApply { id: u64 },
    /// Power is lost; of the batch that is being written, so many entries survive, if any.
    Crash {
        id: u64,
        #[arg(key, optional)]
        written: Option<usize>,
    },
    /// The process starts again.
    Restart { id: u64 },
    /// The state machine becomes durable and the log is cut below it, but for so many entries.
    Flush {
        id: u64,
        #[arg(key, optional)]
        keep: Option<u64>,
    },
    /// The transfers under way end: by installation, or without.
    Transfer {
        outcome: String,
        #[arg(key, optional)]
        from: Option<u64>,
    },
    /// Shows replicas.
    Show { ids: Vec<u64> },
}

/// The word by which a script picks messages.
pub fn kind(body: &Body) -> &'static str {
    match body {
        Body::PreVote { .. } => "pre-vote",
        Body::PreVoteReply { .. } => "pre-vote-reply",
        Body::Vote { .. } => "vote",
        Body::VoteReply { .. } => "vote-reply",
        Body::Append { .. } => "append",
        Body::AppendAccepted { .. } => "accepted",
        Body::AppendRejected { .. } => "rejected",
        Body::Heartbeat { .. } => "heartbeat",
        Body::HeartbeatReply { .. } => "heartbeat-reply",
        Body::TimeoutNow => "timeout-now",
        Body::ReadIndex { .. } => "read-index",
        Body::ReadIndexReply { .. } => "read-index-reply",
    }
}
