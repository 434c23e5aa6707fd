//! Files that are not as they should be: what their node last did with them, and how it ended then.

use super::{Case, Exhibit, nodes, says_of};
use crate::report::{line::Line, words};

/// PAN, AUD and whatever else names a file: the last that happened to it, and the loss behind that.
pub(super) fn broken(case: &Case<'_>) -> Vec<Exhibit> {
    let end = case.accused.min(case.lines.len());
    let Some(node) = nodes(case.what).first().copied() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Some(last) = case.last(end, |line| line.is_of(node)) {
        let line = &case.lines[last];
        found.push(Exhibit {
            us: case.lines.get(case.accused).map_or(line.us, |line| line.us),
            says: format!("n{node} gives up: {}", first_line(case.what)),
            ..case.accuser(last, "")
        });
    }
    let stopped = case.last(end, |line| line.is_of(node) && line.what == "stopped");
    let before = stopped.unwrap_or(end);
    for path in paths(case, node) {
        let touches = |line: &Line| line.is_of(node) && line.text("path") == path;
        let wrote = case.last(before, |line| touches(line) && line.what == "wrote");
        let synced = case.last(before, |line| touches(line) && line.what == "synced");
        let Some(wrote) = wrote.or_else(|| case.last(before, touches)) else {
            continue;
        };
        let fate = match synced > Some(wrote) {
            true => "and that was synced",
            false => "and no sync of it was done before its process ended",
        };
        let text = format!("n{node} last writes {path}, {fate}");
        found.push(case.accuser(wrote, text));
    }
    found.extend(stopped.into_iter().flat_map(|at| ending(case, node, at)));
    found
}

/// PROM on a sampled image: what the disk had made durable, what it would hold after a loss of power now, and
/// a name that was made and whose directory was not synced since.
pub(super) fn lost_image(case: &Case<'_>) -> Vec<Exhibit> {
    let (end, node) = (case.accused, nodes(case.what).first().copied());
    let own = |line: &Line| line.node() == node;
    let found = case
        .what
        .split_once(": ")
        .map_or(case.what, |(_, found)| found);
    let mut exhibits = Vec::new();
    exhibits.extend(case.spoken(&format!("after a loss of power here: {found}")));
    let tells = |line: &Line| own(line) && matches!(line.what.as_str(), "persisted" | "restored");
    if let Some(last) = case.last(end, tells) {
        let text = says_of(&case.lines[last], "calls durable");
        exhibits.push(case.accuser(last, text));
    }
    let named = |line: &Line| {
        let is_named = matches!(line.what.as_str(), "created" | "renamed");
        own(line) && is_named && line.text("path").starts_with("log/")
    };
    if let Some(name) = case.last(end, named) {
        let synced = |line: &Line| own(line) && line.what == "dir-synced";
        let fate = match case.last(end, synced) > Some(name) {
            true => "and has synced a directory since",
            false => "and has synced no directory since",
        };
        let path = case.lines[name].text("path");
        let text = format!("{} gives {path} its name, {fate}", case.lines[name].who);
        exhibits.push(case.witness(name, text));
    }
    exhibits
}

/// How the process of `node` ended at this line: by which fault, if by one.
pub(super) fn ending(case: &Case<'_>, node: u64, stopped: usize) -> Vec<Exhibit> {
    let us = case.lines[stopped].us;
    let strikes = |line: &Line| {
        let hits = line.detail["nodes"].as_array().into_iter().flatten();
        line.what == "fault" && line.us == us && hits.into_iter().any(|hit| *hit == node)
    };
    let around = case.lines.iter().filter(|line| strikes(line));
    let names: Vec<String> = around
        .map(|line| words::fault(&line.detail["what"]).0)
        .collect();
    let text = match names.is_empty() {
        true => format!("the process of n{node} ends"),
        false => format!("the process of n{node} ends: {}", names.join(", ")),
    };
    vec![case.witness(stopped, text)]
}

/// The files of `node` that the verdict names, as the disk calls them.
fn paths(case: &Case<'_>, node: u64) -> Vec<String> {
    let named = case
        .what
        .split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c)));
    let named: Vec<&str> = named
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.len() > 4)
        .collect();
    let of_node = case.lines.iter().filter(|line| line.is_of(node));
    let mut paths: Vec<String> = of_node
        .map(|line| line.text("path"))
        .filter(|path| !path.is_empty() && named.iter().any(|name| path.ends_with(name)))
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    paths.truncate(PATHS_MAX);
    paths
}

/// The most files that are looked into.
const PATHS_MAX: usize = 3;

/// Enough of a long reason.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The last time before `end` that `node` removed tables: it had merged them into others.
pub(super) fn merged(case: &Case<'_>, node: u64, (from, end): (usize, usize)) -> Option<Exhibit> {
    let is_table = |line: &Line| line.text("path").ends_with(".table");
    let removes = |line: &Line| line.is_of(node) && line.what == "removed" && is_table(line);
    let at = case.last(end, removes).filter(|at| *at >= from)?;
    Some(case.witness(
        at,
        says_of(
            &case.lines[at],
            "has merged tables into others, and removes",
        ),
    ))
}
