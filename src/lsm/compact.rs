//! Merging tables as was decided, and removing the files that nobody needs any more.

use std::sync::{Arc, atomic::Ordering};

use super::{
    commit::Change,
    compaction::Part,
    error::{LsmError, Result},
    garbage::LiveTable,
    job::Job,
    merge::Merge,
    outputs::Outputs,
    pace::Pace,
    retain::Retention,
    shared::{Shared, guarded},
    source::{RunCursor, Source},
    table::Caching,
    tombstones::RangeTombstones,
    trouble::{Attempts, Worker},
    version::{LEVELS, Version},
};
use crate::env::{
    rare,
    task::{Tasks, oneshot},
};

/// Merges whatever needs to be, until something fails. Several tasks do so side by side.
pub(super) async fn run(shared: Arc<Shared>) {
    let attempts = Attempts::new(&shared, Worker::Compactor);
    let mut changes = shared.changes.subscribe();
    while shared.failure.get().is_none() {
        changes.borrow_and_update();
        let floor = shared.floor();
        shared.files.collect_garbage().await;
        match Job::begin(&shared) {
            Some(job) => match perform(&shared, Arc::new(job)).await {
                Ok(()) => attempts.succeed(),
                Err(error) => _ = attempts.fail(error).await,
            },
            None => {
                // What failed is not wanted any more.
                if shared.running.is_idle() {
                    attempts.succeed();
                }
                shared.expect_floor(floor);
                // The sender lives as long as this task.
                let _ = changes.changed().await;
            }
        }
    }
}

async fn perform(shared: &Arc<Shared>, job: Arc<Job>) -> Result<()> {
    let removed: Vec<u64> = job.inputs.tables().map(|table| table.info().id).collect();
    let tables = match job.choice.is_move {
        true => job.inputs.tables().cloned().collect(),
        false => merge(shared, &job).await?,
    };
    let bytes = Outputs::bytes(&tables);
    let level = job.choice.output_level;
    let change = Change::Compaction {
        generation: job.generation,
        removed,
        added: tables.into_iter().map(|table| (level, table)).collect(),
    };
    if shared.commit(change).await? {
        count(shared, &job, bytes);
    }
    Ok(())
}

fn count(shared: &Shared, job: &Job, written: u64) {
    let counters = &shared.counters;
    if job.choice.is_move {
        counters.moves.fetch_add(1, Ordering::Relaxed);
        rare::probe("a table went down a level as it was");
        return;
    }
    let read = job.inputs.tables().map(|table| table.info().bytes).sum();
    counters.compactions.fetch_add(1, Ordering::Relaxed);
    rare::probe("a compaction merged tables");
    counters
        .compaction_read_bytes
        .fetch_add(read, Ordering::Relaxed);
    counters
        .compaction_bytes
        .fetch_add(written, Ordering::Relaxed);
}

/// Merges the inputs, all parts side by side.
async fn merge(shared: &Arc<Shared>, job: &Arc<Job>) -> Result<Vec<Arc<LiveTable>>> {
    let (first, others) = job.parts.split_first().expect("a compaction has a part");
    // Those that are not done are given up when an error ends this.
    let mut tasks = Tasks::default();
    let others: Vec<_> = others
        .iter()
        .map(|part| spawn_part(shared, job, part.clone(), &mut tasks))
        .collect();
    let mut tables = merge_part(shared, job, first).await?;
    for other in others {
        tables.extend(other.await.unwrap_or(Err(LsmError::Panicked))?);
    }
    Ok(tables)
}

fn spawn_part(
    shared: &Arc<Shared>,
    job: &Arc<Job>,
    part: Part,
    tasks: &mut Tasks,
) -> oneshot::Receiver<Result<Vec<Arc<LiveTable>>>> {
    let (done, outcome) = oneshot::channel();
    let (shared, job) = (Arc::clone(shared), Arc::clone(job));
    tasks.spawn(guarded(Arc::clone(&shared), async move {
        // Whoever waits may have been given up meanwhile.
        let _ = done.send(merge_part(&shared, &job, &part).await);
    }));
    outcome
}

/// Merges what the inputs have of the keys of a part.
async fn merge_part(shared: &Shared, job: &Job, part: &Part) -> Result<Vec<Arc<LiveTable>>> {
    let mut merge = Merge::new(sources(&job.inputs, part).await?);
    let tombstones = tombstones(&job.inputs, part).await?;
    let mut retention = Retention::new(shared.floor(), job.choice.is_bottom, tombstones);
    let table_bytes = shared.files.options().table_bytes;
    let level = job.choice.output_level;
    let mut outputs = Outputs::new(Arc::clone(&shared.files), level, table_bytes);
    outputs.watch(job.grandparents());
    outputs.cover(retention.tombstones());
    let mut pace = Pace::new(Some(&shared.compaction_rate));
    while let Some(entry) = merge.entry().filter(|entry| !part.is_beyond(entry.key)) {
        let bytes = entry.bytes();
        if retention.keeps(entry) {
            outputs.add(entry).await?;
        }
        merge.advance().await?;
        if pace.count(bytes) {
            if shared.pressure.is_on() {
                pace.hurry();
            }
            pace.turn().await;
        }
    }
    outputs.finish().await
}

/// What the range tombstones of the inputs say of the keys of a part.
async fn tombstones(inputs: &Version, part: &Part) -> Result<RangeTombstones> {
    let mut sets = Vec::new();
    for table in (0..LEVELS).flat_map(|level| inputs.tombstoned(level)) {
        sets.push(table.tombstones().await?);
    }
    let start: &[u8] = part.start.as_deref().unwrap_or_default();
    let all = RangeTombstones::merge(sets.iter().map(Arc::as_ref));
    Ok(all.clip(start, part.end.as_deref()))
}

/// Cursors over the tables to merge, from new to old, on the first version of the part.
async fn sources(inputs: &Arc<Version>, part: &Part) -> Result<Vec<Source>> {
    let start: &[u8] = part.start.as_deref().unwrap_or_default();
    let mut sources = Vec::new();
    for level in 0..LEVELS {
        let count = inputs.level(level).len();
        // Tables of level 0 overlap and are read side by side, others one behind the other.
        let runs: Vec<_> = match level {
            0 => (0..count).map(|table| table..table + 1).collect(),
            _ => std::iter::once(0..count).collect(),
        };
        for run in runs {
            let run = inputs.skip_before(level, run, start);
            if !run.is_empty() {
                let inputs = Arc::clone(inputs);
                let cursor = RunCursor::seek(inputs, level, run, start, Caching::Pass).await?;
                sources.push(Source::Run(Box::new(cursor)));
            }
        }
    }
    Ok(sources)
}
