//! Stories told by hand.

use bytes::Bytes;

use super::{Report, Verdict, Violation, check, explain};
use crate::{
    history::{Call, OpId, Outcome, Recorder, Seen},
    types::Revision,
};

/// A history told by hand, on one key.
struct Story {
    recorder: Recorder,
    processes: u64,
}

fn key() -> Bytes {
    Bytes::from("k")
}

pub(super) fn put(value: &'static str) -> Call {
    let (key, value) = (key(), value.into());
    Call::Put { key, value }
}

pub(super) fn get() -> Call {
    Call::Get { key: key() }
}

pub(super) fn delete() -> Call {
    Call::Delete { key: key() }
}

pub(super) fn cas(expected: Option<&'static str>, new: &'static str) -> Call {
    Call::CompareAndSet {
        key: key(),
        expected: expected.map(Bytes::from),
        new: new.into(),
    }
}

fn stored() -> Outcome {
    Outcome::Put { revision: None }
}

fn stored_at(revision: Revision) -> Outcome {
    let revision = Some(revision);
    Outcome::Put { revision }
}

fn saw(value: &'static str) -> Outcome {
    seen(value, None)
}

fn seen(value: &'static str, mod_revision: Option<Revision>) -> Outcome {
    Outcome::Get {
        seen: Some(Seen {
            value: value.into(),
            mod_revision,
        }),
        revision: None,
    }
}

fn nothing() -> Outcome {
    Outcome::Get {
        seen: None,
        revision: None,
    }
}

fn deleted(deleted: bool) -> Outcome {
    Outcome::Delete {
        deleted,
        revision: None,
    }
}

fn swapped(succeeded: bool) -> Outcome {
    Outcome::CompareAndSet {
        succeeded,
        revision: None,
    }
}

impl Story {
    fn new() -> Self {
        Story {
            recorder: Recorder::in_memory(),
            processes: 0,
        }
    }

    fn begin(&mut self, call: Call) -> OpId {
        self.processes += 1;
        self.recorder.invoke(self.processes, 0, call)
    }

    fn end(&self, op: OpId, outcome: Outcome) {
        self.recorder.ok(0, op, 0, outcome);
    }

    fn whole(&mut self, call: Call, outcome: Outcome) {
        let op = self.begin(call);
        self.end(op, outcome);
    }

    fn report(&self) -> Report {
        check(&self.recorder.history().expect("a sound story"), 100_000)
    }

    fn assert_possible(&self) {
        let report = self.report();
        assert_eq!(report.verdict, Verdict::Linearizable, "{report}");
    }

