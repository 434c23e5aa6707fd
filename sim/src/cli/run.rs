//! `cargo sim run`: many seeds.

use std::{
    io::IsTerminal,
    ops::Range,
    process::ExitCode,
    time::{Duration, Instant},
};

use indicatif::ProgressBar;

use super::sums::Sums;
use crate::{
    campaign::campaign,
    commit,
    plan::Plan,
    report::{report, summary},
    run::{run_sampled, run_twice},
    world::Outcome,
};

/// So many failures are told in full; the others are counted.
const TOLD_MAX: u64 = 5;

/// How many seeds are run if neither a range nor a time is given.
const SEEDS: u64 = 1_000;

/// How often a campaign without a terminal says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Which seeds, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The seeds: FIRST..END, the end not included; 1,000 of them if neither this nor --minutes is given.
    #[arg(long, value_parser = range)]
    seeds: Option<Range<u64>>,
    /// For so many minutes, at most.
    #[arg(long)]
    minutes: Option<u64>,
    /// Begin at a seed that follows from the commit that is checked out, so that every commit is tried
    /// with seeds of its own and anybody can try them again.
    #[arg(long, conflicts_with = "seeds")]
    from_git_hash: bool,
    /// How many run at once; all processors if it is not said.
    #[arg(long)]
    jobs: Option<usize>,
    /// Run every seed twice, and demand that both runs do the same (DET). Else one in fifty is.
    #[arg(long)]
    twice: bool,
    /// Do not shrink the first failure in the end.
    #[arg(long)]
    no_shrink: bool,
}

/// A campaign that is under way.
struct Campaign {
    sums: Sums,
    bar: ProgressBar,
    started: Instant,
    said: Duration,
    /// The first plan that failed.
    first: Option<Plan>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "campaigns are timed by the real clock"
)]
pub(super) fn go(args: Args) -> Result<ExitCode, String> {
    let jobs = super::jobs(args.jobs);
    let seeds = seeds(&args)?;
    let limit = args
        .minutes
        .map(|minutes| Duration::from_secs(minutes * 60));
    println!("seeds from {}", seeds.start);
    let length = if seeds.end == u64::MAX {
        0
    } else {
        seeds.end - seeds.start
    };
    let mut run = Campaign {
        sums: Sums::default(),
        bar: super::progress(length, "seeds"),
        started: Instant::now(),
        said: Duration::ZERO,
        first: None,
    };
    let runner = match args.twice {
        true => run_twice,
        false => run_sampled,
    };
    campaign(seeds, jobs, runner, |plan, outcome| {
        run.take(plan, &outcome);
        limit.is_none_or(|limit| run.started.elapsed() < limit)
    });
    run.bar.finish_and_clear();
    println!("{}", run.sums.page(run.started.elapsed(), jobs));
    if let Some(plan) = run.first.filter(|_| !args.no_shrink) {
        println!(
            "\n{}",
            super::shrink::told(&plan, &plan.seed.to_string(), jobs)?
        );
    }
    Ok(super::code(run.sums.failed.keys().copied()))
}

impl Campaign {
    /// The next seed is done.
    fn take(&mut self, plan: &Plan, outcome: &Outcome) {
        self.sums.add(plan, outcome);
        if outcome.violation.is_some() {
            self.first.get_or_insert_with(|| plan.clone());
            let text = match self.sums.failures() <= TOLD_MAX {
                true => report(plan, outcome),
                false => summary(plan, outcome),
            };
            self.bar.suspend(|| println!("{text}"));
        }
        self.bar.inc(1);
        let took = self.started.elapsed();
        self.bar.set_message(self.sums.line(took));
        if took - self.said >= SAY_EVERY && !std::io::stderr().is_terminal() {
            self.said = took;
            eprintln!("{} seeds: {}", self.sums.seeds, self.sums.line(took));
        }
    }
}

/// The seeds that are meant. A campaign that a time ends has no last one.
fn seeds(args: &Args) -> Result<Range<u64>, String> {
    let first = match args.from_git_hash {
        true => commit::first_seed()?,
        false => 0,
    };
    let end = match args.minutes {
        Some(_) => u64::MAX,
        None => first + SEEDS,
    };
    Ok(args.seeds.clone().unwrap_or(first..end))
}

/// A range of seeds: FIRST..END, the end not included.
pub(crate) fn range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is not a range of seeds like 0..500");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let seeds = number(first)?..number(end)?;
    match seeds.is_empty() {
        true => Err(format!("{text:?} holds no seeds")),
        false => Ok(seeds),
    }
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
}
