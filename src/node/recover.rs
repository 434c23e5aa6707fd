//! Going on without a majority, when it is lost for good and an operator says so.
//!
//! A cluster whose majority is gone can decide nothing, not even who belongs to it, and rightly so: the
//! others may be alive elsewhere. An operator who knows that they are not can make one survivor the
//! only voter. Its log gets one more entry, under a new term, with a membership of itself alone; when it
//! starts it elects itself and commits all that its log holds. That is the opposite of Raft's
//! promise: what the others committed and this node never received is lost, and what this node
//! received and nobody ever committed is done. Both are said, and a record stays in the data directory.
//!
//! The others must never run again on what they have: they would be refused by number, as members
//! that were removed, but among themselves they would still be a majority.

use std::{io::ErrorKind, sync::Arc};

use super::{
    Announced, LogStore, StartError, fence,
    host::{LOG_DIR, SHARDS, look},
    start::{directory, reconcile},
};
use crate::{
    config::Limits,
    env::{Clock, Disk, DiskResult, Overlay},
    machine::{Machine, Members},
    raft::{Entry, HardState, Membership, Payload, Persist, Restored},
    types::{Index, LogPosition, NodeId, ShardId},
};

/// Where the record stays, in the data directory: a line for each recovery.
pub(super) const RECORD: &str = "RECOVERED";

/// What a recovery makes of a shard, or has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The shard.
    pub shard: ShardId,
    /// The node that goes on alone.
    pub node: NodeId,
    /// The last entry of its log. What others had beyond it is lost.
    pub last: LogPosition,
    /// Up to here its state machine had applied, durably, and all of that was committed. The entries
    /// after it up to `last` are committed now, whether a majority ever had them or not.
    pub applied: Index,
    /// Who voted, and votes no longer.
    pub others: Vec<NodeId>,
}

/// Makes the node of this data directory the only voter of its shards, if `confirmed`; else only says
/// what that would mean, and writes nothing: whatever opening would repair is repaired in memory. The
/// node must not be running. Fails if the node does not vote, if its own log has lost entries, or if
/// its state was found to be wrong: a wrong state must not be what everybody gets.
pub async fn recover(
    disk: Arc<dyn Disk>,
    limits: &Limits,
    clock: &Clock,
    confirmed: bool,
) -> Result<Vec<Recovery>, StartError> {
    let disk: Arc<dyn Disk> = match confirmed {
        true => disk,
        false => Arc::new(Overlay::new(disk)),
    };
    let known = look(disk.as_ref()).await?;
    let node = known.ok_or(StartError::NothingToRecover)?.node;
    if let Some(reason) = fence::reason(&disk).await? {
        return Err(StartError::WrongSurvivor(reason));
    }
    let (mut store, mut logs) = LogStore::open(disk.clone(), LOG_DIR, limits.segment_bytes).await?;
    let mut recoveries = Vec::new();
    for shard in SHARDS {
        let opened = Machine::open(disk.clone(), &directory(shard), limits).await;
        let machine = opened.map_err(|error| StartError::Machine { shard, error })?;
        let restored = logs.remove(&shard).unwrap_or_default();
        let restored = reconcile(shard, restored, &machine, &mut store)?;
        let announced = Announced::among(&restored.entries);
        let survivor = Survivor {
            shard,
            node,
            members: announced.map_or_else(|| machine.members().clone(), |last| last.members),
            restored,
        };
        let (recovery, batch) = survivor.alone()?;
        store.append(shard, &batch);
        recoveries.push(recovery);
    }
    if confirmed {
        // Before the log says so: a record of what then did not happen harms nobody.
        for recovery in &recoveries {
            record(&disk, &line(recovery, clock)).await?;
        }
        store.commit().await?;
    }
    Ok(recoveries)
}

/// What is there of a shard.
struct Survivor {
    shard: ShardId,
    node: NodeId,
    members: Members,
    restored: Restored,
}

impl Survivor {
    /// The batch that makes it the only voter, and what that means.
    fn alone(mut self) -> Result<(Recovery, Persist), StartError> {
        let (shard, node) = (self.shard, self.node);
        let membership = self.membership();
        if !membership.is_voter(node) || self.restored.damaged {
            return Err(StartError::CannotRecover {
                shard,
                node: node.0,
            });
        }
        let last = self.last();
        self.members.retain(|id| id == node);
        let term = self.restored.hard_state.term.max(last.term) + 1;
        let entry = Entry {
            at: LogPosition {
                term,
                index: last.index + 1,
            },
            payload: Payload::of_membership(Membership::of_voters([node]), self.members.encode()),
        };
        let electors = membership.electors();
        let recovery = Recovery {
            shard,
            node,
            last,
            applied: self.restored.applied,
            others: electors.filter(|id| *id != node).collect(),
        };
        let batch = Persist {
            hard_state: Some(HardState {
                term,
                vote: Some(node),
            }),
            entries: vec![entry],
            ..Persist::default()
        };
        Ok((recovery, batch))
    }

    fn membership(&self) -> Membership {
        let entries = self.restored.entries.iter().rev();
        let newest = entries
            .filter_map(|entry| entry.payload.membership())
            .next();
        newest.unwrap_or(&self.restored.base.membership).clone()
    }

    fn last(&self) -> LogPosition {
        let last = self.restored.entries.last().map(|entry| entry.at);
        last.unwrap_or(self.restored.base.at)
    }
}

fn line(recovery: &Recovery, clock: &Clock) -> String {
    let Recovery {
        shard,
        node,
        last,
        applied,
        others,
    } = recovery;
    let ms = clock.wall_ms();
    format!(
        "{ms} ms since 1970: {shard}: {node} made the only voter after entry {last}, of which {applied} were applied; no longer voting: {others:?}\n"
    )
}

/// Adds a line to the record, durably.
async fn record(disk: &Arc<dyn Disk>, line: &str) -> DiskResult<()> {
    let file = match disk.create(RECORD).await {
        Err(error) if error.kind == ErrorKind::AlreadyExists => disk.open(RECORD).await?,
        created => created?,
    };
    file.append(line.as_bytes()).await?;
    file.sync().await?;
    disk.sync_dir("").await
}
