//! Oracles, faults and plans in words for somebody who did not write them.

use serde_json::Value;
use sisyphus::config::Limits;

use super::line::plain;
use crate::plan::Plan;

/// An oracle, told to somebody who has not heard of it.
pub(super) struct Creed {
    /// What it is called in full.
    pub title: &'static str,
    /// What must hold.
    pub demands: &'static str,
    /// Where that is written.
    pub paper: &'static str,
}

/// What an oracle stands for.
pub(super) fn creed(oracle: &str) -> Creed {
    let (title, demands, paper) = match oracle {
        "ELS" => (
            "Election safety",
            "In one term, at most one node may be leader.",
            "Raft, section 5.2 and figure 3",
        ),
        "LOGM" => (
            "Log matching",
            "If two logs hold an entry with the same index and term, they are equal up to it.",
            "Raft, section 5.3 and figure 3",
        ),
        "LC" => (
            "Leader completeness",
            "What was committed in one term is in the log of every leader of a later term.",
            "Raft, section 5.4 and figure 3",
        ),
        "SMS" => (
            "State machine safety",
            "All replicas apply the same commands at the same places, each once.",
            "Raft, section 5.4.3 and figure 3",
        ),
        "MONO" => (
            "Nothing goes back",
            "Terms, votes, commit index and what is durable only move forward, restarts included.",
            "Raft, figure 2, sections 5.1 to 5.3 and 7",
        ),
        "QRM" => (
            "A quorum has it",
            "What is committed lies on the disks of a majority.",
            "Raft, sections 5.3 and 5.4.2",
        ),
        "PROM" => (
            "Promises are on disk",
            "A vote or an acknowledgement may leave a node only when its disk already holds what is promised.",
            "Raft, figure 2: \"updated on stable storage before responding to RPCs\"",
        ),
        "KEEP" => (
            "Promises of time are kept",
            "Who has answered a leader's heartbeat helps nobody to replace it for as long as the answer said, restarts included.",
            "Raft's thesis, section 6.4.1",
        ),
        "MEM" => (
            "Everything has a bound",
            "Queues, logs, files and memory stay within their limits.",
            "the product's limits",
        ),
        "PAN" => (
            "No server gives up",
            "No server panics, refuses to start or stops serving, unless a fault is an excuse.",
            "the product's own assertions",
        ),
        "LIN" => (
            "Linearizability",
            "There is one order of all operations that explains every answer, and in it nothing comes before what was over when it began.",
            "Herlihy and Wing 1990; Raft, section 8",
        ),
        "DUR" => (
            "What was acknowledged stays",
            "A write that a client was told is done is there at the end, on every replica.",
            "Raft, section 5.4",
        ),
        "XO" => (
            "Exactly once",
            "A request that is sent again under the same identity takes effect once.",
            "Raft, section 8; thesis, section 6.3",
        ),
        "SNAP" => (
            "Snapshot reads",
            "A scan, or a read at a revision, shows one point of history.",
            "the product's promise about revisions",
        ),
        "AUD" => (
            "The books are right",
            "The store equals a simple model of it, and its files equal its manifest.",
            "the product's storage engine",
        ),
        "LIVE" => (
            "It recovers",
            "When all faults are over, the cluster elects, commits, answers and agrees within a bound.",
            "Raft, section 5.2 and thesis, section 3.9",
        ),
        "DET" => (
            "Determinism",
            "The same plan does the same things again.",
            "the simulator's own promise",
        ),
        _ => (
            "A property",
            "What the oracle of this name demands.",
            "sim/src/oracle",
        ),
    };
    Creed {
        title,
        demands,
        paper,
    }
}

