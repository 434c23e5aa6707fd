//! The shrinker with dumb runners in place of the world.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::{collection::btree_set, prelude::*};

use super::*;
use crate::{
    oracle::Violation,
    plan::{Fault, Script, Step, Until, What, When, Who},
    world::{Begun, Strike},
};

/// A plan with a fault at each of these times.
fn plan(faults: u64, clients: u64, operations: u64) -> Plan {
    let fault = |ms| Fault {
        when: When::At { ms },
        what: What::Crash { who: Who::Leader },
        until: Until::Healed,
    };
    let mut plan = Plan::draw(1);
    plan.faults = (0..faults).map(fault).collect();
    plan.workload.clients = clients;
    plan.workload.operations = operations;
    plan
}

/// A run in which everything happens at once, and that fails if `fails`.
fn outcome(plan: &Plan, fails: bool) -> Outcome {
    let strike = |place| Strike {
        place,
        at_ms: 0,
        nth: 1,
    };
    let begun = plan.clients().into_iter().flat_map(|client| {
        let agenda = plan.agenda(client).into_iter();
        agenda.map(move |(operation, at_ms)| Begun {
            client,
            operation,
            at_ms: at_ms.unwrap_or(operation),
        })
    });
    Outcome {
        violation: fails.then(|| Violation::new("LIN", "key \"k1\"")),
        strikes: (0..plan.faults.len()).map(strike).collect(),
        begun: begun.collect(),
        ..Outcome::default()
    }
}

/// The times of all faults, and all operations with their clients.
fn parts(plan: &Plan) -> (Vec<u64>, Vec<(u64, u64)>) {
    let ms = |fault: &Fault| match fault.when {
        When::At { ms } => ms,
        _ => 0,
    };
    let operations = outcome(plan, true).begun.into_iter();
    (
        plan.faults.iter().map(ms).collect(),
        operations
            .map(|begun| (begun.client, begun.operation))
            .collect(),
    )
}

fn quietly(plan: &Plan, jobs: usize, runner: &Runner<'_>) -> Shrunk {
    shrink(plan, jobs, runner, &mut |_| {}).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What a failure needs is what is left, and everything else goes.
    #[test]
    fn only_what_is_needed_is_left(
        faults in btree_set(0_u64..30, 0..5),
        operations in btree_set((1_u64..5, 1_u64..150), 0..6),
        jobs in 1_usize..4,
    ) {
        let runs = AtomicUsize::new(0);
        let runner = |plan: &Plan| {
            runs.fetch_add(1, Ordering::Relaxed);
            let (has_faults, has_operations) = parts(plan);
            let fails = faults.iter().all(|ms| has_faults.contains(ms))
                && operations.iter().all(|one| has_operations.contains(one));
            outcome(plan, fails)
        };
        let shrunk = quietly(&plan(30, 4, 150), jobs, &runner);
        let (left_faults, left_operations) = parts(&shrunk.plan);
        prop_assert_eq!(left_faults, faults.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(left_operations, operations.into_iter().collect::<Vec<_>>());
        prop_assert!(shrunk.is_minimal);
        prop_assert!(shrunk.runs <= RUNS_MAX && runs.into_inner() == shrunk.runs);
    }

    /// A failure that comes and goes without a rule: what is left fails, and no single part can go
    /// unless the runs are used up; the number of jobs makes no difference.
    #[test]
    fn what_is_left_fails_and_no_single_part_can_go(salt: u64, share in 2_u64..6) {
        let fails = |plan: &Plan| {
            let (faults, operations) = parts(plan);
            let mut hash = salt;
            for ms in &faults {
                hash = crate::draw::mix(hash ^ ms);
            }
            for (client, operation) in &operations {
                hash = crate::draw::mix(hash ^ client << 32 ^ operation);
            }
            // The whole plan fails, whatever the salt.
            faults.len() + operations.len() > 60 || hash.is_multiple_of(share)
        };
        let runner = |plan: &Plan| outcome(plan, fails(plan));
        let whole = plan(12, 2, 40);
        let shrunk = quietly(&whole, 1, &runner);
        prop_assert!(fails(&shrunk.plan));
        prop_assert!(shrunk.runs <= RUNS_MAX);
        prop_assert_eq!(&quietly(&whole, 3, &runner).plan, &shrunk.plan);
        if shrunk.is_minimal {
            for smaller in smaller(&shrunk.plan) {
                prop_assert!(!fails(&smaller), "{:?}", parts(&smaller));
            }
        }
    }
}

/// The plan without each of its faults and operations.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut smaller = Vec::new();
    for place in 0..plan.faults.len() {
        let mut plan = plan.clone();
        plan.faults.remove(place);
        smaller.push(plan);
    }
    let steps: Vec<(u64, Step)> = plan.script.iter().flat_map(Script::steps).collect();
    for gone in &steps {
        let rest = steps.iter().filter(|step| *step != gone).copied();
        smaller.push(Plan {
            script: Some(rest.collect()),
            ..plan.clone()
        });
    }
    smaller
}

