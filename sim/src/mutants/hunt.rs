//! The inside of a trial: runs seeds one after the other, or a saved plan, says of each how it ended, and
//! stops at the first that fails; or shrinks the plan of a seed that fails.

use std::{
    io::Write,
    ops::Range,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::trial::{Without, Word};
use crate::{
    campaign::campaign,
    oracle,
    plan::{Fault, Plan, kind, variety},
    run::{run, run_for, run_twice},
    shrink,
    world::Outcome,
};

/// The most runs of a shrink. The last ones take away little.
const SHRINK_RUNS_MAX: usize = 250;

/// How plans are run in a trial.
#[derive(Clone, Debug)]
pub struct Hunter {
    /// Whether each is run twice, for DET.
    pub twice: bool,
    /// What is left out.
    pub without: Without,
}

impl Hunter {
    /// Runs these seeds until one fails.
    pub fn seeds(&self, seeds: Range<u64>) -> ExitCode {
        oracle::switch_off(&self.without.oracles);
        let mut has_failed = false;
        let runner = |plan: &Plan| self.run(plan);
        campaign(seeds, 1, runner, |plan, outcome| {
            has_failed = outcome.violation.is_some();
            // Without a listener there is nobody to hunt for.
            say(&word(plan, outcome)) && !has_failed
        });
        ExitCode::from(u8::from(has_failed))
    }

    /// Runs this plan.
    pub fn plan(&self, plan: &Plan) -> ExitCode {
        oracle::switch_off(&self.without.oracles);
        let outcome = self.run(plan);
        let has_failed = outcome.violation.is_some();
        say(&word(plan, outcome));
        ExitCode::from(u8::from(has_failed))
    }

    /// Shrinks this plan, if it fails.
    pub fn shrink(&self, plan: &Plan) -> ExitCode {
        oracle::switch_off(&self.without.oracles);
        let before = self.run(plan);
        let Some(violation) = before.violation.clone() else {
            say(&word(plan, before));
            return ExitCode::SUCCESS;
        };
        let runs = AtomicUsize::new(0);
        let runner = |plan: &Plan| match runs.fetch_add(1, Ordering::Relaxed) {
            // From here on nothing counts as failing, and the best that was found stays.
            SHRINK_RUNS_MAX.. => Outcome::default(),
            _ => counted(run_for(violation.oracle, plan)),
        };
        let shrunk = shrink::shrink(plan, 1, &runner, &mut |_| {});
        let small = shrunk.ok().map(|shrunk| Box::new(shrunk.plan));
        say(&Word {
            small,
            ..word(plan, before)
        });
        ExitCode::FAILURE
    }

    fn run(&self, plan: &Plan) -> Outcome {
        let plan = spared(plan, &self.without.faults);
        counted(match self.twice {
            true => run_twice(&plan),
            false => run(&plan, false),
        })
    }
}

/// What an oracle that is switched off says does not count.
fn counted(outcome: Outcome) -> Outcome {
    Outcome {
        violation: outcome.violation.filter(|violation| violation.counts()),
        ..outcome
    }
}

/// Says how a plan ended. False if nobody listens.
fn say(word: &Word) -> bool {
    let line = serde_json::to_string(word).expect("a word is plain data");
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
}

/// The plan without faults of these kinds or varieties.
fn spared(plan: &Plan, kinds: &[String]) -> Plan {
    let mut plan = plan.clone();
    let is_spared =
        |fault: &Fault| kinds.contains(&kind(&fault.what)) || kinds.contains(&variety(&fault.what));
    plan.faults.retain(|fault| !is_spared(fault));
    plan
}

fn word(plan: &Plan, outcome: Outcome) -> Word {
    let seed = plan.seed;
    let Some(violation) = outcome.violation else {
        return Word {
            seed,
            ..Word::default()
        };
    };
    Word {
        seed,
        oracle: Some(violation.oracle.to_owned()),
        what: violation.what,
        faults: plan.fault_kinds(),
        small: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_fault_is_left_out_by_the_name_that_plans_give_it() {
        let plans = (0..200).map(Plan::draw);
        let plan = plans.max_by_key(|plan| plan.faults.len()).expect("plans");
        let kinds = plan.fault_kinds();
        let spared = spared(&plan, &kinds[..1]);
        assert!(spared.faults.len() < plan.faults.len());
        assert!(
            spared
                .faults
                .iter()
                .all(|fault| kind(&fault.what) != kinds[0])
        );
    }
}
