//! The words of `cargo sim mutants`, and of `hunt`, which it speaks itself.

use std::{
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use clap::{Args, ValueEnum};

use super::{Build, Hunter, Order, Record, Without};
use crate::plan::Plan;

/// The repository, if nobody says otherwise.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Plants bugs, one after the other, and counts the seeds until each is found.
#[derive(Debug, Args)]
pub struct MutantWords {
    /// Only these, with commas between.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How many seeds a hunt takes at most.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// How many hunts there are of each mutant that the first one finds.
    #[arg(long, default_value_t = 5)]
    starts: u64,
    /// The first seed; from the clock if it is not said.
    #[arg(long)]
    first: Option<u64>,
    /// How many hunts run at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Where the mutants are, if they are not those of this repository.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only those that were not tried yet at this commit: an earlier score goes on.
    #[arg(long)]
    rest: bool,
    /// Also find out which oracle or kind of fault each needs.
    #[arg(long)]
    ablation: bool,
    /// Do not look for the smallest plan that shows each.
    #[arg(long)]
    no_witnesses: bool,
    /// Take the program that the last score has built, whatever has changed since.
    #[arg(long)]
    built: bool,
    /// How the results are told.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A line a mutant.
    Text,
    /// A line of JSON a mutant.
    Json,
}

/// Runs seeds until one fails, and says of each how it ended, in lines of JSON.
#[derive(Debug, Args)]
pub struct HuntWords {
    /// The seeds: FIRST..END, the end not included.
    #[arg(long, value_parser = crate::cli::range, required_unless_present_any = ["plan", "shrink"])]
    seeds: Option<Range<u64>>,
    /// A saved plan instead.
    #[arg(long, conflicts_with_all = ["seeds", "shrink"])]
    plan: Option<PathBuf>,
    /// A seed that fails, whose plan is shrunk, instead.
    #[arg(long, conflicts_with = "seeds")]
    shrink: Option<u64>,
    /// Run every seed twice (DET).
    #[arg(long)]
    twice: bool,
    /// An oracle that does not count.
    #[arg(long)]
    without_oracle: Vec<String>,
    /// A kind of fault that does not strike.
    #[arg(long)]
    without_fault: Vec<String>,
}

impl HuntWords {
    /// Does so. The error says why the plan cannot be read.
    pub fn run(self) -> Result<ExitCode, String> {
        let hunter = Hunter {
            twice: self.twice,
            without: Without {
                oracles: self.without_oracle,
                faults: self.without_fault,
            },
        };
        match (&self.plan, self.shrink) {
            (Some(path), _) => Ok(hunter.plan(&Plan::load(path)?)),
            (None, Some(seed)) => Ok(hunter.shrink(&Plan::draw(seed))),
            (None, None) => Ok(hunter.seeds(self.seeds.unwrap_or_default())),
        }
    }
}

impl MutantWords {
    /// Scores. Exit codes: 0 all were found, 1 some survive, 2 something is wrong with a mutant.
    pub fn run(self) -> ExitCode {
        let output = self.output;
        let results = self.order().score(|record| tell(record, output));
        match results {
            Ok(records) if records.iter().any(|record| record.trouble.is_some()) => 2.into(),
            Ok(records) => u8::from(!records.iter().all(Record::is_caught)).into(),
            Err(error) => {
                eprintln!("{error}");
                2.into()
            }
        }
    }

    fn order(self) -> Order {
        let root = Path::new(ROOT)
            .canonicalize()
            .unwrap_or(PathBuf::from(ROOT));
        Order {
            // Mutants from elsewhere are judged by the same rules, and not counted here.
            keeps: self.dir.is_none(),
            dir: self.dir.unwrap_or_else(|| root.join("sim/mutants")),
            place: root.join("target/mutants"),
            build: Build::Fast,
            root,
            rest: self.rest,
            witnesses: !self.no_witnesses,
            only: self.only,
            seeds: self.seeds,
            starts: self.starts,
            first: self.first.unwrap_or_else(fresh),
            jobs: self.jobs,
            ablation: self.ablation,
            built: self.built,
        }
    }
}

/// Seeds that nobody has tried before.
#[expect(clippy::disallowed_methods, reason = "fresh seeds come from outside")]
fn fresh() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() * 1_000)
}

fn tell(record: &Record, output: Output) {
    let line = match output {
        Output::Json => serde_json::to_string(record).unwrap_or_default(),
        Output::Text => text(record),
    };
    // Whoever closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn text(record: &Record) -> String {
    let Record { id, title, .. } = record;
    if let Some(trouble) = &record.trouble {
        return format!("{id}: {trouble}");
    }
    let Some(first) = &record.first else {
        return format!("{id} SURVIVES {} seeds: {title}", record.seeds());
    };
    let hunts: Vec<String> = record
        .hunts
        .iter()
        .map(|(seeds, found)| {
            let mark = if *found { "" } else { "+" };
            format!("{seeds}{mark}")
        })
        .collect();
    let what = first.what.lines().next().unwrap_or_default();
    format!(
        "{id} found after {} seeds by {:?}, first by seed {}: {what}",
        hunts.join(", "),
        record.oracles,
        first.seed
    )
}
