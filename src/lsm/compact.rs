//! Merging tables as was decided, and removing the files that nobody needs any more.

use std::sync::{Arc, atomic::Ordering};

use super::{
    commit::Change,
    compaction::{Choice, pick},
    error::Result,
    merge::Merge,
    outputs::Outputs,
    retain::Retention,
    shared::Shared,
    source::{RunCursor, Source},
    table::Caching,
    version::Version,
};

/// Merges whatever needs to be, until something fails.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut changes = shared.changes.subscribe();
    while shared.failure.get().is_none() {
        changes.borrow_and_update();
        shared.files.collect_garbage().await;
        let current = shared.current.load();
        let done = match pick(&current.version, shared.files.options()) {
            Some(choice) => {
                let version = Arc::clone(&current.version);
                let generation = current.generation;
                // A reader of the old version like any other, but for no longer than needed.
                drop(current);
                compact(&shared, version, &choice, generation).await
            }
            None => {
                drop(current);
                // The sender lives as long as this task.
                let _ = changes.changed().await;
                Ok(())
            }
        };
        if let Err(error) = done {
            shared.fail(error);
        }
    }
}

async fn compact(
    shared: &Shared,
    version: Arc<Version>,
    choice: &Choice,
    generation: u64,
) -> Result<()> {
    let removed = inputs(&version, choice);
    let mut merge = Merge::new(sources(&version, choice).await?);
    drop(version);
    let mut retention = Retention::new(shared.floor(), choice.is_bottom);
    let table_bytes = shared.files.options().table_bytes;
    let mut outputs = Outputs::new(Arc::clone(&shared.files), choice.output_level, table_bytes);
    while let Some(entry) = merge.entry() {
        if retention.keeps(entry) {
            outputs.add(entry).await?;
        }
        merge.advance().await?;
    }
    let tables = outputs.finish().await?;
    let bytes = Outputs::bytes(&tables);
    let level = choice.output_level;
    let change = Change::Compaction {
        generation,
        removed,
        added: tables.into_iter().map(|table| (level, table)).collect(),
    };
    if shared.commit(change).await? {
        let counter = &shared.counters.compaction_bytes;
        counter.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(())
}

/// The ids of the tables to merge.
fn inputs(version: &Version, choice: &Choice) -> Vec<u64> {
    let inputs = choice.inputs.iter();
    inputs
        .flat_map(|(level, tables)| &version.level(*level)[tables.clone()])
        .map(|table| table.info().id)
        .collect()
}

/// Cursors over the tables to merge, from new to old.
async fn sources(version: &Arc<Version>, choice: &Choice) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (level, tables) in &choice.inputs {
        // Tables of level 0 overlap and are read side by side, others one behind the other.
        let runs = match level {
            0 => tables.clone().map(|table| table..table + 1).collect(),
            _ => vec![tables.clone()],
        };
        for run in runs {
            let cursor = RunCursor::first(Arc::clone(version), *level, run, Caching::Pass).await?;
            sources.push(Source::Run(Box::new(cursor)));
        }
    }
    Ok(sources)
}
