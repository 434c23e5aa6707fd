//! The model of a run that fails, told by hand: a leader that was deposed answers a read.

use serde_json::{Value, json};
use sisyphus::history::{Call, Event, Outcome, Recorder, Seen};

use super::{
    evidence::Exhibit,
    lanes::Role,
    model::{Page, Remains, page},
    page::render,
};
use crate::plan::Plan;

/// Lines of a trace, one after another.
#[derive(Default)]
struct Tale {
    lines: Vec<String>,
}

impl Tale {
    fn tell(&mut self, us: u64, who: &str, what: &str, detail: Value) {
        let line = json!({ "us": us, "who": who, "what": what, "detail": detail });
        self.lines.push(line.to_string());
    }

    fn heartbeat(&mut self, us: u64, from: u64, to: u64, arrives: Option<u64>) {
        let says = format!("n{from}→n{to} term 1: heartbeat {us} commit 1");
        let message =
            json!({ "from": from, "to": to, "term": 1, "kind": "heartbeat", "says": says });
        self.tell(us, &format!("n{from}"), "sent", message.clone());
        if let Some(us) = arrives {
            self.tell(us, &format!("n{to}"), "received", message);
        }
    }
}

/// n1 leads term 1, is cut off, n2 leads term 2 and takes a write, and n1 answers a read without it.
fn tale() -> (Vec<String>, Vec<Event>) {
    let mut tale = Tale::default();
    let recorder = Recorder::in_memory();
    for node in ["n1", "n2", "n3"] {
        let empty = json!({ "term": 0, "vote": null, "last": [0, 0], "at": [0, 0], "hash": "0", "says": "nothing" });
        tale.tell(100, node, "restored", empty);
    }
    tale.tell(
        1_000,
        "n1",
        "leader",
        json!({ "term": 1, "says": "leads term 1" }),
    );
    tale.heartbeat(1_100, 1, 2, Some(2_000));
    put(&mut tale, &recorder, 1, (2_000, 4_000), "old", 2);
    let cut = json!({ "kind": "partition", "cut": { "shape": "split", "side": "leader" } });
    tale.tell(
        5_000,
        "world",
        "fault",
        json!({ "place": 0, "nodes": [1], "what": cut.clone() }),
    );
    tale.heartbeat(5_500, 1, 2, None);
    tale.tell(
        8_000,
        "n2",
        "leader",
        json!({ "term": 2, "says": "leads term 2" }),
    );
    put(&mut tale, &recorder, 2, (9_000, 12_000), "new", 3);
    stale_read(&mut tale, &recorder);
    tale.tell(
        16_000,
        "world",
        "mended",
        json!({ "place": 0, "nodes": [1], "what": cut }),
    );
    tale.tell(
        20_000,
        "world",
        "violation",
        json!({ "oracle": "LIN", "what": "NOT linearizable" }),
    );
    (tale.lines, recorder.events())
}

fn put(
    tale: &mut Tale,
    recorder: &Recorder,
    node: u64,
    (from, to): (u64, u64),
    value: &str,
    revision: u64,
) {
    let call = Call::Put {
        key: "k".into(),
        value: value.to_owned().into(),
    };
    let says = call.to_string();
    let op = recorder.invoke(1, from, call);
    tale.tell(from, "c1", "asks", json!({ "op": op, "says": says }));
    tale.tell(
        from,
        "c1",
        "sends",
        json!({ "node": node, "request": "ab#1", "says": "to it" }),
    );
    let revision = Some(revision);
    recorder.ok(1, op, to, Outcome::Put { revision });
    tale.tell(
        to,
        "c1",
        "hears",
        json!({ "node": node, "says": "from it: done" }),
    );
    tale.tell(to, "c1", "done", json!({ "op": op, "says": "done" }));
}

fn stale_read(tale: &mut Tale, recorder: &Recorder) {
    let op = recorder.invoke(2, 13_000, Call::Get { key: "k".into() });
    tale.tell(
        13_000,
        "c2",
        "asks",
        json!({ "op": op, "says": "get \"k\"" }),
    );
    tale.tell(
        13_000,
        "c2",
        "sends",
        json!({ "node": 1, "request": null, "says": "to n1" }),
    );
    let seen = Some(Seen {
        value: "old".into(),
        mod_revision: Some(2),
    });
    let revision = Some(2);
    recorder.ok(2, op, 15_000, Outcome::Get { seen, revision });
    tale.tell(
        15_000,
        "c2",
        "hears",
        json!({ "node": 1, "says": "from n1: \"old\"" }),
    );
    tale.tell(
        15_000,
        "c2",
        "done",
        json!({ "op": op, "says": "\"old\" </script>" }),
    );
}

fn made() -> Page {
    let (lines, history) = tale();
    let plan = Plan {
        nodes: 3,
        ..Plan::draw(1)
    };
    let remains = Remains {
        plan: &plan,
        lines: &lines,
        history: &history,
        verdict: Some(("LIN", "NOT linearizable")),
        name: "1",
    };
    page(&remains)
}

