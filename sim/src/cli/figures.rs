//! `cargo sim figures`: what the simulation costs and how far it is to be trusted, as a table for the
//! documentation.

use std::{
    ops::Range,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use super::{jobs, run::range, sums::Sums};
use crate::{
    campaign::campaign,
    commit,
    plan::Plan,
    run::{run, run_twice},
    world::Outcome,
};

/// Which seeds.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The seeds that are run once, for cost and false alarms: FIRST..END, the end not included.
    #[arg(long, value_parser = range, default_value = "500000..502000")]
    seeds: Range<u64>,
    /// The seeds that are run twice, for determinism.
    #[arg(long, value_parser = range, default_value = "600000..601000")]
    twice: Range<u64>,
    /// How many run at once; all processors if it is not said.
    #[arg(long)]
    jobs: Option<usize>,
}

/// What a campaign came to.
struct Measured {
    sums: Sums,
    /// What each seed cost, in microseconds of a processor, ascending.
    costs: Vec<u64>,
    took: Duration,
    command: String,
}

/// Prints the table. Fails as a campaign does.
pub(super) fn go(args: Args) -> ExitCode {
    let jobs = jobs(args.jobs);
    let once = measure(args.seeds, jobs, "", |plan| run(plan, false));
    let twice = measure(args.twice, jobs, " --twice", run_twice);
    print!("{}", table(&once, &twice, jobs));
    let failed = once.sums.failed.keys().chain(twice.sums.failed.keys());
    super::code(failed.copied())
}

#[expect(
    clippy::disallowed_methods,
    reason = "campaigns are timed by the real clock"
)]
fn measure(
    seeds: Range<u64>,
    jobs: usize,
    how: &str,
    runner: impl Fn(&Plan) -> Outcome + Sync,
) -> Measured {
    let command = format!("cargo sim run --seeds {}..{}{how}", seeds.start, seeds.end);
    let bar = super::progress(seeds.end - seeds.start, "seeds");
    let (mut sums, mut costs, started) = (Sums::default(), Vec::new(), Instant::now());
    campaign(seeds, jobs, runner, |plan, outcome| {
        sums.add(plan, &outcome);
        costs.push(outcome.cpu_us);
        bar.inc(1);
        bar.set_message(sums.line(started.elapsed()));
        true
    });
    bar.finish_and_clear();
    costs.sort_unstable();
    Measured {
        sums,
        costs,
        took: started.elapsed(),
        command,
    }
}

fn table(once: &Measured, twice: &Measured, jobs: usize) -> String {
    let [half, most] = [50, 95].map(|percent| ms(percentile(&once.costs, percent)));
    let core_seconds = once.took.as_secs_f64() * jobs as f64;
    let mismatches = twice.sums.failed.get("DET").copied().unwrap_or(0);
    let rows = [
        (
            "cost of a seed, all oracles on",
            "at most 120 ms of a processor",
            format!(
                "{:.0} ms (half of them at most {half}, 95 % at most {most}), for {:.1} simulated seconds",
                once.sums.cost_ms(),
                once.sums.simulated_s() / once.sums.seeds.max(1) as f64
            ),
            &once.command,
        ),
        (
            "simulated time over a processor's time",
            "at least 200 ×",
            format!("{:.0} ×", once.sums.speed()),
            &once.command,
        ),
        (
            "simulated time over wall time, per job",
            "at least 200 ×",
            format!("{:.0} ×", once.sums.simulated_s() / core_seconds),
            &once.command,
        ),
        (
            "seeds a second",
            "",
            format!(
                "{:.1} on {jobs} jobs",
                once.sums.seeds as f64 / once.took.as_secs_f64()
            ),
            &once.command,
        ),
        (
            "false alarms",
            "none in 100,000 seeds",
            format!("{} in {} seeds", once.sums.failures(), once.sums.seeds),
            &once.command,
        ),
        (
            "two runs of a seed that differ",
            "none in 10,000 seeds",
            format!("{mismatches} in {} seeds", twice.sums.seeds),
            &twice.command,
        ),
    ];
    let mut text = format!(
        "On {}:\n\n| what | aim | measured | command |\n|---|---|---|---|\n",
        machine()
    );
    for (what, aim, measured, command) in rows {
        text += &format!("| {what} | {aim} | {measured} | `{command}` |\n");
    }
    text
}

/// The value that so many of a hundred do not exceed.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent).div_ceil(100);
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0)
}

fn ms(us: u64) -> String {
    format!("{:.0} ms", us as f64 / 1_000.0)
}

/// The machine, the build and the commit.
fn machine() -> String {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let build = match cfg!(debug_assertions) {
        true => "with assertions",
        false => "without assertions",
    };
    format!(
        "{processors} processors ({}), built {build}, at commit {}",
        processor(),
        commit::short()
    )
}

/// What the processor calls itself.
fn processor() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = told
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name.map(|name| name.trim_start_matches(['\t', ' ', ':']).to_owned());
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        assert_eq!(percentile(&[], 50), 0);
        assert_eq!(percentile(&[7], 95), 7);
        let values: Vec<u64> = (1..=100).collect();
        assert_eq!(
            [50, 95, 100].map(|percent| percentile(&values, percent)),
            [50, 95, 100]
        );
    }

    #[test]
    fn the_table_has_a_row_for_each_aim_with_its_command() {
        let measured = |command: &str| Measured {
            sums: Sums::default(),
            costs: vec![1_000, 2_000],
            took: Duration::from_secs(1),
            command: command.to_owned(),
        };
        let table = table(&measured("once"), &measured("twice"), 2);
        assert_eq!(table.matches("`once`").count(), 5, "{table}");
        assert_eq!(table.matches("`twice`").count(), 1, "{table}");
    }
}
