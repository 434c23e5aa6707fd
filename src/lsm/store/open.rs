//! Opening a store: what is flushed, and what the log has beyond it.

use std::sync::{Arc, atomic::AtomicU64};

use super::{
    super::{db::Db, entry::Seq, error::LsmError, names},
    batch::{Mutations, check},
    error::{Result, StoreError},
    handle::Inner,
    log::{Log, SHARD, WRITES},
    note::Note,
    options::{StoreOptions, SyncMode},
    queue::Queue,
    segments,
};
use crate::{
    codec::DecodeError,
    env::{Disk, task::Tasks},
    wal::{Placed, Retired, SegmentId, Wal, WalError},
};

/// Where the tables are.
const TABLES: &str = "tables";

/// Where the log is.
const LOG: &str = "log";

/// Segments end with their memtable; one that is this many times as long ends its memtable.
const SEGMENT_PER_MEMTABLE: usize = 2;

/// Opens the store in `dir`.
pub(super) async fn open(disk: Arc<dyn Disk>, dir: &str, options: StoreOptions) -> Result<Inner> {
    let (tables, log_dir) = (names::path(dir, TABLES), names::path(dir, LOG));
    let segment_bytes = (options.engine.memtable_bytes).saturating_mul(SEGMENT_PER_MEMTABLE);
    let db = Db::open(Arc::clone(&disk), &tables, options.engine.clone()).await?;
    let noted = db.note();
    let note = Note::decode(&noted).map_err(|error| {
        let manifest = names::path(&tables, names::MANIFEST);
        LsmError::corrupt(&manifest, 0, error.what)
    })?;
    let retired = match options.sync {
        SyncMode::EachWrite | SyncMode::Group => Retired::Kept,
        SyncMode::None => Retired::Removed,
    };
    let opened = Wal::open_from(disk, &log_dir, segment_bytes, note.segment, retired);
    let (wal, recovered) = opened.await?;
    let mut replay = Replay::new(&db, &log_dir, note);
    for placed in recovered.records {
        replay.record(&placed).await?;
    }
    let next = replay.next;
    let mut tasks = Tasks::default();
    let first_kept = Arc::new(AtomicU64::new(wal.first_segment().0));
    let removal = segments::run(wal.remover(), db.durable_note(), Arc::clone(&first_kept));
    tasks.spawn(removal);
    let log = Log::new(wal, db.clone(), &options, next, first_kept);
    Ok(Inner {
        queue: Queue::new(log, db.clone(), options.sync),
        db,
        _tasks: tasks,
    })
}

/// Puts what the log has into memory.
struct Replay<'a> {
    db: &'a Db,
    dir: &'a str,
    /// The number of the next write.
    next: Seq,
    /// The segment of the last record.
    segment: SegmentId,
}

impl<'a> Replay<'a> {
    fn new(db: &'a Db, dir: &'a str, note: Note) -> Self {
        Replay {
            db,
            dir,
            next: note.last + 1,
            segment: note.segment,
        }
    }

    async fn record(&mut self, placed: &Placed) -> Result<()> {
        if self.segment < placed.segment {
            self.leave(placed.segment).await?;
        }
        let record = &placed.record;
        let writes = match record.payload.split_first() {
            Some((first, writes)) if (record.kind, record.shard) == (WRITES, SHARD) => {
                if *first != check(self.next) {
                    return Err(self.corrupt(placed, "the number that follows the one before"));
                }
                writes
            }
            _ => return Err(self.corrupt(placed, "a record of a store")),
        };
        let mutations: std::result::Result<Vec<_>, DecodeError> =
            Mutations::new(writes, self.next).collect();
        let mutations = mutations.map_err(|error| self.corrupt(placed, error.what))?;
        self.next += mutations.len() as u64;
        self.db.apply(mutations.into_iter());
        Ok(())
    }

    /// A segment is replayed. What it filled a memtable with can be flushed.
    async fn leave(&mut self, next: SegmentId) -> Result<()> {
        self.segment = next;
        self.db.set_floor(self.next - 1);
        if self.db.wants_freeze() {
            let note = Note {
                segment: next,
                last: self.next - 1,
            };
            self.db.freeze(note.encode()).await?;
        }
        Ok(())
    }

    fn corrupt(&self, placed: &Placed, what: &'static str) -> StoreError {
        let file = names::path(self.dir, &placed.segment.to_string());
        StoreError::Log(WalError::Corrupt {
            file,
            offset: placed.offset,
            what,
        })
    }
}