#[test]
fn the_two_answers_that_contradict_each_other_are_named_with_who_gave_the_wrong_one() {
    let page = made();
    let accusing: Vec<&Exhibit> = page
        .verdict
        .exhibits
        .iter()
        .filter(|exhibit| exhibit.accuses)
        .collect();
    assert_eq!(accusing.len(), 2);
    assert!(accusing[0].says.contains("\"new\"") && accusing[0].us == 12_000);
    assert!(accusing[1].says.contains("no order explains") && accusing[1].us == 15_000);
    let why = page
        .verdict
        .exhibits
        .iter()
        .find(|exhibit| exhibit.lane == "n2");
    let why = &why.expect("the new leader is shown").says;
    assert!(
        why.contains("n2 leads term 2")
            && why.contains("n1, which gave the answer, took itself for the leader in term 1")
    );
    assert_eq!(page.verdict.us, 15_000);
}

#[test]
fn roles_faults_messages_and_points_are_on_the_page() {
    let page = made();
    let roles = |node: usize| {
        page.lanes[node]
            .spans
            .iter()
            .map(|span| (span.role, span.term))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        roles(0),
        [(Role::Starting, 0), (Role::Follower, 0), (Role::Leader, 1)]
    );
    assert_eq!(
        roles(1),
        [
            (Role::Starting, 0),
            (Role::Follower, 0),
            (Role::Follower, 1),
            (Role::Leader, 2)
        ]
    );
    assert_eq!((page.strikes[0].from, page.strikes[0].to), (5_000, 16_000));
    assert_eq!(page.strikes[0].short, "cut off");
    let arrivals: Vec<i64> = page.letters.iter().map(|letter| letter.3).collect();
    assert_eq!(arrivals, [2_000, -1]);
    let points: Vec<_> = page.ops.iter().map(|op| (op.point, op.illegal)).collect();
    assert_eq!(
        points,
        [(Some(2_000), false), (Some(9_000), false), (None, true)]
    );
}

#[test]
fn the_story_is_told_in_order_with_the_exhibits_in_it() {
    let page = made();
    let story = &page.verdict.story;
    assert!(story.is_sorted_by_key(|step| step.us));
    let numbers: Vec<usize> = story
        .iter()
        .map(|step| step.exhibit)
        .filter(|number| *number > 0)
        .collect();
    assert_eq!(
        numbers,
        (1..=page.verdict.exhibits.len()).collect::<Vec<_>>()
    );
    assert!(
        story
            .iter()
            .any(|step| step.kind == "fault" && step.us == 5_000)
    );
}

#[test]
fn a_page_is_whole_and_nothing_in_a_trace_becomes_markup() {
    let html = render(&made());
    assert!(html.len() < 200_000, "{} bytes", html.len());
    assert_eq!(html.matches("</script>").count(), 2);
    assert!(!html.contains("{{"));
    for part in [
        "Seed",
        "cargo sim replay 1",
        "cargo sim shrink 1",
        "--likelihood",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn a_run_without_lines_or_verdict_has_a_page_too() {
    let plan = Plan::draw(2);
    let remains = Remains {
        plan: &plan,
        lines: &[],
        history: &[],
        verdict: None,
        name: "2",
    };
    let page = page(&remains);
    assert!(!page.verdict.failed && page.verdict.exhibits.is_empty());
    assert!(render(&page).contains("passed"));
}

/// A put is sent twice under one identity and applied twice: a read between sees it at another revision
/// than the client is told in the end.
fn applied_twice() -> (Vec<String>, Vec<Event>) {
    let mut tale = Tale::default();
    let recorder = Recorder::in_memory();
    let call = Call::Put {
        key: "k".into(),
        value: "v".into(),
    };
    let (key, says) = (call.key().clone(), call.to_string());
    let op = recorder.invoke(1, 1_000, call);
    let applied = |index: u64| json!({ "at": [index, 1], "hash": "0", "request": "ab#1", "says": "put k = v" });
    tale.tell(1_000, "c1", "asks", json!({ "op": op, "says": says }));
    for (from, index, heard) in [(1_000, 7, "unknown"), (4_000, 8, "done")] {
        let sends = json!({ "node": 1, "request": "ab#1", "says": "to n1" });
        tale.tell(from, "c1", "sends", sends);
        tale.tell(from + 500, "n1", "applied", applied(index));
        tale.tell(
            from + 900,
            "c1",
            "hears",
            json!({ "node": 1, "says": heard }),
        );
    }
    let read = recorder.invoke(2, 2_000, Call::Get { key });
    let seen = Some(Seen {
        value: "v".into(),
        mod_revision: Some(2),
    });
    let revision = Some(2);
    recorder.ok(2, read, 3_000, Outcome::Get { seen, revision });
    recorder.ok(1, op, 5_000, Outcome::Put { revision: Some(3) });
    tale.tell(5_000, "c1", "done", json!({ "op": op, "says": "done" }));
    tale.tell(
        9_000,
        "world",
        "violation",
        json!({ "oracle": "LIN", "what": "wrong" }),
    );
    (tale.lines, recorder.events())
}

#[test]
fn a_request_that_was_applied_twice_is_shown_both_times() {
    let (lines, history) = applied_twice();
    let remains = Remains {
        plan: &Plan::draw(1),
        lines: &lines,
        history: &history,
        verdict: Some(("LIN", "wrong")),
        name: "1",
    };
    let exhibits = page(&remains).verdict.exhibits;
    let accusing: Vec<u64> = exhibits
        .iter()
        .filter(|e| e.accuses)
        .map(|e| e.us)
        .collect();
    assert_eq!(accusing, [3_000, 5_000]);
    let twice = exhibits
        .iter()
        .filter(|e| e.says.contains("n1 applies request ab#1"));
    assert_eq!(twice.map(|e| e.us).collect::<Vec<_>>(), [1_500, 4_500]);
}