    fn violation(&self) -> Violation {
        match self.report().verdict {
            Verdict::Violation(violation) => *violation,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_empty_history_is_linearizable() {
    Story::new().assert_possible();
}

#[test]
fn concurrent_operations_may_take_effect_in_either_order() {
    let mut story = Story::new();
    let (a, b) = (story.begin(put("a")), story.begin(put("b")));
    let read = story.begin(get());
    story.end(read, saw("b"));
    story.end(b, stored());
    story.end(a, stored());
    story.whole(get(), saw("a"));
    story.assert_possible();
    story.whole(get(), saw("b"));
    assert_eq!(story.violation().value, Some("a".into()));
}

#[test]
fn an_explanation_holds_the_unknown_write_that_was_seen_and_not_the_other() {
    let recorder = Recorder::in_memory();
    let lost = recorder.invoke(1, 0, put("lost"));
    let landed = recorder.invoke(2, 0, put("landed"));
    let read = recorder.invoke(3, 0, get());
    recorder.ok(3, read, 0, saw("landed"));
    let orders = explain(&recorder.history().unwrap(), 1_000);
    assert_eq!(orders[&key()], [landed, read]);
    assert!(!orders[&key()].contains(&lost));
    let again = recorder.invoke(3, 0, get());
    recorder.ok(3, again, 0, nothing());
    assert!(explain(&recorder.history().unwrap(), 1_000).is_empty());
}

#[test]
fn a_stale_read_is_a_violation_and_is_named() {
    let mut story = Story::new();
    story.whole(put("old"), stored());
    story.whole(put("new"), stored());
    story.whole(get(), saw("old"));
    story.whole(get(), saw("new"));
    let violation = story.violation();
    assert_eq!(violation.key, key());
    assert_eq!(violation.stuck.id, 2);
    let placed: Vec<OpId> = violation.placed.iter().map(|op| op.id).collect();
    assert_eq!(placed, [0, 1]);
    assert_eq!(violation.value, Some("new".into()));
    let told = story.report().to_string();
    assert!(told.contains("NOT linearizable: key \"k\""), "{told}");
    assert!(told.contains("the key holds \"new\""), "{told}");
    assert!(
        told.contains("op 2 of process 3: get \"k\": \"old\""),
        "{told}"
    );
}

#[test]
fn a_lost_write_is_a_violation() {
    let mut story = Story::new();
    story.whole(put("v"), stored());
    story.whole(get(), nothing());
    assert_eq!(story.violation().stuck.id, 1);
}

#[test]
fn a_read_does_not_go_back_behind_another() {
    let mut story = Story::new();
    story.whole(put("old"), stored());
    let write = story.begin(put("new"));
    story.whole(get(), saw("new"));
    story.whole(get(), saw("old"));
    story.end(write, stored());
    assert_eq!(story.violation().stuck.id, 3);
}

#[test]
fn a_value_that_nobody_wrote_is_a_violation() {
    let mut story = Story::new();
    story.whole(put("a"), stored());
    story.whole(get(), saw("b"));
    assert_eq!(story.violation().stuck.id, 1);
}

#[test]
fn a_failed_write_is_never_seen() {
    let mut story = Story::new();
    let write = story.begin(put("a"));
    story.recorder.fail(1, write, 0, "refused");
    story.whole(get(), nothing());
    story.assert_possible();
    story.whole(get(), saw("a"));
    assert_eq!(story.violation().stuck.id, 2);
}

#[test]
fn an_unknown_write_may_appear_late_and_only_once() {
    let mut story = Story::new();
    let write = story.begin(put("ghost"));
    story.recorder.unknown(1, write, 0, "timeout");
    story.whole(put("a"), stored());
    story.whole(get(), saw("a"));
    story.assert_possible();
    story.whole(get(), saw("ghost"));
    story.assert_possible();
    story.whole(put("b"), stored());
    story.whole(get(), saw("b"));
    story.assert_possible();
    story.whole(get(), saw("ghost"));
    assert_eq!(story.violation().stuck.id, 6);
}

#[test]
fn an_unknown_write_is_not_seen_before_it_began() {
    let mut story = Story::new();
    story.whole(get(), saw("a"));
    story.begin(put("a"));
    assert_eq!(story.violation().stuck.id, 0);
}

#[test]
fn an_unknown_delete_explains_an_absent_key() {
    let mut story = Story::new();
    story.whole(put("a"), stored());
    story.begin(delete());
    story.whole(get(), nothing());
    story.assert_possible();
    story.whole(delete(), deleted(true));
    assert_eq!(story.violation().stuck.id, 3);
}

#[test]
fn unknown_writes_may_build_on_each_other() {
    let mut story = Story::new();
    story.begin(put("a"));
    story.begin(cas(Some("b"), "c"));
    story.begin(cas(Some("a"), "b"));
    story.whole(get(), saw("c"));
    story.assert_possible();
    story.whole(get(), saw("b"));
    assert_eq!(story.violation().stuck.id, 4);
}

#[test]
fn of_two_equal_compare_and_sets_one_succeeds() {
    let mut story = Story::new();
    story.whole(cas(None, "a"), swapped(true));
    let (b, c) = (
        story.begin(cas(Some("a"), "b")),
        story.begin(cas(Some("a"), "c")),
    );
    story.end(b, swapped(true));
    story.end(c, swapped(false));
    story.whole(get(), saw("b"));
    story.assert_possible();

    let mut story = Story::new();
    story.whole(cas(None, "a"), swapped(true));
    let (b, c) = (
        story.begin(cas(Some("a"), "b")),
        story.begin(cas(Some("a"), "c")),
    );
    story.end(b, swapped(true));
    story.end(c, swapped(true));
    assert_eq!(story.violation().stuck.id, 2);
}

#[test]
fn deletes_say_whether_something_was_there() {
    let mut story = Story::new();
    story.whole(delete(), deleted(false));
    story.whole(put(""), stored());
    story.whole(get(), saw(""));
    story.whole(delete(), deleted(true));
    story.assert_possible();
    story.whole(delete(), deleted(true));
    assert_eq!(story.violation().stuck.id, 4);
}

#[test]
fn revisions_must_grow_and_name_the_write_that_is_seen() {
    let mut story = Story::new();
    story.whole(put("a"), stored_at(5));
    story.whole(get(), seen("a", Some(5)));
    story.assert_possible();
    story.whole(get(), seen("a", Some(4)));
    assert_eq!(story.violation().stuck.id, 2);

    let mut story = Story::new();
    story.whole(put("a"), stored_at(5));
    story.whole(put("b"), stored_at(4));
    assert_eq!(story.violation().stuck.id, 1);

    let mut story = Story::new();
    story.whole(put("a"), stored_at(5));
    story.begin(put("b"));
    story.whole(get(), seen("b", Some(7)));
    story.assert_possible();
    story.whole(get(), seen("b", Some(8)));
    assert_eq!(story.violation().stuck.id, 3);
}

#[test]
fn a_search_out_of_steps_cannot_tell() {
    let mut story = Story::new();
    let ops: Vec<OpId> = (0..8).map(|_| story.begin(put("v"))).collect();
    ops.iter().for_each(|op| story.end(*op, stored()));
    let history = story.recorder.history().expect("a sound story");
    let verdict = check(&history, 3).verdict;
    assert_eq!(verdict, Verdict::CannotTell { key: key() });
}
