//! `cargo sim coverage`: runs seeds, and lists what has happened in how many of them.

use std::{ops::Range, process::ExitCode};

use super::{jobs, run::range};
use crate::{
    campaign::campaign,
    coverage::{Coverage, PROBES},
    run::run,
};

/// Which seeds.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The seeds: FIRST..END, the end not included.
    #[arg(long, value_parser = range, default_value = "0..2000")]
    seeds: Range<u64>,
    /// How many run at once; all processors if it is not said.
    #[arg(long)]
    jobs: Option<usize>,
}

/// Prints the list. Fails if something on it never happened, or a run failed.
pub(super) fn go(args: Args) -> ExitCode {
    let Args { seeds, jobs: said } = args;
    let total = seeds.end - seeds.start;
    let (mut all, mut failed) = (Coverage::default(), 0_u64);
    campaign(
        seeds,
        jobs(said),
        |plan| run(plan, false),
        |_, outcome| {
            failed += u64::from(outcome.violation.is_some());
            all.add(&outcome.coverage);
            true
        },
    );
    for name in PROBES {
        println!("{:>8}  {name}", all.runs(name));
    }
    for name in all.unlisted() {
        println!("{:>8}  {name}, which is on no list", all.runs(name));
    }
    let missing = all.missing();
    println!(
        "{} of {} happened in {total} runs, {failed} of which failed; {} abstract states",
        PROBES.len() - missing.len(),
        PROBES.len(),
        all.states.len(),
    );
    let is_well = missing.is_empty() && all.unlisted().is_empty() && failed == 0;
    ExitCode::from(u8::from(!is_well))
}
