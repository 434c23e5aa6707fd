//! Histories by the thousand: right ones, altered ones, and any at all.

use proptest::prelude::*;

use super::{
    Report, SEARCH_STEPS_MAX, Verdict, brute, check,
    generate::{Shape, valid},
    model::Register,
    search::{self, Found},
    tests::{cas, delete, get, put},
    witness,
};
use crate::history::{Call, Event, History, OpId, Outcome, Seen, What};

const LARGE: Shape = Shape {
    processes: 8,
    keys: 1,
    operations: 12_000,
    unknown_per_mille: 10,
    revisions: false,
    values: 0,
};

/// Checks, and demands that hardly any placement is taken back. Steps, unlike seconds, are the same
/// on every machine; a hundred thousand take about 50 ms.
fn quick_check(events: Vec<Event>) -> Report {
    let history = History::pair(events).expect("sound events");
    let report = check(&history, SEARCH_STEPS_MAX);
    assert!(report.steps < 100_000, "{} steps: {report}", report.steps);
    report
}

#[test]
fn large_histories_on_one_key_are_judged_in_well_under_a_second() {
    for (seed, revisions, values) in [(1, false, 0), (2, true, 0), (3, false, 5), (4, true, 500)] {
        let shape = Shape {
            revisions,
            values,
            ..LARGE
        };
        let report = quick_check(valid(shape, seed));
        assert_eq!(report.verdict, Verdict::Linearizable, "{report}");
        assert!(report.operations >= 10_000);
    }
}

#[test]
fn the_witness_alone_proves_a_healthy_history() {
    let shape = Shape {
        revisions: true,
        keys: 10,
        unknown_per_mille: 0,
        ..LARGE
    };
    let report = quick_check(valid(shape, 7));
    assert_eq!((report.by_witness, report.steps), (10, 0));
}

#[test]
fn one_stale_read_in_a_large_history_is_caught() {
    for (seed, revisions) in [(1, false), (2, true)] {
        let shape = Shape { revisions, ..LARGE };
        let mut events = valid(shape, seed);
        let late = make_stale(&mut events);
        match quick_check(events).verdict {
            Verdict::Violation(violation) => assert_eq!(violation.stuck.id, late),
            other => panic!("{other:?}"),
        }
    }
}

/// Gives the last read that found something the answer of the first one.
fn make_stale(events: &mut [Event]) -> OpId {
    let found =
        |event: &&mut Event| matches!(&event.what, What::Ok(Outcome::Get { seen: Some(_), .. }));
    let first = events
        .iter_mut()
        .find(found)
        .map(|event| event.what.clone());
    let last = events.iter_mut().rev().find(found).expect("a read");
    last.what = first.expect("a read");
    last.op
}

fn searched(register: &Register) -> bool {
    match search::search(register, 1_000_000).0 {
        Found::Order(_) => true,
        Found::Nothing => false,
        Found::OutOfSteps => panic!("a small history exhausted a million steps"),
    }
}

fn assert_agreement(history: &History) -> Result<bool, TestCaseError> {
    let operations: Vec<_> = history.operations.iter().collect();
    let register = Register::new(&operations, usize::MAX);
    let truth = brute::linearizable(&register);
    prop_assert_eq!(searched(&register), truth);
    prop_assert!(truth || !witness::holds(&register), "the witness lies");
    Ok(truth)
}

/// One operation with any answer, possible or not: (call and answer, begins, lasts, answered).
fn any_operation() -> impl Strategy<Value = (Call, Outcome, u8, u8, bool)> {
    let value = || prop::sample::select(vec!["a", "b", "c"]);
    let revision = || prop::option::weighted(0.3, 2..6_u64);
    let call = prop_oneof![
        (value(), revision()).prop_map(|(value, revision)| (put(value), Outcome::Put { revision })),
        (prop::option::of((value(), revision())), revision()).prop_map(|(found, revision)| {
            let seen = found.map(|(value, mod_revision)| Seen {
                value: value.into(),
                mod_revision,
            });
            (get(), Outcome::Get { seen, revision })
        }),
        (any::<bool>(), revision())
            .prop_map(|(deleted, revision)| (delete(), Outcome::Delete { deleted, revision })),
        (
            prop::option::of(value()),
            value(),
            any::<bool>(),
            revision()
        )
            .prop_map(|(expected, new, succeeded, revision)| {
                let outcome = Outcome::CompareAndSet {
                    succeeded,
                    revision,
                };
                (cas(expected, new), outcome)
            }),
    ];
    (call, 0..12_u8, 1..8_u8, prop::bool::weighted(0.7))
        .prop_map(|((call, outcome), at, lasts, answered)| (call, outcome, at, lasts, answered))
}

fn history_of(operations: Vec<(Call, Outcome, u8, u8, bool)>) -> History {
    let mut events = Vec::new();
    for (op, (call, outcome, at, lasts, answered)) in (0..).zip(operations) {
        let event = |what| Event {
            process: op,
            op,
            time_us: 0,
            what,
        };
        events.push((at, event(What::Invoke(call))));
        if answered {
            events.push((at + lasts, event(What::Ok(outcome))));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    History::pair(events.into_iter().map(|(_, event)| event)).expect("sound events")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_search_agrees_with_trying_everything(operations in prop::collection::vec(any_operation(), 0..6)) {
        assert_agreement(&history_of(operations))?;
    }

    #[test]
    fn both_ways_agree_on_right_histories_and_on_altered_ones(
        seed: u64, revisions: bool, values in 0..4_u64, unknown_per_mille in 0..400_u64, alter: bool,
    ) {
        let shape = Shape { processes: 3, keys: 1, operations: 7, unknown_per_mille, revisions, values };
        let mut events = valid(shape, seed);
        if alter && events.iter().any(|event| matches!(&event.what, What::Ok(Outcome::Get { seen: Some(_), .. }))) {
            make_stale(&mut events);
        }
        let possible = assert_agreement(&History::pair(events).expect("sound events"))?;
        prop_assert!(possible || alter);
    }
}
