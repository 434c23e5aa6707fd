//! A plan for the eye. The words are made from the fields' names, which say their units: so a new
//! kind of fault reads well on the day that it is added.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};
use sisyphus::config::Limits;

use super::{Condition, Fault, Plan, Until, What, When};

/// The name of a kind of fault, as in a plan's JSON: `power-loss`.
pub fn kind(what: &What) -> String {
    match value(what).get("kind") {
        Some(Value::String(kind)) => kind.clone(),
        _ => String::new(),
    }
}

/// The kind with its shape, where there are several: `partition ring`, `damage lost`.
pub fn variety(what: &What) -> String {
    let shape = match what {
        What::Partition { cut } => value(cut).get("shape").cloned(),
        What::Damage { how, .. } => Some(value(how)),
        _ => None,
    };
    match shape {
        Some(Value::String(shape)) => format!("{} {shape}", kind(what)),
        _ => kind(what),
    }
}

/// A plan as a page: what it is made of, and its faults in the order in which they may strike.
pub fn show(plan: &Plan) -> String {
    let mut page = format!(
        "seed {}: {} nodes, {} clients, at most {} operations, {} faults\n",
        plan.seed,
        plan.nodes,
        plan.clients().len(),
        plan.operations_max(),
        plan.faults.len()
    );
    let mut line = |name: &str, text: String| {
        let _ = writeln!(page, "{name:<10}{text}");
    };
    line(
        "time",
        format!(
            "faults strike for {} ms; then the healed cluster has {} ms to serve and to agree",
            plan.safety_ms, plan.liveness_ms
        ),
    );
    if let Some(order) = plan.order {
        line("order", format!("of ready tasks drawn from {order}"));
    }
    line("limits", unlike(&value(&plan.limits)));
    line("disk", fields(&value(&plan.disk)));
    line("link", fields(&value(&plan.link)));
    line("workload", fields(&value(&plan.workload)));
    for client in plan.script.iter().flat_map(|script| script.clients()) {
        let steps = plan.script.iter().flat_map(|script| script.of(client));
        let steps: Vec<String> = steps.map(|step| step.to_string()).collect();
        line(&format!("c{client}"), steps.join(" "));
    }
    for fault in timeline(plan) {
        line("fault", fault.to_string());
    }
    page
}

/// The faults by the times from which on they may strike; those that wait for events come last.
fn timeline(plan: &Plan) -> Vec<&Fault> {
    let mut faults: Vec<&Fault> = plan.faults.iter().collect();
    faults.sort_by_key(|fault| match fault.when {
        When::At { ms } | When::State { from_ms: ms, .. } => ms,
        When::Event { from_ms: 0, .. } => u64::MAX,
        When::Event { from_ms, .. } => from_ms,
    });
    faults
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { when, what, until } = self;
        write!(f, "{when}: {}{until}", told(what))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = |ms: u64| match ms {
            0 => String::new(),
            ms => format!(", from {ms} ms on"),
        };
        match self {
            When::At { ms } => write!(f, "at {ms} ms"),
            When::Event {
                node,
                event,
                nth,
                from_ms,
            } => {
                let event = value(event);
                let event = event.as_str().unwrap_or_default();
                let node = node.map_or("any node".to_owned(), |node| node.to_string());
                write!(f, "at {event} number {nth} of {node}{}", from(*from_ms))
            }
            When::State { condition, from_ms } => {
                write!(f, "once {condition}{}", from(*from_ms))
            }
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Lagging { entries } => {
                write!(f, "a node is more than {entries} entries behind its leader")
            }
            Condition::Snapshot => write!(f, "a node needs a snapshot"),
            Condition::TwoLeaders => write!(f, "two nodes think that they lead"),
            Condition::Membership => write!(f, "the membership is being changed"),
        }
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::After { ms } => write!(f, ", for {ms} ms"),
            Until::Healed => write!(f, ", for good"),
        }
    }
}

