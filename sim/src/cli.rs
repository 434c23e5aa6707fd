//! The words of `cargo sim`. Exit codes: 0 all is well, 1 a run failed, 2 wrong usage.

use std::{
    io::{IsTerminal, Write},
    ops::Range,
    path::PathBuf,
    process::ExitCode,
    thread,
};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    campaign::campaign,
    plan::Plan,
    report::{report, summary},
    run::{run, run_twice},
    world::{Outcome, Tally},
};

/// So many failures are told in full; the others are counted.
const TOLD_MAX: u64 = 5;

/// Runs the database in a simulated world that fails as the seed has it.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim")]
struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every seed of a range, and tells of those that fail.
    Run {
        /// The seeds: FIRST..END, the end not included.
        #[arg(long, value_parser = range)]
        seeds: Range<u64>,
        /// How many run at once; all processors if it is not said.
        #[arg(long)]
        jobs: Option<usize>,
        /// Run every seed twice, and demand that both runs do the same (DET).
        #[arg(long)]
        twice: bool,
    },
    /// Runs one seed or one saved plan again, and prints the hash of its events.
    Replay {
        /// A seed, or the path of a plan.
        plan: String,
        /// Print every event as a line of JSON.
        #[arg(long)]
        trace: bool,
    },
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    match Words::parse().command {
        Command::Run { seeds, jobs, twice } => run_seeds(seeds, jobs, twice),
        Command::Replay { plan, trace } => match load(&plan) {
            Ok(plan) => replay(&plan, trace),
            Err(error) => {
                eprintln!("{plan}: {error}");
                ExitCode::from(2)
            }
        },
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is not a range of seeds like 0..500");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let seeds = number(first)?..number(end)?;
    match seeds.is_empty() {
        true => Err(format!("{text:?} holds no seeds")),
        false => Ok(seeds),
    }
}

/// A plan by its seed or by its path.
#[expect(
    clippy::disallowed_methods,
    reason = "plans are read from the real disk"
)]
fn load(text: &str) -> Result<Plan, String> {
    if let Ok(seed) = text.parse() {
        return Ok(Plan::draw(seed));
    }
    let bytes = std::fs::read(PathBuf::from(text)).map_err(|error| {
        format!("{error}: give a seed or the path of a plan, such as target/sim/7/plan.json")
    })?;
    Plan::parse(&String::from_utf8_lossy(&bytes))
}

#[expect(
    clippy::disallowed_methods,
    reason = "campaigns are timed by the real clock"
)]
fn run_seeds(seeds: Range<u64>, jobs: Option<usize>, twice: bool) -> ExitCode {
    let jobs = jobs.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let (total, started) = (seeds.end - seeds.start, std::time::Instant::now());
    let bar = progress(total);
    let (mut failed, mut faults, mut sum) = (0_u64, 0_u64, Tally::default());
    let runner = |plan: &Plan| match twice {
        true => run_twice(plan),
        false => run(plan, false),
    };
    campaign(seeds, jobs, runner, |plan, outcome| {
        sum = add(sum, outcome.operations);
        faults += outcome.faults;
        if outcome.violation.is_some() {
            failed += 1;
            let text = match failed <= TOLD_MAX {
                true => report(plan, &outcome),
                false => summary(plan, &outcome),
            };
            bar.suspend(|| println!("{text}"));
        }
        bar.inc(1);
        bar.set_message(format!("{failed} failed"));
        true
    });
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{total} seeds, {failed} failed; {faults} faults; operations: {} done, {} not done, {} unknown; {seconds:.1} s, {:.0} seeds/s on {jobs} jobs",
        sum.done,
        sum.failed,
        sum.unknown,
        total as f64 / seconds,
    );
    ExitCode::from(u8::from(failed > 0))
}

fn replay(plan: &Plan, trace: bool) -> ExitCode {
    let outcome = run(plan, trace);
    let mut out = std::io::stdout().lock();
    for line in &outcome.lines {
        // A reader that has seen enough closes the pipe; the verdict still goes to the exit code.
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    let _ = write!(out, "{}", verdict(plan, &outcome));
    ExitCode::from(u8::from(outcome.violation.is_some()))
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

fn add(a: Tally, b: Tally) -> Tally {
    Tally {
        done: a.done + b.done,
        failed: a.failed + b.failed,
        unknown: a.unknown + b.unknown,
    }
}

/// A bar on a terminal, nothing in a pipe.
fn progress(total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {msg}");
    ProgressBar::new(total).with_style(style.expect("a template of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_seeds_are_read_and_nonsense_is_refused() {
        assert_eq!(range("3..7"), Ok(3..7));
        for wrong in ["", "3", "7..3", "3..3", "a..b", "3..=7", "-1..2"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_words_are_consistent() {
        use clap::CommandFactory;
        Words::command().debug_assert();
    }

    #[test]
    fn a_plan_is_found_by_its_seed_and_a_missing_one_is_explained() {
        assert_eq!(load("7"), Ok(Plan::draw(7)));
        assert!(
            load("no/such/plan.json")
                .unwrap_err()
                .contains("path of a plan")
        );
    }
}
