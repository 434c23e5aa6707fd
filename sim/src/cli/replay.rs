//! `cargo sim replay`: one run again.

use std::{io::Write, process::ExitCode};

use crate::{
    plan::Plan,
    report::summary,
    run::run,
    world::{Outcome, Tally},
};

/// What to replay.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A seed, or the path of a plan.
    plan: String,
    /// Print every event as a line of JSON.
    #[arg(long)]
    trace: bool,
}

pub(super) fn go(args: &Args) -> Result<ExitCode, String> {
    let plan = super::plan(&args.plan)?;
    let outcome = run(&plan, args.trace);
    let mut out = std::io::stdout().lock();
    for line in &outcome.lines {
        // A reader that has seen enough closes the pipe; the verdict still goes to the exit code.
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    let _ = write!(out, "{}", verdict(&plan, &outcome));
    Ok(super::code(
        outcome.violation.iter().map(|violation| violation.oracle),
    ))
}

fn verdict(plan: &Plan, outcome: &Outcome) -> String {
    let Tally {
        done,
        failed,
        unknown,
    } = outcome.operations;
    let ending = match &outcome.violation {
        Some(_) => summary(plan, outcome),
        None => format!("seed {} passed\n", plan.seed),
    };
    format!(
        "{ending}operations: {done} done, {failed} not done, {unknown} unknown; {} events, hash {:016x}\n",
        outcome.events, outcome.hash
    )
}
