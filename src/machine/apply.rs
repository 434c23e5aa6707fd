//! The machine itself: the one who applies entries.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Bounds, Command, MachineError, Members, Outcome, Reader, Reply, Txn,
    cursor::Overlay,
    encode_outcome, mvcc, note,
    reader::View,
    session::Admission,
    state::State,
    txn::{Plan, Stop, plan},
};
use crate::{
    config::Limits,
    env::{Disk, rare, task::watch},
    lsm::{Batch, Db, Options},
    raft::{Membership, NewMembership},
    types::{LogPosition, RequestId, Revision},
};

/// A table that is cut where the limits say has at least about so many blocks.
const BLOCKS_MIN: usize = 8;

/// Applies the log of one shard. There is one for a shard, and it has one owner; any number of
/// [`Reader`]s read what it has applied.
pub struct Machine {
    pub(super) db: Db,
    pub(super) state: State,
    pub(super) bounds: Bounds,
    /// What readers may see; changed only when all of it is in the engine.
    pub(super) view: watch::Sender<View>,
    /// The note of the newest durable flush.
    durable: watch::Receiver<Bytes>,
    /// The last entry of the last flush that was begun.
    pub(super) frozen: LogPosition,
    /// Kept for its memory.
    batch: Batch,
}

impl Machine {
    /// Opens the machine whose data is in `dir`, as the last durable flush left it; an empty
    /// directory is a machine that has applied nothing. The log is to be applied again from
    /// [`applied`](Machine::applied) on.
    pub async fn open(
        disk: Arc<dyn Disk>,
        dir: &str,
        limits: &Limits,
    ) -> Result<Machine, MachineError> {
        Machine::open_bounded(disk, dir, limits, Bounds::new()).await
    }

    pub(super) async fn open_bounded(
        disk: Arc<dyn Disk>,
        dir: &str,
        limits: &Limits,
        bounds: Bounds,
    ) -> Result<Machine, MachineError> {
        let db = Db::open(disk, dir, options(limits)).await?;
        let state = State::decode(db.note()).map_err(note::bad_note)?;
        db.set_floor(state.floor);
        let (view, _) = watch::channel(View::of(&state));
        Ok(Machine {
            durable: db.durable_note(),
            frozen: state.applied,
            batch: Batch::new(),
            db,
            state,
            bounds,
            view,
        })
    }

    /// The last entry that was applied.
    pub fn applied(&self) -> LogPosition {
        self.state.applied
    }

    /// The last entry whose effect is on disk: the log is not needed up to here.
    pub fn durable(&self) -> LogPosition {
        note::position(&self.durable.borrow()).expect("every note is written by a machine")
    }

    /// The revision of the last transaction that changed something.
    pub fn revision(&self) -> Revision {
        self.state.revision
    }

    /// The hash of all entries that were applied and of what they came to. Machines that stand at
    /// one position have one hash, or are broken.
    pub fn hash(&self) -> u64 {
        self.state.hash
    }

    /// Who takes part in the shard as of the last entry.
    pub fn membership(&self) -> &Membership {
        &self.state.membership
    }

    /// What the cluster's members are called and where they are reached.
    pub fn members(&self) -> &Members {
        &self.state.members
    }

    /// Tells a machine that knows of no members who founded the shard; one that knows some keeps to
    /// what it knows. To be called before the first entry is applied.
    pub fn found(&mut self, membership: &Membership, members: &Members) {
        if self.state.membership.is_empty() {
            self.state.membership = membership.clone();
        }
        if self.state.members.is_empty() {
            self.state.members = members.clone();
        }
    }

    /// Who reads this machine's data while it goes on applying.
    pub fn reader(&self) -> Reader {
        Reader::new(self.db.clone(), self.view.subscribe(), self.bounds)
    }

    /// Applies the entry at `at`, which must follow the last one (panics otherwise). An entry
    /// without data changes nothing but the position. After an error, or if the future is dropped,
    /// nothing was applied: nothing is changed before the last await.
    pub async fn apply(&mut self, at: LogPosition, data: &Bytes) -> Result<Outcome, MachineError> {
        self.state.assert_next(at);
        if data.is_empty() {
            self.state.advance(at, data, &[]);
            return Ok(Ok(self.nothing_done()));
        }
        if let Some(members) = Members::of_command(data) {
            let members = members.map_err(|error| MachineError::Command { at, error })?;
            return Ok(Ok(self.relist(at, data, members)));
        }
        let command =
            Command::decode(data.clone()).map_err(|error| MachineError::Command { at, error })?;
        let admission = command
            .request
            .map(|request| self.state.sessions.admit(request));
        if let Some(Admission::Answered(outcome)) = admission {
            rare::probe(match &outcome {
                Err(super::Refusal::SessionExpired(_)) => {
                    "a request of a forgotten session was refused"
                }
                _ => "a repeated request was answered from its session",
            });
            self.repeated(at, data, command.request, &outcome);
            return Ok(outcome);
        }
        let outcome = match self.plan(&command.txn).await? {
            Ok(plan) => {
                self.write(&plan);
                Ok(plan.reply)
            }
            Err(refusal) => Err(refusal),
        };
        self.applied_first(at, data, command.request, &outcome);
        Ok(outcome)
    }

