//! The words of `cargo sim`, one file each. They print to a terminal for people (with a bar of progress)
//! and to a pipe for programs (without), and end with a code that says what kind of failure there was:
//!
//! | code | |
//! |---|---|
//! | 0 | all is well |
//! | 1 | safety: an oracle saw something that must never happen |
//! | 2 | the words make no sense, or a file cannot be read |
//! | 3 | liveness: healed, the cluster did not serve again (`LIVE`) |
//! | 4 | a server panicked or gave up (`PAN`) |
//! | 5 | determinism: the same plan did something else the second time (`DET`) |
//! | 6 | time: a run took too much of the processor, or never ended (`TIME`) |
//!
//! Of several kinds the first one in the order 1, 4, 3, 5, 6 counts.

mod coverage;
mod figures;
mod look;
mod replay;
mod report;
mod run;
mod shrink;
mod sums;

use std::{io::IsTerminal, path::Path, process::ExitCode, thread};

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    mutants::{HuntWords, MutantWords},
    plan::Plan,
};

pub(crate) use run::range;

/// What `--help` says about exit codes.
const CODES: &str = "\
Exit codes: 0 all is well; 1 safety (an oracle saw what must never happen); 2 wrong usage; \
3 liveness (LIVE); 4 a server panicked or gave up (PAN); 5 determinism (DET); \
6 time (TIME). Of several kinds, the first one of 1, 4, 3, 5, 6.";

/// Runs the database in a simulated world that fails as the seed has it.
#[derive(Debug, Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", after_help = CODES)]
struct Words {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs many seeds, and tells of those that fail.
    Run(run::Args),
    /// Runs many seeds, and lists which rare things happened in how many of them. Fails (1) if one
    /// never did.
    Coverage(coverage::Args),
    /// Measures what seeds cost, and whether any fails or differs from itself: a table for the documentation.
    Figures(figures::Args),
    /// Runs one seed or one saved plan again, and prints the hash of its events.
    Replay(replay::Args),
    /// Runs one seed or one saved plan again, and makes a page of it: target/sim/SEED/report.html.
    Report(report::Args),
    /// Makes a plan that fails as small as can be, and saves it as target/sim/SEED/min.json.
    Shrink(shrink::Args),
    /// Prints a plan in words: limits, workload, faults.
    Show(look::Show),
    /// Prints what two plans do not have in common.
    Diff(look::Diff),
    /// Plants bugs, one after the other, and counts the seeds until each is found.
    Mutants(MutantWords),
    #[command(hide = true)]
    Hunt(HuntWords),
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let done = match Words::parse().command {
        Command::Run(args) => run::go(args),
        Command::Coverage(args) => Ok(coverage::go(args)),
        Command::Figures(args) => Ok(figures::go(args)),
        Command::Replay(args) => replay::go(&args),
        Command::Report(args) => report::go(&args),
        Command::Shrink(args) => shrink::go(&args),
        Command::Show(args) => look::show(&args),
        Command::Diff(args) => look::diff(&args),
        Command::Mutants(words) => Ok(words.run()),
        Command::Hunt(words) => words.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}

/// The exit code for failures of these oracles.
fn code<'a>(oracles: impl IntoIterator<Item = &'a str>) -> ExitCode {
    let code = |oracle| match oracle {
        "PAN" => 4,
        "LIVE" => 3,
        "DET" => 5,
        "TIME" => 6,
        _ => 1,
    };
    let codes: Vec<u8> = oracles.into_iter().map(code).collect();
    let gravest = [1, 4, 3, 5, 6]
        .into_iter()
        .find(|code| codes.contains(code));
    ExitCode::from(gravest.unwrap_or(0))
}

/// A plan by its seed or by its path.
fn plan(text: &str) -> Result<Plan, String> {
    match text.parse() {
        Ok(seed) => Ok(Plan::draw(seed)),
        Err(_) => Plan::load(Path::new(text)).map_err(|error| match text.ends_with(".json") {
            true => error,
            false => {
                format!(
                    "{error}\ngive a seed or the path of a plan, such as target/sim/7/plan.json"
                )
            }
        }),
    }
}

/// How many runs at once, if it is not said.
fn jobs(said: Option<usize>) -> usize {
    said.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// A bar on a terminal, nothing in a pipe. A length of 0 is unknown.
fn progress(total: u64, unit: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
    }
    let template = match total {
        0 => format!("{{spinner}} {{pos}} {unit}, {{msg}}"),
        _ => format!("{{bar:40}} {{pos}}/{{len}} {unit}, {{msg}}"),
    };
    let style = ProgressStyle::with_template(&template);
    ProgressBar::new(total).with_style(style.expect("a template of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_consistent() {
        use clap::CommandFactory;
        Words::command().debug_assert();
    }

    #[test]
    fn the_gravest_kind_of_failure_decides_the_code() {
        let is = |oracles: &[&str], expected: u8| {
            assert_eq!(code(oracles.iter().copied()), ExitCode::from(expected));
        };
        is(&[], 0);
        is(&["TIME", "DET"], 5);
        is(&["LIVE", "PAN", "DET"], 4);
        is(&["LIVE", "LIN"], 1);
    }

    #[test]
    fn a_plan_is_found_by_its_seed_and_a_missing_one_is_explained() {
        assert_eq!(plan("7"), Ok(Plan::draw(7)));
        let error = plan("no/such/plan").unwrap_err();
        assert!(error.contains("path of a plan"), "{error}");
    }
}
