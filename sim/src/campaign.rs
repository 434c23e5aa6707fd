//! Many runs at once: results in the order of their seeds, whatever the number of jobs.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    sync::mpsc,
    thread,
};

use crate::{plan::Plan, world::Outcome};

/// Lets `runner` run the plans of `seeds` on `jobs` threads and calls `each` for every seed, in
/// ascending order. Stops handing out seeds once `each` answers false.
pub fn campaign(
    seeds: Range<u64>,
    jobs: usize,
    runner: impl Fn(&Plan) -> Outcome + Sync,
    mut each: impl FnMut(&Plan, Outcome) -> bool,
) {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let (report, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            let report = report.clone();
            let (next, end, runner) = (&next, &end, &runner);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end.load(Ordering::Relaxed) {
                        return;
                    }
                    let plan = Plan::draw(seed);
                    let outcome = runner(&plan);
                    if report.send((seed, plan, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(report);
        let mut waiting = BTreeMap::new();
        let mut turn = seeds.start;
        let mut goes_on = true;
        for (seed, plan, outcome) in results {
            waiting.insert(seed, (plan, outcome));
            while let Some((plan, outcome)) = waiting.remove(&turn) {
                goes_on = goes_on && each(&plan, outcome);
                turn += 1;
            }
            if !goes_on {
                end.store(0, Ordering::Relaxed);
            }
        }
    });
}
