//! Cases told by hand.

use serde_json::{Value, json};
use sisyphus::types::NodeId;

use super::*;
use crate::{
    report::{clients::operations, lanes::lanes, line::told},
    trace::Source,
};

fn line(us: u64, node: u64, what: &str, detail: Value) -> Line {
    told(us, Source::Node(NodeId(node)), what, detail)
}

fn accusation(us: u64) -> Line {
    told(us, Source::World, "violation", json!({}))
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
    exhibited(oracle, what, &lines, lines.len() - 1)
}

/// The exhibits of the accusation at a place among these lines.
fn exhibited(oracle: &str, what: &str, lines: &[Line], accused: usize) -> Vec<(u64, String, bool)> {
    let (ops, lanes) = (operations(lines, &[]), lanes(lines, 3, 1_000));
    let case = Case {
        lines,
        accused,
        oracle,
        what,
        lanes: &lanes,
        ops: &ops,
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

/// What a client does, in one go: it asks, sends and hears.
fn asks(client: u64, (from, to): (u64, u64), call: &str, revision: u64) -> [Line; 4] {
    let says = |us, what, detail| told(us, Source::Client(client), what, detail);
    let makes = call.starts_with("put");
    let sends = json!({ "node": 1, "request": format!("r{client}"), "says": "to n1" });
    [
        says(
            from,
            "asks",
            json!({ "op": null, "writes": makes, "says": call }),
        ),
        says(from, "sends", sends),
        says(to, "hears", json!({ "node": 1, "says": "from n1" })),
        says(
            to,
            "done",
            json!({ "op": null, "revision": revision, "made": makes, "says": "done" }),
        ),
    ]
}

/// The accusation comes before the line in which the client hears what is wrong.
fn found_by_client(
    oracle: &str,
    what: &str,
    before: &[Line],
    answer: [Line; 4],
) -> Vec<(u64, String, bool)> {
    let mut lines = [before, &answer[..2]].concat();
    let accused = lines.len();
    lines.push(accusation(answer[2].us));
    lines.extend_from_slice(&answer[2..]);
    exhibited(oracle, what, &lines, accused)
}

#[test]
fn a_scan_that_shows_no_revision_is_beside_the_write_that_it_lacks() {
    let writes = [
        asks(1, (10, 20), "put a = 1", 2),
        asks(1, (30, 40), "put a = 2", 3),
    ]
    .concat();
    let what = "n1 shows of a.. at revision 3: a = 1 written at revision 2 (version 1, first at 2) \
                where a = 2 written at revision 3 (version 2, first at 2) should be";
    let scan = asks(2, (50, 60), "scan a..", 3);
    assert_eq!(
        found_by_client("SNAP", what, &writes, scan),
        [
            of(20, "c1", false),
            of(40, "c1", true),
            of(60, "c2", true),
            of(60, "n1", false)
        ]
    );
}

#[test]
fn an_answer_that_is_too_old_is_beside_what_was_over_before() {
    let write = asks(1, (10, 20), "put a = 1", 5);
    let scan = asks(2, (50, 60), "scan a..", 4);
    let found = found_by_client("LIN", "n1 answers `scan a..` with revision 4", &write, scan);
    assert_eq!(
        found,
        [of(20, "c1", true), of(60, "c2", true), of(60, "n1", false)]
    );
}

#[test]
fn a_request_that_is_applied_again_is_shown_with_how_often_it_was_sent() {
    let applied = |us, index| {
        let detail =
            json!({ "at": [index, 1], "request": "r1", "says": format!("{index}@1: put a = 1") });
        line(us, 2, "applied", detail)
    };
    let says = |us, what, detail| told(us, Source::Client(1), what, detail);
    let sends = |us| {
        says(
            us,
            "sends",
            json!({ "node": 1, "request": "r1", "says": "" }),
        )
    };
    let lines = [
        says(10, "asks", json!({ "op": 0, "says": "put a = 1" })),
        sends(10),
        applied(20, 7),
        says(30, "hears", json!({ "node": 1, "says": "unknown" })),
        sends(40),
        applied(50, 8),
    ];
    assert_eq!(
        found("XO", "\"1\" is written at 2 and again at 3", &lines),
        [
            of(10, "c1", false),
            of(20, "n2", true),
            of(40, "c1", false),
            of(50, "n2", true)
        ]
    );
}

#[test]
fn a_file_that_cannot_be_read_is_shown_with_its_last_write_and_the_loss_behind_it() {
    let file = |us, what| line(us, 2, what, json!({ "path": "store/000000000007.table" }));
    let lines = [
        file(10, "wrote"),
        file(20, "wrote"),
        line(30, 2, "stopped", json!({})),
        line(40, 2, "started", json!({})),
    ];
    assert_eq!(
        found(
            "PAN",
            "n2 refuses to start: 000000000007.table: too short",
            &lines
        ),
        [of(20, "n2", true), of(30, "n2", false), of(40, "n2", true)]
    );
}

#[test]
fn a_commit_without_a_quorum_is_shown_with_the_disks_that_lack_it() {
    let log = |us, node, last| line(us, node, "persisted", json!({ "log": [[1, 1], [last, 1]] }));
    let lines = [
        log(10, 1, 4),
        log(11, 2, 3),
        log(12, 3, 2),
        line(20, 1, "committed", json!({ "index": 4 })),
    ];
    let what = "n1, who leads term 1, commits 4, and no quorum of n1 n2 n3 has it on disk in one term (n1 has 4@1)";
    assert_eq!(
        found("QRM", what, &lines),
        [of(11, "n2", true), of(12, "n3", true), of(20, "n1", true)]
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
