//! `cargo sim report`: a page of one run, to be looked at in a browser.

use std::process::ExitCode;

use crate::report::{make, summary};

/// What to make a page of.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A seed, or the path of a plan.
    plan: String,
    /// Also measure from which moment on the failure was inevitable: some hundred runs.
    #[arg(long)]
    likelihood: bool,
    /// How many of them run at once; all processors if it is not said.
    #[arg(long)]
    jobs: Option<usize>,
}

pub(super) fn go(args: &Args) -> Result<ExitCode, String> {
    let plan = super::plan(&args.plan)?;
    let jobs = args.likelihood.then(|| super::jobs(args.jobs));
    let (path, outcome) = make(&plan, &args.plan, jobs)
        .map_err(|error| format!("the page cannot be saved: {error}"))?;
    print!("{}", summary(&plan, &outcome));
    println!("The page is {}", path.display());
    Ok(super::code(
        outcome.violation.iter().map(|violation| violation.oracle),
    ))
}
