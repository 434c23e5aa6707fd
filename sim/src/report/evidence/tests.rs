//! Cases told by hand.

use serde_json::{Value, json};
use sisyphus::types::NodeId;

use super::*;
use crate::trace::Source;

fn line(us: u64, node: u64, what: &str, detail: Value) -> Line {
    Line {
        us,
        who: Source::Node(NodeId(node)),
        what: what.to_owned(),
        detail,
    }
}

fn accusation(us: u64) -> Line {
    Line {
        us,
        who: Source::World,
        what: "violation".to_owned(),
        detail: json!({}),
    }
}

fn vote(us: u64, voter: u64, candidate: u64, term: u64) -> Line {
    let detail = json!({
        "from": voter, "to": candidate, "term": term, "kind": "vote-reply", "granted": true, "says": "vote granted",
    });
    line(us, voter, "sent", detail)
}

/// The exhibits of an accusation behind these lines, as (time, lane, accuses).
fn found(oracle: &str, what: &str, lines: &[Line]) -> Vec<(u64, String, bool)> {
    let mut lines = lines.to_vec();
    lines.push(accusation(lines.last().map_or(0, |line| line.us)));
    let case = Case {
        lines: &lines,
        accused: lines.len() - 1,
        oracle,
        what,
        lanes: &[],
        ops: &[],
        history: None,
    };
    let exhibits = exhibits(&case).into_iter();
    exhibits
        .map(|exhibit| (exhibit.us, exhibit.lane, exhibit.accuses))
        .collect()
}

fn of(us: u64, lane: &str, accuses: bool) -> (u64, String, bool) {
    (us, lane.to_owned(), accuses)
}

#[test]
fn two_leaders_are_found_with_the_voter_who_forgot() {
    let lines = [
        vote(10, 3, 1, 5),
        line(12, 1, "leader", json!({ "term": 5 })),
        line(20, 3, "restored", json!({ "term": 4, "vote": null })),
        vote(30, 3, 2, 5),
        line(32, 2, "leader", json!({ "term": 5 })),
    ];
    assert_eq!(
        found("ELS", "n1 and n2 both lead term 5 of s0", &lines),
        [
            of(10, "n3", false),
            of(12, "n1", true),
            of(20, "n3", false),
            of(30, "n3", false),
            of(32, "n2", true)
        ]
    );
}

#[test]
fn a_vote_that_went_back_is_found_behind_a_restart() {
    let lines = [
        vote(10, 3, 1, 5),
        line(20, 3, "restored", json!({ "term": 4 })),
        line(25, 2, "persisted", json!({ "term": 5, "vote": 2 })),
        vote(30, 3, 2, 5),
    ];
    assert_eq!(
        found("MONO", "n3 votes for n1 and n2 in term 5", &lines),
        [of(10, "n3", true), of(20, "n3", false), of(30, "n3", true)]
    );
}

#[test]
fn a_lost_entry_is_found_where_it_was_durable() {
    let lines = [
        line(10, 1, "persisted", json!({ "log": [[7, 2], [9, 2]] })),
        line(15, 1, "persisted", json!({ "log": [[10, 2], [10, 2]] })),
        line(20, 1, "restored", json!({ "term": 2 })),
    ];
    assert_eq!(
        found(
            "MONO",
            "n1 had 8@2 on its disk and restarts without it",
            &lines
        ),
        [of(10, "n1", true), of(20, "n1", true)]
    );
}

#[test]
fn a_promise_is_shown_beside_the_disk_that_does_not_back_it() {
    let lines = [
        line(5, 3, "persisted", json!({ "term": 4, "vote": null })),
        line(
            7,
            3,
            "persisted",
            json!({ "term": null, "log": [[1, 4], [2, 4]] }),
        ),
        line(8, 3, "syncing", json!({})),
        vote(10, 3, 1, 5),
    ];
    assert_eq!(
        found(
            "PROM",
            "n3 gives n1 its vote in term 5 before that is durable",
            &lines
        ),
        [of(5, "n3", true), of(8, "n3", false), of(10, "n3", true)]
    );
}

#[test]
fn replicas_that_differ_are_shown_at_the_index_where_they_do() {
    let applied = |us, node, index, hash| {
        line(
            us,
            node,
            "applied",
            json!({ "at": [index, 1], "hash": hash }),
        )
    };
    let lines = [
        applied(1, 1, 6, "a"),
        applied(2, 1, 7, "b"),
        applied(3, 2, 6, "a"),
        applied(4, 2, 7, "c"),
    ];
    assert_eq!(
        found(
            "SMS",
            "after index 7 the state of n1 is b of term 1, that of n2 c of term 1",
            &lines
        ),
        [of(2, "n1", true), of(4, "n2", true)]
    );
}

#[test]
fn an_oracle_that_nobody_has_heard_of_still_has_its_moment() {
    let lines = [
        line(3, 2, "wrote", json!({})),
        line(4, 1, "wrote", json!({})),
    ];
    assert_eq!(
        found("NEW", "n2 did something", &lines),
        [of(4, "n1", true)]
    );
}

#[test]
fn sentences_are_read_for_what_they_name() {
    assert_eq!(
        positions("n1 had 12@3 on its disk, and 4@1"),
        [(12, 3), (4, 1)]
    );
    assert_eq!(nodes("n1 and n12 lead; nobody in none"), [1, 12]);
    assert_eq!(number_after("was bound to term 5 and", "term "), Some(5));
    assert_eq!(number_after("in terms", "term "), None);
}
