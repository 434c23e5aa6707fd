//! Settings that have nothing to do with a failure become the usual ones.

use serde_json::{Value, json};
use sisyphus::config::Limits;

use super::{bench::Bench, freeze::in_orders};
use crate::plan::Plan;

/// A field of a plan, by its path, and the value that nobody wonders about.
type Calm = (String, Value);

/// What links, disks and workloads are in a quiet world.
const QUIET: [(&str, u64); 6] = [
    ("/images", 0),
    ("/disk/stall_ppm", 0),
    ("/workload/lost_answer_ppm", 0),
    ("/workload/retries", 0),
    ("/workload/value_bytes_max", 0),
    ("/workload/keys", 1),
];

/// Limits at their lower ends, under which a few operations do what else takes hundreds: fill a
/// memtable, start a compaction, make a snapshot necessary.
const TINY: [(&str, u64); 6] = [
    ("/limits/memtable_bytes", 1 << 10),
    ("/limits/table_bytes", 1 << 10),
    ("/limits/level0_tables_max", 1),
    ("/limits/segment_bytes", 4 << 10),
    ("/limits/log_entries_kept", 1),
    ("/limits/log_bytes_kept", 1 << 10),
];

/// In how many orders of ready tasks tiny limits are tried.
const TINY_ORDERS: usize = 3;

/// Values so long that each of them fills a tiny memtable and a tiny append.
const LONG: (&str, u64) = ("/workload/value_bytes_max", 1_500);

/// In how many orders of ready tasks close looks are tried.
const CLOSELY_ORDERS: usize = 2;

impl Bench<'_> {
    /// Disks are looked at closely, for a failure that was seen by luck: without that, whatever is left out
    /// moves the moments at which somebody looks, and the failure seems gone.
    pub(super) fn look_closely(&mut self) {
        if !self.cause.is_luck() {
            return;
        }
        let closely = Plan {
            closely: true,
            ..self.plan.clone()
        };
        let mut plans = in_orders(&closely);
        plans.truncate(CLOSELY_ORDERS);
        self.adopt_first(plans);
    }

    /// Tiny limits, so that fewer operations will do, with long values or without: all of them, or else
    /// half of them, or long values alone; then each that is left. What turns out not to matter becomes
    /// usual later.
    pub(super) fn tiny_limits(&mut self) {
        let setting = |(path, value): (&str, u64)| (path.to_owned(), json!(value));
        let tiny = TINY.map(setting);
        let (tables, log) = tiny.split_at(3);
        let long = [setting(LONG)];
        let choices = [
            [&tiny[..], &long],
            [tables, &long],
            [log, &long],
            [&tiny, &[]],
            [tables, &[]],
            [log, &[]],
            [&[], &long],
        ];
        let plans = choices.map(|choice| with(&self.plan, choice.into_iter().flatten()));
        // All plans in one order of ready tasks before the next one.
        let orders: Vec<Vec<Plan>> = plans.iter().map(in_orders).collect();
        let turns =
            (0..TINY_ORDERS).flat_map(|turn| orders.iter().map(move |plans| plans[turn].clone()));
        self.adopt_first(turns.collect());
        for limit in &tiny {
            let choices = [vec![limit, &long[0]], vec![limit]];
            let plans = choices.map(|choice| with(&self.plan, choice.into_iter()));
            let smaller = plans.into_iter().filter(|plan| *plan != self.plan);
            let smaller = smaller.collect();
            self.adopt_first(smaller);
        }
    }

    /// All settings at once, then halves, then singles.
    pub(super) fn calm_settings(&mut self) {
        let base = self.plan.clone();
        let unusual: Vec<Calm> = settings()
            .into_iter()
            .filter(|(path, calm)| value(&base).pointer(path).is_some_and(|is| is != calm))
            .collect();
        let all = unusual.clone();
        self.sweep(unusual, usize::MAX, move |_, kept| {
            let calm = all.iter().filter(|setting| !kept.contains(setting));
            with(&base, calm)
        });
    }
}

/// Every setting with its usual value: the limits of production, and a quiet world.
fn settings() -> Vec<Calm> {
    let Value::Object(limits) = value(&Limits::default()) else {
        return Vec::new();
    };
    let limits = limits
        .into_iter()
        .map(|(name, usual)| (format!("/limits/{name}"), usual));
    let quiet = QUIET.map(|(path, calm)| (path.to_owned(), json!(calm)));
    let look = [("/closely".to_owned(), json!(false))];
    limits.chain(quiet).chain(look).collect()
}

fn with<'a>(plan: &Plan, calm: impl Iterator<Item = &'a Calm>) -> Plan {
    let mut json = value(plan);
    for (path, usual) in calm {
        if let Some(field) = json.pointer_mut(path) {
            *field = usual.clone();
        }
    }
    serde_json::from_value(json).expect("usual values make a plan")
}

fn value(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).expect("a plan is plain data")
}
