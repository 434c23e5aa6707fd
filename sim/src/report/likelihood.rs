//! From which moment on was the failure inevitable?
//!
//! Up to a moment the run goes as it went; from there chance falls otherwise, while the plan's faults
//! stay. Done many times for many moments, the share of runs that still fail rises from "bad luck" to
//! "certain", and where it rises something happened that is worth looking at. Moments are not spread
//! evenly: after a coarse first look the interval with the steepest rise is halved again and again.
//!
//! What stays the same after the moment although it is chance too: the dice that a server's process was
//! handed at its start (its election timers). They fall in the same order, at other times.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use parking_lot::Mutex;
use serde::Serialize;

use crate::{
    plan::{Plan, Reseed},
    run::run,
};

/// Moments of the first, even look.
const COARSE: u64 = 8;

/// Moments in all.
const MOMENTS_MAX: usize = 20;

/// Runs for each moment.
const RUNS_EACH: u64 = 8;

/// The share from which on a failure counts as inevitable.
const INEVITABLE: f64 = 1.0;

/// How likely a failure still was, moment by moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Likelihood {
    /// Runs for each moment.
    pub runs_each: u64,
    /// The moments, in order.
    pub points: Vec<Point>,
    /// From this moment on every run failed, in milliseconds; none if some always went well.
    pub inevitable_ms: Option<u64>,
}

/// One moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When chance began to fall otherwise, in milliseconds.
    pub ms: u64,
    /// How many runs failed under the same oracle.
    pub same: u64,
    /// How many failed under any.
    pub any: u64,
}

/// Measures how likely it was that `plan` would fail under `oracle`, up to `end_ms`, when it did.
pub fn likelihood(plan: &Plan, oracle: &str, end_ms: u64, jobs: usize) -> Likelihood {
    let look = |moments: &[u64]| measure(plan, oracle, moments, jobs);
    let mut coarse: Vec<u64> = (0..=COARSE).map(|part| end_ms * part / COARSE).collect();
    coarse.dedup();
    let mut points = look(&coarse);
    while points.len() < MOMENTS_MAX {
        let Some(between) = steepest(&points) else {
            break;
        };
        points.extend(look(&[between]));
        points.sort_by_key(|point| point.ms);
    }
    Likelihood {
        runs_each: RUNS_EACH,
        inevitable_ms: inevitable(&points),
        points,
    }
}

/// The middle of the interval in which the share changes most; of equal ones the later.
fn steepest(points: &[Point]) -> Option<u64> {
    let intervals = points.windows(2).filter(|pair| pair[1].ms - pair[0].ms > 1);
    let rise = |pair: &&[Point]| (pair[0].same.abs_diff(pair[1].same), pair[1].ms - pair[0].ms);
    let pair = intervals.max_by_key(rise)?;
    (pair[0].same != pair[1].same).then(|| pair[0].ms.midpoint(pair[1].ms))
}

/// The first moment from which on all runs failed.
fn inevitable(points: &[Point]) -> Option<u64> {
    let certain = |point: &&Point| point.same as f64 >= INEVITABLE * RUNS_EACH as f64;
    points
        .iter()
        .rev()
        .take_while(certain)
        .last()
        .map(|point| point.ms)
}

/// Runs the plan for all moments, on so many threads.
fn measure(plan: &Plan, oracle: &str, moments: &[u64], jobs: usize) -> Vec<Point> {
    let tasks: Vec<(usize, u64)> = (0..moments.len())
        .flat_map(|at| (1..=RUNS_EACH).map(move |salt| (at, salt)))
        .collect();
    let fresh = |ms: &u64| Point {
        ms: *ms,
        same: 0,
        any: 0,
    };
    let points: Mutex<Vec<Point>> = Mutex::new(moments.iter().map(fresh).collect());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some((at, salt)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failed = fails(plan, moments[*at], *salt);
                    let mut points = points.lock();
                    points[*at].any += u64::from(failed.is_some());
                    points[*at].same += u64::from(failed == Some(oracle));
                }
            });
        }
    });
    points.into_inner()
}

fn fails(plan: &Plan, at_ms: u64, salt: u64) -> Option<&'static str> {
    let reseed = Some(Reseed { at_ms, salt });
    let other = Plan {
        reseed,
        ..plan.clone()
    };
    run(&other, false)
        .violation
        .map(|violation| violation.oracle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(ms: u64, same: u64) -> Point {
        Point {
            ms,
            same,
            any: same,
        }
    }

    #[test]
    fn the_steepest_interval_is_halved_until_it_is_a_millisecond() {
        let points = [point(0, 0), point(100, 1), point(200, 8), point(300, 8)];
        assert_eq!(steepest(&points), Some(150));
        assert_eq!(steepest(&[point(0, 0), point(1, 8), point(9, 8)]), None);
        assert_eq!(steepest(&[point(0, 8), point(9, 8)]), None);
    }

    #[test]
    fn inevitable_is_what_never_goes_well_again() {
        let points = [point(0, 8), point(5, 3), point(7, 8), point(9, 8)];
        assert_eq!(inevitable(&points), Some(7));
        assert_eq!(inevitable(&[point(0, 8), point(5, 7)]), None);
    }

    #[test]
    fn a_plan_that_does_not_fail_is_never_likely_to() {
        let plan = Plan {
            safety_ms: 200,
            faults: Vec::new(),
            ..Plan::draw(1)
        };
        let likelihood = likelihood(&plan, "LIN", 16, 1);
        assert_eq!(likelihood.points.len() as u64, COARSE + 1);
        assert!(likelihood.points.iter().all(|point| point.any == 0));
        assert_eq!(likelihood.inevitable_ms, None);
    }
}
