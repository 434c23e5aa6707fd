//! The floors: who may import whom.

use std::collections::BTreeSet;

use crate::{code, none, root, sources};

/// The floor of every room. A room imports rooms of lower floors, and itself.
const FLOORS: [(&str, u32); 18] = [
    ("codec", 0),
    ("config", 0),
    ("rng", 0),
    ("types", 0),
    ("env", 1),
    ("history", 1),
    ("raft", 1),
    ("check", 2),
    ("wal", 2),
    ("lsm", 3),
    ("machine", 4),
    ("rpc", 5),
    ("node", 6),
    ("client", 7),
    ("gateway", 7),
    ("service", 8),
    ("cli", 9),
    ("bin", 10),
];

/// Imports on floor 0 itself: a number has no bytes, but a configuration has numbers.
const ON_THE_GROUND: [(&str, &str); 2] = [("config", "rng"), ("config", "types")];

/// Rooms that use less than their floor allows, and all that they may use: the core stays pure, and
/// the judge of the store shares nothing with the store.
const NARROW: [(&str, &[&str]); 3] = [
    ("raft", &["codec", "rng", "types"]),
    ("history", &["codec", "rng", "types"]),
    ("check", &["codec", "rng", "types", "history"]),
];

/// The rooms that `code` takes things from: what follows `crate::` (or `sisyphus::` in a program).
fn imports(code: &str, from: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices(from) {
        let rest = &code[at + from.len()..];
        match rest.strip_prefix('{') {
            Some(group) => rooms.extend(heads(group)),
            None => rooms.extend(head(rest)),
        }
    }
    rooms
}

/// The first names of the parts of a group, up to its closing brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut found, mut begins) = (0, Vec::new(), true);
    for (at, char) in group.char_indices() {
        if begins && !char.is_whitespace() {
            found.extend(head(&group[at..]));
            begins = false;
        }
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ => {}
        }
    }
    found
}

/// The name that a text begins with. Rooms are written small; types of the crate's root are none.
fn head(text: &str) -> Option<String> {
    let name: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    name.starts_with(|c: char| c.is_lowercase()).then_some(name)
}

fn floor(room: &str) -> Option<u32> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

/// The room of a file in src/.
fn room(file: &str) -> &str {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    inside.split(['/', '.']).next().unwrap_or(inside)
}

fn may_import(room: &str, other: &str) -> bool {
    if let Some((_, allowed)) = NARROW.iter().find(|(name, _)| *name == room) {
        return room == other || allowed.contains(&other);
    }
    match (floor(room), floor(other)) {
        (Some(own), Some(its)) => {
            its < own || room == other || ON_THE_GROUND.contains(&(room, other))
        }
        _ => false,
    }
}

#[test]
fn a_room_imports_lower_floors_only() {
    let mut breaches = Vec::new();
    for (file, text) in sources(&["src"]) {
        if file == "src/lib.rs" {
            continue;
        }
        let room = room(&file).to_owned();
        // A program calls its library by name; `cli::sisyphus` is a room inside a room.
        let from = if room == "bin" {
            " sisyphus::"
        } else {
            "crate::"
        };
        for other in imports(&code(&text), from) {
            if !may_import(&room, &other) {
                breaches.push(format!("{file}: {room} imports {other}"));
            }
        }
    }
    none(
        &breaches,
        "a room imports lower floors only (FLOORS, NARROW in tests/tidy/floors.rs)",
    );
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::{env::{self, task::{a, b}}, Loose, raft::Entry,\n    wal};\n\
                let x = crate::codec::f(); use crate::types::NodeId; // crate::lsm";
    let found = imports(&code(text), "crate::");
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, ["codec", "env", "raft", "types", "wal"]);
    assert!(may_import("wal", "env") && may_import("wal", "wal"));
    assert!(!may_import("wal", "lsm") && !may_import("env", "raft") && !may_import("raft", "env"));
    assert!(
        !may_import("codec", "types"),
        "the ground floor has no order of its own"
    );
}

#[test]
fn every_room_has_a_floor() {
    let mods = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rooms = mods
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let homeless: Vec<String> = rooms
        .filter(|room| floor(room).is_none())
        .map(str::to_owned)
        .collect();
    none(&homeless, "give the room a floor in tests/tidy/floors.rs");
}
