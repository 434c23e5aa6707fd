//! The inside of a trial: runs seeds one after the other, says of each how it ended, and stops at the
//! first that fails.

use std::{io::Write, ops::Range, process::ExitCode};

use super::trial::{Without, Word};
use crate::{
    campaign::campaign,
    oracle,
    plan::{Plan, What},
    run::{run, run_twice},
    world::Outcome,
};

/// Runs these seeds.
pub fn hunt(seeds: Range<u64>, twice: bool, without: &Without) -> ExitCode {
    oracle::switch_off(&without.oracles);
    let runner = |plan: &Plan| {
        let plan = spared(plan, &without.faults);
        match twice {
            true => run_twice(&plan),
            false => run(&plan, false),
        }
    };
    let mut has_failed = false;
    campaign(seeds, 1, runner, |plan, outcome| {
        has_failed = outcome.violation.is_some();
        let word = word(plan, outcome);
        let line = serde_json::to_string(&word).expect("a word is plain data");
        let mut out = std::io::stdout().lock();
        // Without a listener there is nobody to hunt for.
        let is_heard = writeln!(out, "{line}").and_then(|()| out.flush()).is_ok();
        is_heard && !has_failed
    });
    ExitCode::from(u8::from(has_failed))
}

/// The plan without faults of these kinds.
fn spared(plan: &Plan, kinds: &[String]) -> Plan {
    let mut plan = plan.clone();
    plan.faults
        .retain(|fault| !kinds.contains(&kind(&fault.what)));
    plan
}

/// What a plan calls a kind of fault.
fn kind(what: &What) -> String {
    let json = serde_json::to_value(what).unwrap_or_default();
    json["kind"].as_str().unwrap_or("nameless").to_owned()
}

fn word(plan: &Plan, outcome: Outcome) -> Word {
    let Some(violation) = outcome.violation else {
        return Word {
            seed: plan.seed,
            ..Word::default()
        };
    };
    let mut faults: Vec<String> = plan.faults.iter().map(|fault| kind(&fault.what)).collect();
    faults.sort();
    faults.dedup();
    Word {
        seed: plan.seed,
        oracle: Some(violation.oracle.to_owned()),
        what: violation.what,
        faults,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_fault_is_left_out_by_the_name_that_plans_give_it() {
        let plans = (0..200).map(Plan::draw);
        let plan = plans.max_by_key(|plan| plan.faults.len()).expect("plans");
        let kinds: Vec<String> = plan.faults.iter().map(|fault| kind(&fault.what)).collect();
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
