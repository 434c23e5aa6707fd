//! Looking through all tables, slowly and for ever: damage that nobody reads by chance should be
//! known while there is still a good copy elsewhere.

use std::sync::{Arc, atomic::Ordering};

use parking_lot::Mutex;

use super::{
    garbage::LiveTable,
    pace::Pace,
    shared::Shared,
    verify::{Finding, Report},
};
use crate::env::Rate;

/// So many findings are remembered; further ones are counted and logged.
const DAMAGE_MAX: usize = 100;

/// What was found so far, each piece once.
#[derive(Default)]
pub(super) struct Damage(Mutex<Vec<Finding>>);

impl Damage {
    /// All of it.
    pub(super) fn list(&self) -> Vec<Finding> {
        self.0.lock().clone()
    }

    /// Adds a finding. False if it was known, or there are too many.
    fn add(&self, finding: &Finding) -> bool {
        let mut known = self.0.lock();
        let is_new = known.len() < DAMAGE_MAX && !known.contains(finding);
        if is_new {
            known.push(finding.clone());
        }
        is_new
    }
}

/// Checks one table after another, from old to new, and begins again.
pub(super) async fn run(shared: Arc<Shared>, bytes_per_second: u64) {
    let rate = Rate::new(shared.clock.clone(), bytes_per_second);
    let mut changes = shared.changes.subscribe();
    let mut last_id = 0;
    loop {
        changes.borrow_and_update();
        match next(&shared, last_id) {
            Some(table) => {
                last_id = table.info().id;
                scrub(&shared, &table, &rate).await;
            }
            None if last_id > 0 => last_id = 0,
            // There are no tables.
            None => _ = changes.changed().await,
        }
    }
}

/// The oldest table that is newer than this one.
fn next(shared: &Shared, last_id: u64) -> Option<Arc<LiveTable>> {
    let current = shared.current.load();
    let newer = current.version.tables();
    newer
        .filter(|table| table.info().id > last_id)
        .min_by_key(|table| table.info().id)
        .cloned()
}

async fn scrub(shared: &Shared, table: &LiveTable, rate: &Rate) {
    let mut report = Report::default();
    let mut pace = Pace::new(Some(rate));
    table.check(&mut report, &mut pace).await;
    let counters = &shared.counters;
    counters.scrubbed_tables.fetch_add(1, Ordering::Relaxed);
    counters
        .scrubbed_bytes
        .fetch_add(report.bytes, Ordering::Relaxed);
    for finding in &report.findings {
        if shared.damage.add(finding) {
            counters.damaged.fetch_add(1, Ordering::Relaxed);
            let Finding { file, offset, what } = finding;
            tracing::error!(file, offset, what, "a table is damaged");
        }
    }
}
