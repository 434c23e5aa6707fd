//! What two plans do not have in common.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Plan, Script, Step};

/// The parts that are compared by themselves, not field by field.
const APART: [&str; 2] = ["faults", "script"];

/// The difference of two plans, a line for each: fields with both values, then operations and
/// faults that only `old` (-) or only `new` (+) has. Empty if the plans are equal.
pub fn difference(old: &Plan, new: &Plan) -> String {
    let mut lines = Vec::new();
    let value = |plan: &Plan| serde_json::to_value(plan).expect("a plan is plain data");
    compare("", &value(old), &value(new), &mut lines);
    lines.extend(scripts(old.script.as_ref(), new.script.as_ref()));
    let told = |plan: &Plan| {
        plan.faults
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    lines.extend(lists(&told(old), &told(new)));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Fields that differ, by their paths.
fn compare(path: &str, old: &Value, new: &Value, lines: &mut Vec<String>) {
    let (Value::Object(a), Value::Object(b)) = (old, new) else {
        if old != new {
            lines.push(format!("{path}: {old} → {new}"));
        }
        return;
    };
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        let deeper = match path {
            "" if APART.contains(&name.as_str()) => continue,
            "" => name.clone(),
            _ => format!("{path}.{name}"),
        };
        let at = |object: &serde_json::Map<String, Value>| object.get(name).cloned();
        let (a, b) = (at(a).unwrap_or_default(), at(b).unwrap_or_default());
        compare(&deeper, &a, &b, lines);
    }
}

/// Operations that one of the plans does not have. A plan without a script does all of them.
fn scripts(old: Option<&Script>, new: Option<&Script>) -> Vec<String> {
    let (old, new) = match (old, new) {
        (None, None) => return Vec::new(),
        (None, Some(new)) => return vec![format!("- all operations but {}", new.len())],
        (Some(old), None) => return vec![format!("+ all operations, not only {}", old.len())],
        (Some(old), Some(new)) => (old, new),
    };
    let steps = |script: &Script| -> BTreeSet<_> { script.steps().collect() };
    let (old, new) = (steps(old), steps(new));
    let told = |sign| move |(client, step): &(u64, Step)| format!("{sign} c{client} {step}");
    let gone = old.difference(&new).map(told('-'));
    gone.chain(new.difference(&old).map(told('+'))).collect()
}

/// What is in one list only, in the order of the lists: a longest common subsequence stays.
fn lists(old: &[String], new: &[String]) -> Vec<String> {
    // common[i][j]: how much `old[i..]` and `new[j..]` have in common.
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = match old[i] == new[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i]));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_does_not_differ_from_itself() {
        for seed in 0..20 {
            let plan = Plan::draw(seed);
            assert_eq!(difference(&plan, &plan), "");
        }
    }

    #[test]
    fn fields_faults_and_operations_that_differ_are_named() {
        let with_faults = |seed: &u64| Plan::draw(*seed).faults.len() > 3;
        let old = Plan::draw((0..).find(with_faults).unwrap());
        let mut new = old.clone();
        let gone = new.faults.remove(1);
        new.limits.tick_ms += 1;
        new.workload.retries += 2;
        new.script = Some(Script::default());
        let told = difference(&old, &new);
        let tick = format!(
            "limits.tick_ms: {} → {}\n",
            old.limits.tick_ms, new.limits.tick_ms
        );
        assert!(told.contains(&tick), "{told}");
        assert!(told.contains("workload.retries"), "{told}");
        assert!(told.contains("- all operations but 0\n"), "{told}");
        assert!(told.ends_with(&format!("- {gone}\n")), "{told}");
        assert_eq!(told.lines().count(), 4, "{told}");
    }

    #[test]
    fn lists_are_compared_in_order() {
        let list = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let told = lists(&list("abcd"), &list("xbdy"));
        assert_eq!(told, ["- a", "+ x", "- c", "+ y"]);
    }
}
