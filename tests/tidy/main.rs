//! The rules of the house, as far as a program can read them. A rule that is repeated in reviews
//! belongs here.

#![expect(clippy::disallowed_methods, reason = "the rules are about files")]

mod floors;
mod manifests;

use std::{collections::BTreeMap, path::PathBuf};

/// The most lines of a file. May shrink.
const LINES_MAX: usize = 450;

/// Files that speak to tokio itself: the doors, and what exists in production alone.
const TOKIO: [&str; 5] = [
    "src/env/",
    "src/rpc/peers/",
    "src/service/listen.rs",
    "src/service/server.rs",
    "src/cli/",
];

/// Words that no source file contains.
const BANNED: [(&str, &str); 7] = [
    (
        "todo!(",
        "finish it, or say in the essay that it is left out",
    ),
    ("TODO", "finish it, or say in the essay that it is left out"),
    ("FIXME", "fix it"),
    ("dbg!(", "use tracing"),
    ("#[ignore", "a test that is not run is no test"),
    ("unbounded_channel", "every queue has a bound"),
    (
        "process::exit",
        "return an exit code, so that destructors run",
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below some directories, by their paths from the root, with their text.
fn sources(dirs: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = dirs.iter().map(|dir| root().join(dir)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    assert!(!found.is_empty(), "no sources in {dirs:?}");
    found
}

/// Panics with one line for each breach.
fn none(breaches: &[String], rule: &str) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

/// The code of a file, without comments (which may name what they like).
fn code(text: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.trim_start().starts_with("//") {
            true => "",
            false => line.split(" // ").next().unwrap_or_default(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_short_enough_to_read() {
    let long = sources(&["src", "sim/src", "tests"])
        .into_iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(file, lines)| format!("{file}: {lines} lines"));
    none(
        &long.collect::<Vec<_>>(),
        &format!("a file has at most {LINES_MAX} lines: cut it"),
    );
}

#[test]
fn a_folder_begins_with_an_essay() {
    let mute = sources(&["src", "sim/src"])
        .into_iter()
        .filter(|(file, _)| file.ends_with("/mod.rs") && !file.ends_with("/tests/mod.rs"))
        .filter(|(_, text)| {
            text.lines()
                .take_while(|line| line.starts_with("//!"))
                .count()
                < 3
        })
        .map(|(file, _)| file);
    none(
        &mute.collect::<Vec<_>>(),
        "mod.rs tells the idea of its folder first",
    );
}

#[test]
fn every_file_says_what_it_is() {
    let mute = sources(&["src", "sim/src", "tests"])
        .into_iter()
        .filter(|(file, text)| !text.starts_with("//!") && !file.ends_with("/tests.rs"))
        .map(|(file, _)| file);
    none(
        &mute.collect::<Vec<_>>(),
        "a file begins with a sentence on what is in it",
    );
}

#[test]
fn banned_words_stay_out() {
    let mut breaches = Vec::new();
    for (file, text) in sources(&["src", "sim/src", "tests"]) {
        if file.starts_with("tests/tidy/") {
            continue;
        }
        for (word, instead) in BANNED {
            for (at, _) in text
                .lines()
                .enumerate()
                .filter(|(_, line)| line.contains(word))
            {
                breaches.push(format!("{file}:{}: {word} — {instead}", at + 1));
            }
        }
    }
    none(&breaches, "banned words");
}

#[test]
fn the_simulation_is_named_on_module_lines_and_at_the_doors_only() {
    let mut breaches = Vec::new();
    for (file, text) in sources(&["src"]) {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let place = format!("{file}:{}", at + 1);
            if line.contains("cfg(") && line.contains("madsim") {
                breaches.push(format!("{place}: cfg(madsim) is set in both worlds"));
            }
            if line.contains("feature = \"simulated\"") && !marks_a_module(&lines[at..]) {
                breaches.push(format!("{place}: the feature marks more than a module"));
            }
        }
    }
    none(&breaches, "one source, two worlds");
}

/// Whether attributes lead to a line that names a module or re-exports from one.
fn marks_a_module(lines: &[&str]) -> bool {
    let item = lines
        .iter()
        .find(|line| !line.trim_start().starts_with("#["));
    item.is_some_and(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.starts_with("mod ") || line.starts_with("use ")
    })
}

#[test]
fn tokio_is_reached_through_the_doors() {
    let mut breaches = Vec::new();
    for (file, text) in sources(&["src"]) {
        let free = TOKIO.iter().any(|place| file.starts_with(place)) || file.ends_with("tests.rs");
        let code = code(&text).replace("#[tokio::test]", "");
        if !free && code.contains("tokio::") {
            breaches.push(format!("{file}: use env::task"));
        }
        let raw = code.matches("select! {").count();
        let biased = code
            .split("select! {")
            .skip(1)
            .filter(|rest| rest.trim_start().starts_with("biased;"));
        if biased.count() != raw {
            breaches.push(format!("{file}: select! draws lots unless it is biased"));
        }
    }
    none(
        &breaches,
        "what the simulation cannot control stays behind env/",
    );
}

#[test]
fn unsafe_code_lives_in_the_memtable_alone() {
    let allowed = |file: &str| file.starts_with("src/lsm/");
    let breaches: Vec<String> = sources(&["src", "sim/src", "tests"])
        .into_iter()
        .filter(|(file, text)| {
            !allowed(file) && !file.starts_with("tests/tidy/") && code(text).contains("unsafe ")
        })
        .map(|(file, _)| file)
        .collect();
    none(&breaches, "only the arena and the skip list may be unsafe");
    assert!(
        root().join("src/lsm/arena.rs").exists(),
        "the exception still exists"
    );
}
