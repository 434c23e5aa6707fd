//! Where candidates are tried.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use parking_lot::Mutex;

use super::{Cause, RUNS_MAX, Shrunk};
use crate::{draw::fingerprint, plan::Plan, world::Outcome};

/// How many candidates are tried in one go. Not the number of jobs: the result is not to depend on
/// the machine.
pub(super) const BLOCK: usize = 4;

/// Runs a plan.
pub type Runner<'a> = dyn Fn(&Plan) -> Outcome + Sync + 'a;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many runs there were.
    pub runs: usize,
    /// How many faults are left.
    pub faults: usize,
    /// How many operations are left at most.
    pub operations: u64,
}

/// The best plan so far, and the means to find a better one.
pub(super) struct Bench<'a> {
    pub plan: Plan,
    /// How it failed.
    pub outcome: Outcome,
    pub cause: Cause,
    /// Plans that did not fail in the same way: what one round has tried, the next one need not.
    harmless: BTreeSet<u64>,
    runs: usize,
    jobs: usize,
    runner: &'a Runner<'a>,
    told: &'a mut dyn FnMut(Progress),
    /// Whether a full round over single faults and operations has found nothing to leave out since the
    /// last change.
    pub is_minimal: bool,
}

impl<'a> Bench<'a> {
    /// The error says that the plan does not fail.
    pub fn new(
        plan: &Plan,
        jobs: usize,
        runner: &'a Runner<'a>,
        told: &'a mut dyn FnMut(Progress),
    ) -> Result<Self, String> {
        let outcome = runner(plan);
        let Some(violation) = &outcome.violation else {
            return Err(format!("the plan of seed {} does not fail", plan.seed));
        };
        Ok(Bench {
            plan: plan.clone(),
            cause: Cause::of(violation),
            outcome,
            harmless: BTreeSet::new(),
            runs: 1,
            jobs,
            runner,
            told,
            is_minimal: false,
        })
    }

    /// Tries candidates in order and adopts the first one that fails in the same way; answers its place.
    pub fn adopt_first(&mut self, candidates: Vec<Plan>) -> Option<usize> {
        for (block, plans) in candidates.chunks(BLOCK).enumerate() {
            let verdicts = self.try_all(plans);
            if let Some((place, outcome)) = first(verdicts) {
                self.adopt(plans[place].clone(), outcome);
                return Some(block * BLOCK + place);
            }
        }
        None
    }

    /// Tries up to a block of candidates: the outcomes of those that fail in the same way. A plan that
    /// nobody may be blamed for does not count as failing, nor does one for which no run is left.
    pub fn try_all(&mut self, plans: &[Plan]) -> Vec<Option<Outcome>> {
        let names: Vec<u64> = plans.iter().map(name).collect();
        let is_new = |place: &usize| !self.harmless.contains(&names[*place]);
        let mut places: Vec<usize> = (0..plans.len()).filter(is_new).collect();
        places.truncate(RUNS_MAX - self.runs);
        self.runs += places.len();
        let fresh: Vec<Plan> = places.iter().map(|place| plans[*place].clone()).collect();
        let outcomes = together(&fresh, self.jobs, self.runner);
        let mut verdicts = vec![None; plans.len()];
        for (place, outcome) in places.into_iter().zip(outcomes) {
            let violation = outcome.violation.as_ref();
            match violation.is_some_and(|violation| Cause::of(violation) == self.cause) {
                true => verdicts[place] = Some(outcome),
                false => drop(self.harmless.insert(names[place])),
            }
        }
        self.tell();
        verdicts
    }

    /// A better plan is found, which failed so.
    pub fn adopt(&mut self, plan: Plan, outcome: Outcome) {
        self.plan = plan;
        self.outcome = outcome;
        self.is_minimal = false;
        self.tell();
    }

    /// Whether no run is left.
    pub fn is_spent(&self) -> bool {
        self.runs >= RUNS_MAX
    }

    pub fn shrunk(self) -> Shrunk {
        Shrunk {
            plan: self.plan,
            outcome: self.outcome,
            runs: self.runs,
            is_minimal: self.is_minimal,
        }
    }

    fn tell(&mut self) {
        (self.told)(Progress {
            runs: self.runs,
            faults: self.plan.faults.len(),
            operations: self.plan.operations_max(),
        });
    }
}

/// A number that stands for a plan.
fn name(plan: &Plan) -> u64 {
    fingerprint(plan.to_json().as_bytes())
}

fn first(verdicts: Vec<Option<Outcome>>) -> Option<(usize, Outcome)> {
    let mut verdicts = verdicts.into_iter().enumerate();
    verdicts.find_map(|(place, verdict)| Some((place, verdict?)))
}

/// Runs all of `plans`, some at a time; the outcomes in their order.
fn together(plans: &[Plan], jobs: usize, runner: &Runner<'_>) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(vec![Outcome::default(); plans.len()]);
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, plans.len().max(1)) {
            scope.spawn(|| {
                while let Some((at, plan)) = take(&next, plans) {
                    if plan.check().is_ok() {
                        let outcome = runner(plan);
                        done.lock()[at] = outcome;
                    }
                }
            });
        }
    });
    done.into_inner()
}

fn take<'a>(next: &AtomicUsize, plans: &'a [Plan]) -> Option<(usize, &'a Plan)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, plans.get(at)?))
}
