//! When operations took effect: a moment for each, within it, such that all answers make sense together.
//!
//! Every answer shows the store at a revision, and a write makes one; so the order of revisions is an
//! order that explains the answers, of all keys at once, as long as it does not contradict that of time. A
//! write of which its client never heard has no revision; where it stands among the operations
//! of its key the checker of histories tells.
//!
//! A read that may be old shows the past, and has no moment.

use std::collections::BTreeMap;

use sisyphus::{
    check::explain,
    history::{History, OpId},
};

use super::clients::{End, Op};

/// How many placements the search for an order may try for one key. Pictures are not verdicts.
const STEPS_MAX: u64 = 200_000;

/// Where an operation stands in the order: its revision; at one revision those without one, the one
/// that made it, those that saw it.
type Place = (u64, u8);

/// Marks the operations that no order explains: before they began, a later revision was heard of than the one
/// that they were answered with.
pub(super) fn accuse(ops: &mut [Op]) {
    let mut ends: Vec<(u64, u64)> = ops.iter().filter_map(ended).collect();
    ends.sort_unstable();
    let mut floor = 0;
    for end in &mut ends {
        floor = floor.max(end.1);
        end.1 = floor;
    }
    for op in ops.iter_mut().filter(|op| !op.may_be_old) {
        let before = ends.partition_point(|(us, _)| *us < op.from);
        let floor = before.checked_sub(1).map_or(0, |last| ends[last].1);
        let floor = floor + u64::from(op.made);
        op.illegal |= op.revision.is_some_and(|revision| revision < floor);
    }
}

/// When an operation was answered, and with which revision.
fn ended(op: &Op) -> Option<(u64, u64)> {
    Some((op.to?, op.revision?)).filter(|_| op.end == End::Ok)
}

/// Gives operations their moments, except for those that are accused. `broken` is the order in which the
/// checker placed the operations of a key before it met a contradiction.
pub(super) fn place(ops: &mut [Op], history: &History, broken: &[OpId]) {
    let mut orders: Vec<Vec<OpId>> = explain(history, STEPS_MAX).into_values().collect();
    orders.push(broken.to_vec());
    let mut places: BTreeMap<(Place, u64, usize), usize> = BTreeMap::new();
    for (at, op) in ops.iter().enumerate() {
        if let Some(revision) = op.revision.filter(|_| !op.may_be_old && !op.illegal) {
            places.insert(((revision, 2 - u8::from(op.made)), op.from, at), at);
        }
    }
    for order in orders {
        without_revision(ops, &order, &mut places);
    }
    let mut now = 0;
    for at in places.into_values() {
        let op = &mut ops[at];
        now = now.max(op.from);
        op.point = Some(now).filter(|now| op.to.is_none_or(|to| *now <= to));
    }
}

/// Operations without a revision stand before the next one of their key that has one.
fn without_revision(ops: &[Op], order: &[OpId], places: &mut BTreeMap<(Place, u64, usize), usize>) {
    let mut next = u64::MAX;
    for (turn, id) in order.iter().enumerate().rev() {
        let Ok(at) = ops.binary_search_by_key(id, |op| op.op) else {
            continue;
        };
        match ops[at].revision {
            Some(revision) => next = revision,
            None if ops[at].illegal => {}
            None => drop(places.insert(((next, 0), turn as u64, at), at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sisyphus::history::{Call, Outcome, Recorder, Seen};

    use super::*;
    use crate::report::clients::operations;

    const KEY: &[u8] = b"k";

    fn put(value: &'static str) -> Call {
        Call::Put {
            key: Bytes::from_static(KEY),
            value: value.into(),
        }
    }

    fn read(
        recorder: &Recorder,
        (from, to): (u64, u64),
        value: &'static str,
        revision: u64,
    ) -> OpId {
        let key = Bytes::from_static(KEY);
        let get = recorder.invoke(9, from, Call::Get { key });
        let revision = Some(revision);
        let seen = Some(Seen {
            value: value.into(),
            mod_revision: revision,
        });
        recorder.ok(9, get, to, Outcome::Get { seen, revision });
        get
    }

    fn placed(recorder: &Recorder) -> Vec<Op> {
        let mut ops = operations(&[], &recorder.events());
        accuse(&mut ops);
        place(&mut ops, &recorder.history().unwrap(), &[]);
        ops
    }

    #[test]
    fn points_lie_within_operations_and_in_an_order_that_explains_the_answers() {
        let recorder = Recorder::in_memory();
        // Both puts are under way when the read sees the first one, which is done last.
        let one = recorder.invoke(1, 10, put("a"));
        let two = recorder.invoke(2, 20, put("b"));
        recorder.ok(2, two, 30, Outcome::Put { revision: Some(2) });
        let get = read(&recorder, (40, 50), "a", 3);
        recorder.ok(1, one, 60, Outcome::Put { revision: Some(3) });
        let ops = placed(&recorder);
        let points: Vec<_> = ops.iter().map(|op| op.point.unwrap()).collect();
        assert!(points[two as usize] <= points[one as usize]);
        assert!(points[one as usize] <= points[get as usize]);
        for op in &ops {
            assert!(
                (op.from..=op.to.unwrap()).contains(&op.point.unwrap()),
                "{op:?}"
            );
        }
    }

    #[test]
    fn a_write_that_nobody_heard_of_stands_before_who_saw_it() {
        let recorder = Recorder::in_memory();
        let lost = recorder.invoke(1, 10, put("a"));
        recorder.unknown(1, lost, 15, "no answer");
        let get = read(&recorder, (20, 30), "a", 2);
        let ops = placed(&recorder);
        assert!(ops[lost as usize].point <= ops[get as usize].point);
        assert_eq!(ops[lost as usize].point, Some(10));
    }

    #[test]
    fn an_answer_older_than_one_that_was_over_before_is_accused_unless_it_may_be_old() {
        let recorder = Recorder::in_memory();
        let new = read(&recorder, (10, 20), "b", 3);
        let old = read(&recorder, (30, 40), "a", 2);
        let mut ops = operations(&[], &recorder.events());
        accuse(&mut ops);
        assert_eq!([new, old].map(|op| ops[op as usize].illegal), [false, true]);
        ops[old as usize].illegal = false;
        ops[old as usize].may_be_old = true;
        accuse(&mut ops);
        assert!(!ops[old as usize].illegal);
    }
}
