//! Opening a shard: its log and its state machine come from two places on disk, and this is where
//! they are brought to agree.

use std::sync::Arc;

use super::{
    Announced, Event, Failure, LogStore, Roster, Settings, StartError, World,
    applier::{Applier, ApplierJob},
    divergence::Divergence,
    forwards::Forwards,
    link::Link,
    outgoing::{Road, WINDOW_CHUNKS},
    pending::Pending,
    reads::Reads,
    replica::Replica,
    resign::Resignation,
    status::Board,
    transfers::Transfers,
    writer::WriterJob,
};
use crate::{
    env::{
        Rate, rare,
        task::{Receiver, Sender, Tasks, channel, watch},
    },
    machine::Machine,
    raft::{self, Base, HardState, Membership, Persist, Raft, Restored},
    types::{LogPosition, ShardId},
};

/// Jobs that may wait for the log writer, for each shard: one batch, and cuts.
pub(super) const WRITER_JOBS: usize = 4;

/// Jobs that may wait for the applier: one batch of entries, a window of a snapshot's chunks, and
/// what else there is to say of snapshots.
const APPLIER_JOBS: usize = WINDOW_CHUNKS + 8;

/// Completions that may wait for a replica: more than all stages together can have under way.
pub(super) const COMPLETIONS: usize = 64;

/// Append messages under way to a follower before the leader waits for its acknowledgement.
const INFLIGHT_MAX: usize = 64;

/// What it takes to open a shard.
pub(super) struct ReplicaParts<'a> {
    pub(super) link: Link,
    pub(super) settings: &'a Settings,
    pub(super) world: &'a World,
    pub(super) writer: Sender<WriterJob>,
    pub(super) failure: Failure,
}

/// The name of a shard's directory.
pub(super) fn directory(shard: ShardId) -> String {
    format!("shard-{}", shard.0)
}

