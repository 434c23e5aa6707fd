//! Fewer operations of another kind. A failure in the storage engine needs tables that are cut just so, and
//! every operation that is left out cuts all later ones otherwise: no part can go, though a few
//! operations of the right kind would do. So a few are drawn anew, from other seeds, until some fail in the same way.

use super::{bench::Bench, times::begins};
use crate::plan::{Plan, Script, Step};

/// So many operations are few enough to be left as they are.
const FEW: usize = 24;

/// How many are tried, and from how many seeds each.
const SIZES: [usize; 3] = [12, 24, 48];
const SEEDS: u64 = 32;

/// When the first operation begins, and the time from each to the next, in milliseconds.
const START_MS: u64 = 250;
const STEP_MS: u64 = 12;

/// What is left of the safety phase after the last operation, in milliseconds.
const REST_MS: u64 = 100;

impl Bench<'_> {
    /// A few operations drawn from other seeds in place of many, if some of them fail.
    pub(super) fn anew(&mut self) {
        let count = self.operations().len();
        if self.plan.script.is_none() || count <= FEW {
            return;
        }
        for size in SIZES.into_iter().filter(|size| *size < count) {
            let fewer = self.only(size);
            let drawn = (1..=SEEDS).map(|seed| Plan {
                seed: fewer.seed.wrapping_add(seed),
                ..fewer.clone()
            });
            if self.adopt_first(drawn.collect()).is_some() {
                return;
            }
        }
    }

    /// The plan with so many of its operations: some from everywhere, at their times, if there are faults that
    /// have theirs; else the first ones, soon and quickly.
    fn only(&self, size: usize) -> Plan {
        let operations = self.operations();
        let is_timed = (self.plan.faults.iter()).any(|fault| begins(fault) > START_MS);
        if is_timed {
            let places = (0..size).map(|place| place * operations.len() / size);
            let script = places.map(|place| operations[place]).collect();
            return Plan {
                script: Some(script),
                ..self.plan.clone()
            };
        }
        let timed = operations.into_iter().take(size).zip(0..);
        let script: Script = timed
            .map(|((client, step), place)| {
                let ms = START_MS + place * STEP_MS;
                (client, Step { ms, ..step })
            })
            .collect();
        let over_ms = START_MS + size as u64 * STEP_MS + REST_MS;
        Plan {
            script: Some(script),
            safety_ms: self.plan.safety_ms.min(over_ms),
            ..self.plan.clone()
        }
    }
}
