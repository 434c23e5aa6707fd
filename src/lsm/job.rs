//! Compactions under way: each holds what it needs, and keeps others from its tables until it ends.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    compaction::{Choice, Claim, GRANDPARENTS_FACTOR, Part, Situation, pick, split},
    grandparents::Grandparents,
    shared::Shared,
    version::{LEVELS, Version},
};

/// A compaction is cut into at most so many parts …
const PARTS_MAX: usize = 2;

/// … of at least so many tables' bytes each.
const PART_TABLES: u64 = 2;

/// What is being compacted.
#[derive(Default)]
pub(super) struct Running(
    // Held to choose and to begin, or to end: a choice sees all that were begun before.
    Mutex<Vec<Claim>>,
);

/// A compaction that was begun. When it is dropped its tables are free again.
pub(super) struct Job {
    shared: Arc<Shared>,
    /// What is to be done.
    pub(super) choice: Choice,
    /// In how many parts, which are done side by side.
    pub(super) parts: Vec<Part>,
    /// The tables that it reads, and no others: it may take long.
    pub(super) inputs: Arc<Version>,
    /// The generation of the tables.
    pub(super) generation: u64,
    /// The first key behind each table below its output, and its bytes.
    grandparents: Vec<(Bytes, u64)>,
}

impl Running {
    /// Whether nothing is being compacted.
    pub(super) fn is_idle(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Job {
    /// Begins the most urgent compaction, if there is one.
    pub(super) fn begin(shared: &Arc<Shared>) -> Option<Job> {
        let mut running = shared.running.0.lock();
        let current = shared.current.load();
        let options = shared.files.options();
        let situation = Situation {
            shape: current.version.shape(),
            options,
            floor: shared.floor(),
            running: &running,
        };
        let choice = pick(&situation)?;
        let part_bytes = PART_TABLES * options.table_bytes as u64;
        let parts = split(&situation.shape, &choice, PARTS_MAX, part_bytes);
        running.push(choice.claim.clone());
        Some(Job {
            shared: Arc::clone(shared),
            parts,
            inputs: Arc::new(current.version.only(&choice.inputs)),
            generation: current.generation,
            grandparents: grandparents(&current.version, &choice),
            choice,
        })
    }

    /// The tables below its output.
    pub(super) fn grandparents(&self) -> Grandparents {
        let table_bytes = self.shared.files.options().table_bytes as u64;
        let bytes_max = GRANDPARENTS_FACTOR * table_bytes;
        Grandparents::new(self.grandparents.clone(), bytes_max)
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // What conflicts is not begun, so no two claims are equal.
        let mut running = self.shared.running.0.lock();
        running.retain(|claim| *claim != self.choice.claim);
        drop(running);
        self.shared.changes.send_replace(());
    }
}

fn grandparents(version: &Version, choice: &Choice) -> Vec<(Bytes, u64)> {
    let level = choice.output_level + 1;
    let tables = match level < LEVELS {
        true => version.level(level),
        false => &[],
    };
    tables
        .iter()
        .map(|table| (table.info().properties.end.clone(), table.info().bytes))
        .filter(|(end, _)| *end > choice.claim.smallest)
        .collect()
}