/// What strikes: its kind, whom, and how.
fn told(what: &What) -> String {
    let mut all = value(what);
    let kind = kind(what).replace('-', " ");
    if let Value::Object(map) = &mut all {
        map.remove("kind");
    }
    format!("{kind} {}", fields(&all))
}

/// The limits that are not the usual ones.
fn unlike(limits: &Value) -> String {
    let usual = value(&Limits::default());
    let Value::Object(map) = limits else {
        return String::new();
    };
    let unusual = map.iter().filter(|(name, value)| usual[*name] != **value);
    let unusual: Map<String, Value> = unusual.map(|(n, v)| (n.clone(), v.clone())).collect();
    match unusual.is_empty() {
        true => "as in production".to_owned(),
        false => fields(&Value::Object(unusual)),
    }
}

/// The fields of an object in one line, without those that are nought.
fn fields(object: &Value) -> String {
    let Value::Object(map) = object else {
        return plain(object);
    };
    // Whom it strikes comes first.
    let (whom, how): (Vec<_>, Vec<_>) = map
        .iter()
        .partition(|(name, _)| ["cut", "shape", "who", "side"].contains(&name.as_str()));
    let told = whom.into_iter().rev().chain(how);
    let told: Vec<String> = told
        .filter_map(|(name, value)| field(name, value))
        .collect();
    told.join(", ")
}

/// A field with its unit, which its name ends in: `loss_ppm: 20000` is a loss of 2 %.
fn field(name: &str, value: &Value) -> Option<String> {
    let words = name.replace('_', " ");
    let ppm = |name: &str| {
        let percent = value.as_f64().unwrap_or_default() / 10_000.0;
        format!("{} {percent} %", name.replace('_', " "))
    };
    let unit =
        |of: &str, unit: &str| format!("{} {} {unit}", words.replacen(of, "", 1), plain(value));
    Some(match (name, value) {
        (_, Value::Null | Value::Bool(false)) => return None,
        (_, Value::Bool(true)) => words.clone(),
        (_, Value::Number(n)) if n.as_f64() == Some(0.0) => return None,
        ("who" | "side" | "shape", value) => plain(value),
        ("nodes", Value::Array(_)) => plain(value),
        (_, Value::Object(_)) => fields(value),
        (name, _) if name.ends_with("_ppm") => ppm(name.trim_end_matches("_ppm")),
        _ if name.contains("_us") => unit(" us", "µs"),
        _ if name.contains("_ms") => unit(" ms", "ms"),
        _ if name.contains("_bytes") => unit(" bytes", "bytes"),
        _ if name.contains("_percent") => unit(" percent", "%"),
        _ => format!("{words} {}", plain(value)),
    })
}

/// A value without fields. Lists of numbers are lists of nodes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "nobody".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| format!("n{}", plain(item)))
                .collect();
            items.join(" ")
        }
        Value::Object(_) => fields(value),
        other => other.to_string(),
    }
}

fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("a plan is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_plan_is_told_in_a_line_of_its_own() {
        for seed in 0..50 {
            let plan = Plan::draw(seed);
            let page = show(&plan);
            let told = page.lines().filter(|line| line.starts_with("fault"));
            assert_eq!(told.count(), plan.faults.len());
            assert!(!page.contains(['{', '"', '_']), "{page}");
        }
    }

    #[test]
    fn faults_read_as_sentences() {
        let json = r#"{
            "when": { "kind": "event", "node": 2, "event": "synced", "nth": 3, "from_ms": 40 },
            "what": { "kind": "failing", "who": { "nodes": [1, 3] }, "failed_sync_ppm": 25000, "room_bytes": null },
            "until": { "kind": "after", "ms": 7 } }"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        assert_eq!(
            fault.to_string(),
            "at synced number 3 of n2, from 40 ms on: failing n1 n3, failed sync 2.5 %, for 7 ms"
        );
    }
}