impl ReplicaParts<'_> {
    /// Opens the state machine, reconciles the log with it, and makes the shard's stages.
    pub(super) async fn open(
        self,
        restored: Restored,
        store: &mut LogStore,
    ) -> Result<(Replica, Applier), StartError> {
        let (shard, limits) = (self.link.shard, &self.settings.limits);
        let mut machine = Machine::open(self.world.disk.clone(), &directory(shard), limits)
            .await
            .map_err(|error| StartError::Machine { shard, error })?;
        let restored = self.found(restored, store);
        if restored.base.at.index == 0 {
            machine.found(&restored.base.membership, &self.settings.founders);
        }
        if machine.members().was_removed(self.settings.node) {
            return Err(StartError::Removed(self.settings.node.0));
        }
        let restored = reconcile(shard, restored, &machine, store)?;
        self.observe(&restored, &machine);
        let announced = Announced::among(&restored.entries).unwrap_or_default();

        let rng = self.world.rng.fork(&directory(shard));
        let incarnation = rng.fork("incarnation").next_u64();
        let (applier, jobs) = channel::<ApplierJob>(APPLIER_JOBS);
        let applier_task = self.applier(machine, jobs);
        let replica = Replica {
            forwards: Forwards::new(incarnation, restored.hard_state.term),
            transfers: Transfers::new(incarnation),
            durable: applier_task.machine.applied(),
            raft: Raft::new(
                self.raft_config(),
                restored,
                rng.fork("raft"),
                self.world.clock.now_us(),
            ),
            link: self.link,
            clock: self.world.clock.clone(),
            limits: limits.clone(),
            writer: self.writer,
            applier,
            writing: false,
            applying: false,
            ticked: false,
            pending: Pending::default(),
            reads: Reads::default(),
            resignation: Resignation::default(),
            divergence: Divergence::default(),
            failure: self.failure,
            board: Board::default(),
            announced: watch::Sender::new(announced),
            roster: applier_task.roster.subscribe(),
            listed: LogPosition::default(),
            seen: (0, 0),
            seen_members: Membership::default(),
        };
        Ok((replica, applier_task))
    }

    /// Says who founds the shard, if the log begins with nobody: a new one, or one that was damaged where that
    /// stood. That of a node which joins begins with nobody, and what it holds since says the rest.
    fn found(&self, restored: Restored, store: &mut LogStore) -> Restored {
        let founders = &self.settings.founders;
        let Base { at, membership } = &restored.base;
        if at.index > 0 || !membership.is_empty() || founders.is_empty() {
            return restored;
        }
        let base = Base {
            membership: Membership::of_voters(founders.iter().map(|member| member.id)),
            ..Base::default()
        };
        // It would end a log that has entries; the configuration says it again at every start.
        if restored.entries.is_empty() {
            let persist = Persist {
                reset: Some(base.clone()),
                ..Persist::default()
            };
            store.append(self.link.shard, &persist);
        }
        Restored { base, ..restored }
    }

    fn applier(&self, machine: Machine, jobs: Receiver<ApplierJob>) -> Applier {
        Applier {
            roster: watch::channel(Roster::of(&machine, machine.applied().index)).0,
            machine,
            link: self.link.clone(),
            road: self.road(),
            disk: self.world.disk.clone(),
            jobs,
            failure: self.failure.clone(),
            memtable_bytes: self.settings.limits.memtable_bytes,
            incoming: None,
            log_bytes: 0,
            senders: Tasks::default(),
        }
    }

    fn road(&self) -> Road {
        let (limits, clock) = (&self.settings.limits, self.world.clock.clone());
        let rate = Rate::new(clock.clone(), limits.snapshot_bytes_per_second);
        Road {
            link: self.link.clone(),
            clock,
            rate: Arc::new(rate),
            chunk_bytes: limits.snapshot_chunk_bytes,
            failure: self.failure.clone(),
        }
    }

    fn raft_config(&self) -> raft::Config {
        let limits = &self.settings.limits;
        raft::Config {
            id: self.settings.node,
            heartbeat_ticks: limits.heartbeat_ticks,
            election_ticks: limits.election_ticks,
            append_bytes_max: limits.append_bytes_max,
            inflight_max: INFLIGHT_MAX,
            inflight_bytes_max: limits.inflight_bytes_max,
            priority: limits.priority,
            uncommitted_bytes_max: limits.uncommitted_bytes_max,
            promise_us: limits.promise_us(),
            lease_drift_ppm: limits.lease_reads.then_some(limits.clock_drift_ppm_max),
        }
    }

    fn observe(&self, restored: &Restored, machine: &Machine) {
        self.link.observe(Event::Restored {
            hard_state: restored.hard_state,
            base: restored.base.at,
            entries: &restored.entries,
            applied: machine.applied(),
            hash: machine.hash(),
        });
    }
}

/// Makes the log fit the state machine, durably.
///
/// The machine may be ahead of the log: a snapshot was installed, and the crash came before the
/// log was cut. What the log then holds is kept if it runs through the machine's position, and
/// thrown away if not: it is the log of a leader that lost, or ends before the snapshot, and
/// nothing in it that is missing from the machine was ever committed at its place.
pub(super) fn reconcile(
    shard: ShardId,
    restored: Restored,
    machine: &Machine,
    store: &mut LogStore,
) -> Result<Restored, StartError> {
    let applied = machine.applied();
    let Restored {
        base: Base { at: base, .. },
        ref entries,
        hard_state,
        damaged,
        ..
    } = restored;
    if applied.index < base.index {
        return Err(StartError::Gap {
            shard,
            base,
            applied,
        });
    }
    let through = match applied.index - base.index {
        0 => Some(base),
        ahead => entries.get(ahead as usize - 1).map(|entry| entry.at),
    };
    if through == Some(applied) {
        return Ok(Restored {
            applied: applied.index,
            ..restored
        });
    }
    // The snapshot may have been durable before the term that it came in: nothing was said in that
    // term, so nothing was voted.
    let hard_state = match hard_state.term < applied.term {
        true => HardState {
            term: applied.term,
            vote: None,
        },
        false => hard_state,
    };
    let base = Base {
        at: applied,
        membership: machine.membership().clone(),
    };
    rare::probe("a node started with its machine ahead of its log");
    let persist = Persist {
        hard_state: Some(hard_state),
        reset: Some(base.clone()),
        ..Persist::default()
    };
    store.append(shard, &persist);
    Ok(Restored {
        hard_state,
        base,
        entries: Vec::new(),
        applied: applied.index,
        damaged,
    })
}