/// A fault's short name and its whole story, from its JSON.
pub(super) fn fault(what: &Value) -> (String, String) {
    let kind = what["kind"].as_str().unwrap_or("fault");
    let who = who(&what["who"]);
    let short = match kind {
        "crash" => "crash",
        "power-loss" => "power loss",
        "pause" => "pause",
        "partition" => cut(&what["cut"]),
        "links" => "bad links",
        "disks" => "slow disk",
        "stuck" => "disk hangs",
        "damage" => "damaged disk",
        "grow" => "node added",
        "shrink" => "node removed",
        "lead" => "to take over",
        "reconfigure" => "new limits",
        "burst" => "more clients",
        "failing" if what["room_bytes"].is_null() => "failing syncs",
        "failing" => "disk full",
        "resign" => "hand over",
        "replace" => "lost, replaced",
        "wipe" => "disk emptied",
        "clock" => "wrong clock",
        other => other,
    };
    let short = short.replace('-', " ");
    let story = match kind {
        "crash" => format!("{who}: the process ends, its disk keeps all that was written"),
        "power-loss" => format!("{who}: power fails, the disk keeps only what it must"),
        "pause" => format!("{who}: the process stands still without knowing it"),
        "partition" => partition(&what["cut"]),
        "links" => {
            let way = match what["way"].as_str() {
                Some("in") => "to",
                Some("out") => "from",
                _ => "of",
            };
            format!("links {way} {who}: {}", plain(&what["link"]))
        }
        "disks" => format!("disks of {who}: {}", plain(&what["disk"])),
        "stuck" => format!("disks of {who} do not answer any more"),
        "grow" => "an operator adds a node".to_owned(),
        "shrink" => format!("an operator removes {who}"),
        "lead" => format!("an operator has {who} take over"),
        "reconfigure" => format!("{who}: stopped and started again with other limits"),
        "resign" => format!("{who}: asked to hand leadership over"),
        "replace" => format!("{who}: the machine is lost with its disk, another takes its place"),
        "wipe" => match what["directory"].as_str() {
            None | Some("") => format!("{who}: comes back with an empty disk"),
            Some(directory) => format!("{who}: comes back without its directory {directory}"),
        },
        "damage" => {
            let (how, prefix) = (plain(&what["how"]), plain(&what["prefix"]));
            format!("{who}: synced bytes are damaged ({how}) in a file {prefix}…")
        }
        "failing" => failing(&who, what),
        "burst" => format!(
            "{} more clients come, ask {} operations each without a pause, and go",
            what["clients"], what["operations"]
        ),
        "clock" => clock(&who, what),
        _ => plain(what).replacen("kind: ", "", 1),
    };
    (short, story)
}

/// A drive that fails: which of its operations, and how many of a million.
fn failing(who: &str, what: &Value) -> String {
    let kinds = [
        ("failed_sync_ppm", "syncs"),
        ("failed_write_ppm", "writes"),
        ("failed_read_ppm", "reads"),
    ];
    let often = |(field, name): &(&str, &str)| {
        let ppm = what[*field].as_u64().filter(|ppm| *ppm > 0)?;
        Some(format!("{:.1} % of {name} fail", ppm as f64 / 10_000.0))
    };
    let mut told: Vec<String> = kinds.iter().filter_map(often).collect();
    if what["keeps_dirty"] == true {
        told.push("what a failed sync left is written by the next one".to_owned());
    }
    told.extend(
        what["room_bytes"]
            .as_u64()
            .map(|room| format!("there is room for {room} more bytes")),
    );
    format!("disks of {who}: {}", told.join(", "))
}

/// A clock that goes wrong: how far, how fast, and how far it leaps.
fn clock(who: &str, what: &Value) -> String {
    let leap = what["leap_ms"].as_u64().filter(|ms| *ms > 0);
    let leap = leap.map_or(String::new(), |ms| format!(", it leaps ahead by {ms} ms"));
    format!(
        "clock of {who}: off by {} ms, its second longer by {} millionths{leap}",
        what["offset_ms"], what["drift_ppm"]
    )
}