#[test]
fn another_oracle_or_another_key_is_not_the_same_failure() {
    let runner = |plan: &Plan| {
        let mut outcome = outcome(plan, true);
        let faults = plan.faults.len();
        let what = if faults < 5 {
            "key \"k2\""
        } else {
            "key \"k1\""
        };
        let oracle = if faults < 8 { "DUR" } else { "LIN" };
        outcome.violation = Some(Violation::new(oracle, what));
        outcome
    };
    let shrunk = quietly(&plan(30, 1, 5), 2, &runner);
    assert_eq!(shrunk.plan.faults.len(), 8);
    assert_eq!(shrunk.outcome.violation.unwrap().oracle, "LIN");
}

#[test]
fn a_plan_that_passes_is_not_shrunk() {
    let passes = |plan: &Plan| outcome(plan, false);
    assert!(shrink(&plan(1, 1, 1), 1, &passes, &mut |_| {}).is_err());
}

#[test]
fn without_time_for_a_script_the_numbers_of_the_workload_shrink() {
    let runner = |plan: &Plan| {
        let fails = plan.script.is_none() && plan.workload.clients >= 3;
        outcome(plan, fails)
    };
    let shrunk = quietly(&plan(3, 8, 64), 1, &runner);
    let workload = &shrunk.plan.workload;
    assert_eq!((workload.clients, workload.operations), (4, 1));
    assert!(shrunk.plan.faults.is_empty());
}

#[test]
fn settings_that_do_not_matter_become_the_usual_ones() {
    let drawn = Plan::draw(1);
    let segment_bytes = drawn.limits.segment_bytes;
    let runner = |plan: &Plan| outcome(plan, plan.limits.segment_bytes == segment_bytes);
    let limits = quietly(&drawn, 1, &runner).plan.limits;
    let usual = sisyphus::config::Limits {
        segment_bytes,
        ..sisyphus::config::Limits::default()
    };
    assert_eq!(limits, usual);
}

/// Counting events from the millisecond of the strike on, instead of from the beginning, changes nothing.
#[test]
fn a_fault_that_waits_for_its_event_from_its_time_on_strikes_at_the_same_one() {
    let waits =
        |plan: &Plan, is: fn(&When) -> bool| plan.faults.iter().any(|fault| is(&fault.when));
    let plans = (0..).map(Plan::draw).filter(|plan| {
        waits(plan, |when| matches!(when, When::Event { .. }))
            && !waits(plan, |when| matches!(when, When::State { .. }))
    });
    for plan in plans.take(8) {
        let first = crate::run::run(&plan, false);
        let mut frozen = plan.clone();
        for strike in &first.strikes {
            frozen.faults[strike.place] = freeze::anchored(&plan.faults[strike.place], strike);
        }
        let second = crate::run::run(&frozen, false);
        assert_eq!(first.hash, second.hash, "seed {}", plan.seed);
        assert_eq!(first.begun, second.begun);
    }
}

#[test]
fn where_no_operation_can_go_a_few_are_drawn_anew() {
    let whole = plan(0, 2, 40);
    let runner = |tried: &Plan| {
        let count = parts(tried).1.len();
        // All that there were, or enough of those that another seed draws.
        let of_the_kind = tried.seed % 7 == 3 && count >= 10;
        outcome(tried, count == 80 || of_the_kind)
    };
    let shrunk = quietly(&whole, 2, &runner);
    assert_eq!(shrunk.plan.seed % 7, 3);
    assert_eq!(parts(&shrunk.plan).1.len(), 10);
}

#[test]
fn what_was_seen_by_luck_is_looked_for_closely() {
    let left = |oracle| {
        let runner = |tried: &Plan| {
            let operations = parts(tried).1;
            let is_seen = tried.closely || operations.len() == 80;
            let mut outcome = outcome(tried, is_seen && operations.contains(&(1, 5)));
            outcome.violation = outcome
                .violation
                .map(|found| Violation::new(oracle, found.what));
            outcome
        };
        let shrunk = quietly(&plan(0, 2, 40), 2, &runner);
        (shrunk.plan.closely, parts(&shrunk.plan).1.len())
    };
    assert_eq!(left("PROM"), (true, 1));
    assert_eq!(left("LIN"), (false, 80), "nobody looks closer for it");
}
