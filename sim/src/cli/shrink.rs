//! `cargo sim shrink`: the smallest plan that fails in the same way.

use std::{fmt::Write, process::ExitCode, time::Instant};

use crate::{
    plan::Plan,
    report::keep,
    run::{run, run_for, run_twice},
    shrink::{Progress, RUNS_MAX, Shrunk, shrink},
    world::Outcome,
};

/// What to shrink.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A seed that fails, or the path of a plan.
    plan: String,
    /// How many runs at once; all processors if it is not said.
    #[arg(long)]
    jobs: Option<usize>,
}

pub(super) fn go(args: &Args) -> Result<ExitCode, String> {
    let plan = super::plan(&args.plan)?;
    print!("{}", told(&plan, &args.plan, super::jobs(args.jobs))?);
    Ok(ExitCode::SUCCESS)
}

/// Shrinks `plan`, which is called `name` on the command line, and saves the result. Says what became of it; the error is that it does not fail.
#[expect(
    clippy::disallowed_methods,
    reason = "shrinking is timed by the real clock"
)]
pub(super) fn told(plan: &Plan, name: &str, jobs: usize) -> Result<String, String> {
    let started = Instant::now();
    let before = fail(plan)?;
    let oracle = before
        .violation
        .as_ref()
        .map_or("", |violation| violation.oracle);
    let bar = super::progress(RUNS_MAX as u64, "runs");
    let mut tell = |now: Progress| {
        bar.set_position(now.runs as u64);
        bar.set_message(format!(
            "{} faults, {} operations",
            now.faults, now.operations
        ));
    };
    let shrunk = shrink(plan, jobs, &|plan| run_for(oracle, plan), &mut tell);
    bar.finish_and_clear();
    let shrunk = shrunk?;
    let took = started.elapsed().as_secs_f64();
    let place = keep(plan, name, &shrunk.plan);
    let place = place.map_err(|error| format!("what is left cannot be saved: {error}"))?;
    let place = place.display();
    Ok(page(plan, &before, &shrunk, took)
        + &format!("again: cargo sim replay {place}/min.json\n")
        + &format!("to look at: {place}/report.html\n"))
}

/// The failing run: a plan of which two runs differ fails, too.
fn fail(plan: &Plan) -> Result<Outcome, String> {
    for runner in [|plan: &Plan| run(plan, false), run_twice] {
        let outcome = runner(plan);
        if outcome.violation.is_some() {
            return Ok(outcome);
        }
    }
    Err(format!("seed {}: the plan does not fail", plan.seed))
}

/// What was there and what is left.
fn page(plan: &Plan, before: &Outcome, shrunk: &Shrunk, took: f64) -> String {
    let oracle = shrunk
        .outcome
        .violation
        .as_ref()
        .map_or("", |violation| violation.oracle);
    let mut page = format!(
        "seed {}, oracle {oracle}: {} runs in {took:.1} s",
        plan.seed, shrunk.runs
    );
    page += match shrunk.is_minimal {
        true => ", no single fault or operation can go\n",
        false => ", and then no runs were left\n",
    };
    let small = &shrunk.plan;
    let sizes = [
        ("faults", plan.faults.len(), small.faults.len()),
        ("nodes", plan.nodes as usize, small.nodes as usize),
        ("clients", plan.clients().len(), small.clients().len()),
        ("operations", before.begun.len(), shrunk.outcome.begun.len()),
    ];
    for (name, old, new) in sizes {
        let _ = writeln!(page, "  {name:<11}{old:>5} → {new}");
    }
    page + &crate::plan::show(small)
}