    /// Applies the entry at `at`, which must follow the last one (panics otherwise): from it on,
    /// others take part. Its context is the new list of members, or nothing, and then the list stays.
    /// Who takes no part leaves the list in any case. After an error nothing was applied.
    pub fn reconfigure(
        &mut self,
        at: LogPosition,
        new: &NewMembership,
    ) -> Result<Reply, MachineError> {
        self.state.assert_next(at);
        let members = match new.context.is_empty() {
            true => self.state.members.clone(),
            false => Members::decode(new.context.clone())
                .map_err(|error| MachineError::Command { at, error })?,
        };
        self.state.membership = new.membership.clone();
        Ok(self.relist(at, &new.context, members))
    }

    /// Replaces the list of members; who takes no part does not stand in it. What the list was before
    /// is not in the hash: one that joins has not been told the founders' own.
    fn relist(&mut self, at: LogPosition, data: &Bytes, mut members: Members) -> Reply {
        let membership = &self.state.membership;
        // Unknown to a node that joins, until the entry that adds it.
        if !membership.is_empty() {
            members.retain(|id| membership.contains(id));
        }
        self.state.advance(at, data, &[]);
        self.state.members = members;
        self.nothing_done()
    }

    /// To be called between entries: begins a flush if the memtable is full. Waits while too many
    /// flushes are under way, and a little while flushes and compactions do not keep up.
    pub async fn settle(&mut self) -> Result<(), MachineError> {
        self.db.hold_back().await;
        if self.db.wants_freeze() {
            Box::pin(self.freeze()).await?;
        }
        Ok(())
    }

    /// Begins a flush now, so that the log can be cut. Waits while too many are under way.
    pub async fn checkpoint(&mut self) -> Result<(), MachineError> {
        if self.frozen != self.state.applied {
            Box::pin(self.freeze()).await?;
        }
        Ok(())
    }

    async fn freeze(&mut self) -> Result<(), MachineError> {
        self.db.freeze(self.state.encode()).await?;
        self.frozen = self.state.applied;
        Ok(())
    }

    async fn plan(&self, txn: &Txn) -> Result<Result<Plan, super::Refusal>, MachineError> {
        match plan(&self.db, &self.state, &self.bounds, txn).await {
            Ok(plan) => Ok(Ok(plan)),
            Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// Writes the changes, then lets readers see them: all or none.
    fn write(&mut self, plan: &Plan) {
        if plan.changes.is_empty() {
            return;
        }
        fill(&mut self.batch, &plan.changes, plan.reply.revision);
        self.db.write(&self.batch);
        self.state.revision = plan.reply.revision;
        self.view
            .send_modify(|view| view.revision = plan.reply.revision);
    }

    fn applied_first(
        &mut self,
        at: LogPosition,
        data: &[u8],
        request: Option<RequestId>,
        outcome: &Outcome,
    ) {
        let encoded = Bytes::from(encode_outcome(outcome));
        self.state.advance(at, data, &encoded);
        if let Some(request) = request {
            // A refusal is kept as well: the client was told that nothing was done, so the same
            // request must not be done later, when what stood against it may have changed.
            let (index, revision) = (at.index, self.state.revision);
            self.state
                .sessions
                .record(&self.bounds, request, index, encoded, revision);
        }
    }

    fn repeated(
        &mut self,
        at: LogPosition,
        data: &[u8],
        request: Option<RequestId>,
        outcome: &Outcome,
    ) {
        self.state.advance(at, data, &encode_outcome(outcome));
        if let Some(request) = request {
            self.state.sessions.touch(request.client, at.index);
        }
    }

    fn nothing_done(&self) -> Reply {
        Reply {
            revision: self.state.revision,
            succeeded: true,
            results: Vec::new(),
        }
    }
}

/// The changes as versions at `revision`.
fn fill(batch: &mut Batch, changes: &Overlay, revision: Revision) {
    batch.clear();
    for (key, to) in changes {
        let key = mvcc::stored_key(key);
        match to {
            Some(kv) => batch.put(&key, revision, &mvcc::encode_record(kv)),
            None => batch.delete(&key, revision),
        }
    }
}

fn options(limits: &Limits) -> Options {
    let usual = Options::default();
    Options {
        memtable_bytes: limits.memtable_bytes,
        table_bytes: limits.table_bytes,
        // Tables that are tiny have several blocks, too.
        block_bytes: usual.block_bytes.min(limits.table_bytes / BLOCKS_MIN),
        level0_tables_max: limits.level0_tables_max,
        cache_bytes: limits.cache_bytes,
        ..usual
    }
}
