//! check: judges a recorded history.

use serde_json::{Value, json};

use super::{
    Ended, Failure, NO, UNKNOWN,
    args::CheckArgs,
    files,
    output::{Output, json_bytes},
};
use crate::{
    check::{Report, Verdict, Violation, check},
    history,
};

pub(super) fn run(args: &CheckArgs, output: &Output) -> Ended {
    let place = args.file.display();
    let file = files::open(&args.file)
        .map_err(|error| Failure::usage(format!("{place}: {error}: name a recorded history")))?;
    let history =
        history::read(file).map_err(|error| Failure::usage(format!("{place}: {error}")))?;
    let report = check(&history, args.steps);
    output.answer(&report.to_string(), &json_report(&report))?;
    Ok(match report.verdict {
        Verdict::Linearizable => 0,
        Verdict::Violation(_) => NO,
        Verdict::CannotTell { .. } => UNKNOWN,
    })
}

fn json_report(report: &Report) -> Value {
    let mut value = json!({
        "verdict": match report.verdict {
            Verdict::Linearizable => "linearizable",
            Verdict::Violation(_) => "violation",
            Verdict::CannotTell { .. } => "cannot tell",
        },
        "keys": report.keys,
        "operations": report.operations,
        "keys_proved_by_revisions": report.by_witness,
        "search_steps": report.steps,
    });
    match &report.verdict {
        Verdict::Linearizable => {}
        Verdict::Violation(violation) => value["violation"] = json_violation(violation),
        Verdict::CannotTell { key } => value["key"] = json_bytes(key),
    }
    value
}

fn json_violation(violation: &Violation) -> Value {
    let ids: Vec<u64> = violation
        .placed
        .iter()
        .map(|operation| operation.id)
        .collect();
    json!({
        "key": json_bytes(&violation.key),
        "op": violation.stuck.id,
        "operation": violation.stuck.to_string(),
        "value": violation.value.as_ref().map(|value| json_bytes(value)),
        "order_before": ids,
    })
}
