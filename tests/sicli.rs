//! The client program's words, answers and exit codes.

mod support;

use std::process::{Command, Output};

use support::Cluster;

fn sicli(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sicli"))
        .args(words)
        .env_remove("SISYPHUS_ENDPOINTS")
        .output()
        .unwrap()
}

/// Exit code, standard output and standard error.
fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn history(name: &str, lines: &[&str]) -> String {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    #[expect(clippy::disallowed_methods, reason = "a test of real processes")]
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    file.display().to_string()
}

const PUT: &str =
    r#"{"process":0,"op":0,"time_us":1,"kind":"invoke","call":"put","key":"k","value":"v"}"#;
const PUT_OK: &str = r#"{"process":0,"op":0,"time_us":2,"kind":"ok","call":"put","revision":2}"#;
const GET: &str = r#"{"process":1,"op":1,"time_us":3,"kind":"invoke","call":"get","key":"k"}"#;
const GET_NOTHING: &str =
    r#"{"process":1,"op":1,"time_us":4,"kind":"ok","call":"get","value":null}"#;

#[test]
fn check_says_what_a_history_is_by_its_exit_code() {
    let good = history("good.jsonl", &[PUT, PUT_OK, GET]);
    let (code, out, _) = said(sicli(&["check", &good]));
    assert_eq!(
        (code, out.trim()),
        (Some(0), "linearizable: 2 operations on 1 keys")
    );

    let bad = history("bad.jsonl", &[PUT, PUT_OK, GET, GET_NOTHING]);
    let (code, out, _) = said(sicli(&["check", &bad, "--output", "json"]));
    assert_eq!(code, Some(1));
    let verdict: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(verdict["verdict"], "violation");
    assert_eq!(verdict["violation"]["op"], 1);

    let broken = history("broken.jsonl", &[PUT, "{}"]);
    let (code, _, error) = said(sicli(&["check", &broken]));
    assert_eq!(code, Some(2));
    assert!(
        error.contains("broken.jsonl: line 2: field `kind`"),
        "{error}"
    );
    assert_eq!(said(sicli(&["check", "/nonexistent"])).0, Some(2));
}

#[test]
fn an_endpoint_that_cannot_be_reached_is_named_with_a_remedy() {
    let words = ["--endpoints", "127.0.0.1:1", "--timeout", "100ms"];
    let (code, _, error) = said(sicli(&[&words[..], &["get", "k"]].concat()));
    assert_eq!(code, Some(3));
    assert!(
        error.contains("127.0.0.1:1") && error.contains("--endpoints"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1, "{error}");
    let (code, out, _) = said(sicli(&[&words[..], &["cluster", "status"]].concat()));
    assert_eq!(code, Some(3));
    assert!(out.contains("unreachable"), "{out}");
}

#[test]
fn wrong_words_are_usage_errors() {
    for words in [
        &["get"][..],
        &["fly"],
        &["scan", "--limit", "0"],
        &["--endpoints", "x", "get", "k"],
    ] {
        assert_eq!(said(sicli(words)).0, Some(2), "{words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_put_found_listed_and_deleted_through_any_node() {
    let cluster = Cluster::start("sicli", 3);
    cluster.leader().await;
    let run = |words: &[&str]| said(cluster.sicli().args(words).output().unwrap());
    for (key, value) in [("a/1", "one"), ("a/2", ""), ("b", "three")] {
        assert_eq!(run(&["put", key, value]).0, Some(0));
    }
    assert_eq!(
        run(&["get", "a/1"]),
        (Some(0), "one\n".to_owned(), String::new())
    );
    assert_eq!(run(&["get", "a/2"]).1, "\n");
    assert_eq!(run(&["scan", "a/"]).1, "a/1\tone\na/2\t\n");
    assert_eq!(run(&["scan", "--from", "a/2", "--keys-only"]).1, "a/2\nb\n");
    assert_eq!(run(&["scan", "--limit", "1"]).1, "a/1\tone\n");
    assert_eq!(run(&["delete", "a/1"]).0, Some(0));
    let (code, _, error) = run(&["get", "a/1"]);
    assert_eq!((code, error.trim()), (Some(1), "sicli: no such key: a/1"));
    assert_eq!(run(&["delete", "a/1"]).0, Some(1));
    let (code, table, _) = run(&["cluster", "status"]);
    assert_eq!((code, table.lines().count()), (Some(0), 4), "{table}");
    assert_eq!(table.matches("leader").count(), 1, "{table}");
    assert_eq!(table.matches("follower").count(), 2, "{table}");
}
