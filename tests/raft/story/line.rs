//! The language of the scripts.

use goldenscript::Command;
use sisyphus::raft::{Aim, Change};
use sisyphus::types::NodeId;

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
        /// So many more that are no members.
        #[arg(key, optional)]
        spare: Option<u64>,
        /// This one has the lowest priority.
        #[arg(key, optional)]
        unwilling: Option<u64>,
        /// Leaders serve reads by leases; clocks are off by so many percent at most, and followers
        /// are bound for as long as they are patient at least.
        #[arg(key, optional)]
        lease_drift: Option<u32>,
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
    /// So many milliseconds pass; nobody is woken by that.
    Wait { ms: u64 },
    /// The clock of a replica is too fast or too slow by so many percent from now on.
    Clock {
        id: u64,
        #[arg(key, optional)]
        fast: Option<i64>,
        #[arg(key, optional)]
        slow: Option<i64>,
    },
    /// Gives a replica commands, or bytes of them.
    Propose { id: u64, data: Vec<String> },
    /// Has a replica change who takes part, by wishes like "add 4", "remove 3", "demote 2",
    /// "learn 4", "learn 4 to vote" or "learn 4 to replace 3".
    Change { id: u64, wishes: Vec<String> },
    /// Has a replica hand leadership over, to this one or to the best.
    HandOver {
        id: u64,
        #[arg(key, optional)]
        to: Option<u64>,
    },
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
    /// Power is lost, and with it the last entries of the disk, which knows that.
    Damage { id: u64, entries: usize },
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

/// A wish in the words of a script.
pub fn change(wish: &str) -> Result<Change, String> {
    let words: Vec<&str> = wish.split(' ').collect();
    let id = |word: &str| {
        word.parse()
            .map(NodeId)
            .map_err(|_| format!("no id: {word}"))
    };
    Ok(match words[..] {
        ["add", voter] => Change::AddVoter(id(voter)?),
        ["remove", member] => Change::Remove(id(member)?),
        ["demote", voter] => Change::Demote(id(voter)?),
        ["learn", learner] => Change::AddLearner(id(learner)?, Aim::Stay),
        ["learn", learner, "to", "vote"] => Change::AddLearner(id(learner)?, Aim::Vote),
        ["learn", learner, "to", "replace", voter] => {
            Change::AddLearner(id(learner)?, Aim::Replace(id(voter)?))
        }
        _ => return Err(format!("no such change: {wish}")),
    })
}
