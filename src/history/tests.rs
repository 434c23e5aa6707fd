use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{Call, End, Event, History, Outcome, PairError, Recorder, Seen, What, line, read};

fn decoded(line: &str) -> String {
    match line::decode(line) {
        Ok(event) => format!("{event:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_drawing_in_the_essay_is_what_is_written() {
    let essay = include_str!("mod.rs");
    let lines: Vec<&str> = essay
        .lines()
        .filter_map(|line| line.strip_prefix("//! {"))
        .collect();
    assert_eq!(lines.len(), 6);
    for line in lines {
        let line = format!("{{{line}");
        let event = line::decode(&line).expect("a drawn line");
        assert_eq!(encoded(&event), line);
    }
}

fn encoded(event: &Event) -> String {
    let mut out = Vec::new();
    line::encode(&mut out, event).expect("memory takes it");
    String::from_utf8(out).expect("JSON is text")
}

#[test]
fn a_bad_line_is_named_with_its_field() {
    let good = r#"{"process":0,"op":1,"time_us":0,"kind":"invoke","call":"get","key":"k"}"#;
    let cases = [
        ("nonsense", "line 2: field `(line)`: is not JSON"),
        ("[]", "line 2: field `(line)`: is not a JSON object"),
        (
            r#"{"process":0,"op":2,"time_us":0,"kind":"invoke","call":"get"}"#,
            "line 2: field `key`: is missing",
        ),
        (
            r#"{"process":0,"op":-2,"time_us":0,"kind":"unknown"}"#,
            "line 2: field `op`: -2 is not a whole number",
        ),
        (
            r#"{"process":0,"op":1,"time_us":0,"kind":"done"}"#,
            "line 2: field `kind`: `done` is none of",
        ),
        (
            r#"{"process":0,"op":1,"time_us":0,"kind":"ok","call":"get"}"#,
            "line 2: field `value`: is missing",
        ),
        (
            r#"{"process":0,"op":1,"time_us":0,"kind":"ok","call":"get","value":{"base64":"?"}}"#,
            "line 2: field `value`: is not base64",
        ),
        (
            r#"{"process":0,"op":1,"time_us":0,"kind":"ok","call":"put"}"#,
            "line 2: field `op`: operation 1 was invoked as get and is answered as put",
        ),
        (
            r#"{"process":0,"op":7,"time_us":0,"kind":"fail"}"#,
            "line 2: field `op`: operation 7 completes without being under way",
        ),
    ];
    for (bad, expected) in cases {
        let error = read(format!("{good}\n{bad}\n").as_bytes()).expect_err(bad);
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn a_last_line_that_was_cut_is_left_out() {
    let good = r#"{"process":0,"op":1,"time_us":0,"kind":"invoke","call":"get","key":"k"}"#;
    let history = read(format!("{good}\n\n{}", &good[..20]).as_bytes()).expect("readable");
    assert_eq!(history.operations.len(), 1);
    assert_eq!(history.operations[0].end, End::Unknown);
}

#[test]
fn an_operation_begins_once_and_ends_once() {
    let event = |op, what| Event {
        process: 0,
        op,
        time_us: 0,
        what,
    };
    let begin = event(1, What::Invoke(Call::Get { key: "k".into() }));
    let end = event(1, What::Unknown(String::new()));
    let twice = [begin.clone(), begin.clone()];
    assert_eq!(History::pair(twice), Err(PairError::InvokedTwice(1)));
    let twice = [begin, end.clone(), end];
    assert_eq!(History::pair(twice), Err(PairError::NotUnderWay(1)));
}

#[test]
fn a_writer_that_fails_is_reported_and_not_written_to_again() {
    struct Full(Arc<Mutex<usize>>);
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            *self.0.lock() += 1;
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let writes = Arc::new(Mutex::new(0));
    let recorder = Recorder::to_writer(Full(writes.clone()));
    let op = recorder.invoke(0, 0, Call::Get { key: "k".into() });
    recorder.unknown(0, op, 1, "gone");
    assert_eq!(*writes.lock(), 1);
    assert!(recorder.finish().is_err());
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        ".{0,8}".prop_map(Bytes::from),
        any::<Vec<u8>>().prop_map(Bytes::from)
    ]
}

fn any_what() -> impl Strategy<Value = What> {
    let optional = || prop::option::of(any::<u64>());
    prop_oneof![
        (any_bytes(), any_bytes()).prop_map(|(key, value)| What::Invoke(Call::Put { key, value })),
        any_bytes().prop_map(|key| What::Invoke(Call::Get { key })),
        any_bytes().prop_map(|key| What::Invoke(Call::Delete { key })),
        (any_bytes(), prop::option::of(any_bytes()), any_bytes()).prop_map(
            |(key, expected, new)| { What::Invoke(Call::CompareAndSet { key, expected, new }) }
        ),
        optional().prop_map(|revision| What::Ok(Outcome::Put { revision })),
        (prop::option::of((any_bytes(), optional())), optional()).prop_map(|(seen, revision)| {
            let seen = seen.map(|(value, mod_revision)| Seen {
                value,
                mod_revision,
            });
            What::Ok(Outcome::Get { seen, revision })
        }),
        (any::<bool>(), optional())
            .prop_map(|(deleted, revision)| What::Ok(Outcome::Delete { deleted, revision })),
        (any::<bool>(), optional()).prop_map(|(succeeded, revision)| {
            What::Ok(Outcome::CompareAndSet {
                succeeded,
                revision,
            })
        }),
        ".{0,8}".prop_map(What::Fail),
        ".{0,8}".prop_map(What::Unknown),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(process: u64, op: u64, time_us: u64, what in any_what()) {
        let event = Event { process, op, time_us, what };
        prop_assert_eq!(line::decode(&encoded(&event)), Ok(event));
    }

    #[test]
    fn any_input_is_read_or_refused(input: Vec<u8>, text in "\\PC*") {
        let _ = read(&input[..]);
        decoded(&text);
    }

    #[test]
    fn a_recorder_that_writes_and_one_that_remembers_tell_the_same(whats in prop::collection::vec(any_what(), 0..20)) {
        let events: Vec<Event> = (0..).zip(whats).map(|(op, what)| Event { process: 0, op, time_us: 0, what })
            .filter(|event| matches!(event.what, What::Invoke(_))).collect();
        let mut lines = Vec::new();
        for event in &events {
            line::encode(&mut lines, event).expect("memory takes it");
            lines.push(b'\n');
        }
        prop_assert_eq!(read(&lines[..]).expect("readable"), History::pair(events).expect("sound"));
    }
}