fn cut(cut: &Value) -> &'static str {
    match cut["shape"].as_str() {
        Some("mute") => "nobody hears it",
        Some("deaf") => "hears nobody",
        Some("single") => "one link cut",
        Some("bridge") => "a bridge",
        Some("ring") => "a ring",
        Some("flapping") => "cut off at times",
        _ => "cut off",
    }
}

fn partition(value: &Value) -> String {
    let side = who(&value["side"]);
    match value["shape"].as_str() {
        Some("split") => format!("{side} and the others do not hear each other"),
        Some("mute") => format!("nobody hears {side}, which hears the others"),
        Some("deaf") => format!("{side} hears nobody, and is heard"),
        Some("single") => format!("{side} and the next node do not hear each other"),
        Some("bridge") => format!("two halves do not hear each other, {side} hears both"),
        Some("ring") => "every node hears its two neighbours only".to_owned(),
        Some("flapping") => format!("{side} and the others do not hear each other, at times"),
        _ => format!("partition: {}", plain(value)),
    }
}

fn who(value: &Value) -> String {
    match value {
        Value::String(name) if name == "struck" => "the node it happens on".to_owned(),
        Value::String(name) if name == "all" => "all nodes".to_owned(),
        Value::String(name) => format!("the {name}"),
        Value::Object(_) => {
            let nodes = value["nodes"].as_array().into_iter().flatten();
            nodes
                .map(|node| format!("n{node}"))
                .collect::<Vec<_>>()
                .join(", ")
        }
        other => plain(other),
    }
}

/// What of a plan matters to who reads a picture: names and values.
pub(super) fn facts(plan: &Plan) -> Vec<(&'static str, String)> {
    let Limits {
        tick_ms,
        heartbeat_ticks,
        election_ticks,
        segment_bytes,
        memtable_bytes,
        log_entries_kept,
        append_bytes_max,
        ..
    } = plan.limits;
    let work = &plan.workload;
    let election_ms = tick_ms * u64::from(election_ticks);
    vec![
        ("nodes", plan.nodes.to_string()),
        ("clients", format!("{} on {} keys", work.clients, work.keys)),
        (
            "retries",
            format!("{}, after at most {} ms", work.retries, work.timeout_ms),
        ),
        ("faults strike for", format!("{} ms", plan.safety_ms)),
        ("then heals within", format!("{} ms", plan.liveness_ms)),
        (
            "heartbeat every",
            format!("{} ms", tick_ms * u64::from(heartbeat_ticks)),
        ),
        (
            "election after",
            format!("{election_ms} to {} ms", 2 * election_ms),
        ),
        (
            "a sync takes",
            range(plan.disk.sync_us_min, plan.disk.sync_us_max),
        ),
        (
            "a message takes",
            range(plan.link.delay_us_min, plan.link.delay_us_max),
        ),
        (
            "log kept",
            format!("{log_entries_kept} entries behind a snapshot"),
        ),
        ("log segment", kib(segment_bytes)),
        ("memtable", kib(memtable_bytes)),
        ("append", format!("at most {}", kib(append_bytes_max))),
    ]
}

fn range(low: u64, high: u64) -> String {
    format!("{} to {} ms", ms(low), ms(high))
}

/// Microseconds as milliseconds.
pub(super) fn ms(us: u64) -> String {
    format!("{}.{:03}", us / 1_000, us % 1_000)
}

fn kib(bytes: usize) -> String {
    format!("{:.1} KiB", bytes as f64 / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Fault;

    #[test]
    fn every_drawn_fault_has_words() {
        for seed in 0..200 {
            for Fault { what, .. } in Plan::draw(seed).faults {
                let (short, story) = fault(&serde_json::to_value(&what).unwrap());
                assert!(
                    !short.is_empty() && !short.contains('-'),
                    "{what:?}: {short}"
                );
                assert!(!story.contains("null") && !story.contains('{'), "{story}");
            }
        }
    }
}
