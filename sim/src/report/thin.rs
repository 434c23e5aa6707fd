//! Which events of a long run the page keeps.
//!
//! A run has tens of thousands of events, and most of them are page cache writes and heartbeats far
//! from what went wrong. What is left out goes by rank (disks first, then heartbeats, then the rest of
//! the mail), and within a rank by its distance from the failure. Pictures that need no rows (roles,
//! progress, faults, operations) are made before, from everything.

use std::collections::BTreeMap;

use super::line::Line;

/// The most rows of the event table: about 3 MB of page.
pub(super) const ROWS_MAX: usize = 30_000;

/// Which lines become rows, by place, and what was left out, in words.
pub(super) fn rows(lines: &[Line], failed_us: u64, rows_max: usize) -> (Vec<usize>, Vec<String>) {
    let mut places: Vec<usize> = (0..lines.len()).collect();
    if places.len() <= rows_max {
        return (places, Vec::new());
    }
    let distance = |at: usize| lines[at].us.abs_diff(failed_us);
    places.sort_by_key(|at| (rank(&lines[*at]), distance(*at)));
    let mut gone: BTreeMap<(u8, &str), (usize, u64)> = BTreeMap::new();
    for at in &places[rows_max..] {
        let line = &lines[*at];
        let group = gone
            .entry((rank(line), group(line)))
            .or_insert((0, u64::MAX));
        *group = (group.0 + 1, group.1.min(distance(*at)));
    }
    places.truncate(rows_max);
    places.sort_unstable();
    let told = gone.into_iter().rev().map(|((_, what), (count, nearest))| {
        format!(
            "{count} × {what}, more than {} ms from the failure",
            nearest / 1_000
        )
    });
    (places, told.collect())
}

/// How willingly a line is given up: 0 never, as long as there is room.
fn rank(line: &Line) -> u8 {
    match line.what.as_str() {
        "wrote" | "renamed" | "dir-synced" | "syncing" | "synced" => 4,
        "sent" | "received" => match line.text("kind") {
            "heartbeat" | "heartbeat-reply" | "read-index" | "read-index-reply" => 3,
            "append" | "append-accepted" => 2,
            _ => 0,
        },
        "applied" | "acknowledged" | "committed" => 2,
        "persisted" | "asks" | "sends" | "hears" | "done" | "not-done" | "unknown" => 1,
        _ => 0,
    }
}

fn group(line: &Line) -> &'static str {
    match rank(line) {
        4 => "events of disks",
        3 => "heartbeats and read indexes",
        2 => "appends, commits and applied entries",
        1 => "persisted batches and events of clients",
        _ => "other events",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sisyphus::types::NodeId;

    use super::*;
    use crate::{report::line::told, trace::Source};

    fn line(us: u64, what: &str, kind: &str) -> Line {
        told(us, Source::Node(NodeId(1)), what, json!({ "kind": kind }))
    }

    #[test]
    fn what_goes_first_is_far_away_and_says_little() {
        let lines = [
            line(0, "leader", ""),
            line(1_000, "sent", "heartbeat"),
            line(2_000, "wrote", ""),
            line(3_000, "sent", "vote"),
            line(4_000, "wrote", ""),
            line(5_000, "sent", "heartbeat"),
        ];
        assert_eq!(rows(&lines, 5_000, 6).0, [0, 1, 2, 3, 4, 5]);
        let (kept, told) = rows(&lines, 5_000, 3);
        assert_eq!(kept, [0, 3, 5]);
        assert_eq!(
            told,
            [
                "2 × events of disks, more than 1 ms from the failure",
                "1 × heartbeats and read indexes, more than 4 ms from the failure"
            ]
        );
    }
}
