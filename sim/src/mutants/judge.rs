//! What is done with one mutant: hunts from several seeds, a plan that shows it, and which oracles and
//! faults it takes.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    Class, Mutant, Order, Record, files,
    record::Size,
    trial::{Found, Task, Trial, Without},
};
use crate::plan::Plan;

/// Between the first seeds of two hunts.
const START_GAP: u64 = 1_000_000;

/// How many times as long as without it a mutant is hunted with a bug of the simulator beside it.
const BLIND_FACTOR: u64 = 8;

/// The shortest such hunt, in seeds: a find may have been luck.
const BLIND_SEEDS_MIN: u64 = 150;

/// How many times as long as with everything a mutant is hunted without one of the oracles or faults: one
/// that is found as easily as before is missed in one of a thousand such hunts.
const ABLATION_FACTOR: u64 = 10;

/// The shortest such hunt, in seeds.
const ABLATION_SEEDS_MIN: u64 = 50;

/// The longest. What is found so seldom that this would not be enough is not hunted without anything.
const ABLATION_SEEDS_MAX: u64 = 1_500;

/// Where the plans lie that show mutants, beside the mutants.
const WITNESSES: &str = "witness";

/// One mutant that is tried.
pub(super) struct Judge<'a> {
    pub order: &'a Order,
    pub mutant: Mutant,
}

impl Judge<'_> {
    /// Tries it in this program.
    pub fn judge(&self, program: Result<PathBuf, String>, commit: &str) -> Record {
        let mut record = Record::of(&self.mutant, commit);
        let started = now();
        let judged = program.and_then(|program| self.try_all(&program, &mut record));
        record.trouble = judged.err();
        record.seconds = started.elapsed().as_secs_f64();
        record
    }

    fn try_all(&self, program: &Path, record: &mut Record) -> Result<(), String> {
        if !self.mutant.blinds.is_empty() {
            let mut blinds = self.mutant.blinds.iter();
            return blinds.try_for_each(|other| self.blinded(other, program, record));
        }
        let started = now();
        self.hunts(program, record)?;
        record.hunt_seconds = started.elapsed().as_secs_f64();
        if self.mutant.class == Class::Simulator {
            return Ok(());
        }
        if self.order.witnesses {
            self.witness(program, record)?;
        }
        match self.order.ablation && record.is_caught() {
            true => self.ablate(program, record),
            false => Ok(()),
        }
    }

    fn hunts(&self, program: &Path, record: &mut Record) -> Result<(), String> {
        for start in 0..self.order.starts {
            let found = hunt(self.trial(program, start))?;
            let is_found = found.failure.is_some();
            record.add(found);
            // What the first hunt does not find is not worth another four.
            if !is_found && start == 0 {
                break;
            }
        }
        Ok(())
    }

    fn trial(&self, program: &Path, start: u64) -> Trial {
        Trial {
            program: program.to_owned(),
            mutants: self.mutant.id.clone(),
            task: Task::Seeds {
                first: self.order.first + start * START_GAP,
                count: self.order.seeds,
            },
            twice: self.mutant.oracles.iter().any(|oracle| oracle == "DET"),
            without: Without::default(),
        }
    }

    /// A bug of the simulator is seen if a mutant that is found without it is not found with it.
    fn blinded(&self, blinded: &str, program: &Path, record: &mut Record) -> Result<(), String> {
        let mut trial = self.trial(program, 0);
        trial.mutants = blinded.to_owned();
        let seeing = trial.run()?;
        if seeing.failure.is_none() {
            return Err(format!(
                "{blinded}, which it should hide, is not found without it"
            ));
        }
        trial.mutants = format!("{},{blinded}", self.mutant.id);
        let first = self.order.first;
        trial.task = Task::Seeds {
            first,
            count: (seeing.seeds * BLIND_FACTOR).max(BLIND_SEEDS_MIN),
        };
        let blind = trial.run()?;
        let what = format!(
            "{blinded} is found at seed {} without it, and not in {} seeds with it",
            seeing.seeds, blind.seeds
        );
        let hides = blind.failure.is_none();
        let failure = hides.then(|| super::Word {
            seed: first,
            oracle: Some("RED".to_owned()),
            what,
            ..super::Word::default()
        });
        let seeds = blind.seeds;
        record.add(Found { seeds, failure });
        Ok(())
    }

    /// Looks for a plan that shows the mutant: the one that is kept, if it still does; else the first
    /// find, shrunk. It must not fail without the mutant.
    fn witness(&self, program: &Path, record: &mut Record) -> Result<(), String> {
        let name = format!("{WITNESSES}/{}.json", self.mutant.id);
        let path = self.order.dir.join(name);
        let shows = |plan: PathBuf| -> Result<bool, String> {
            let task = Task::Plan { path: plan };
            let trial = Trial {
                task,
                ..self.trial(program, 0)
            };
            Ok(hunt(trial)?.failure.is_some())
        };
        if files::bytes(&path).is_some() && shows(path.clone())? {
            record.size = Some(Size::of(&Plan::load(&path)?));
            return Ok(());
        }
        let Some(plan) = self.small(program, record)? else {
            return Ok(());
        };
        let candidate = self.order.place.join("witness").join(&self.mutant.id);
        files::write(&candidate, plan.to_json().as_bytes())?;
        if shows(candidate)? {
            record.size = Some(Size::of(&plan));
            if self.order.keeps {
                files::write(&path, plan.to_json().as_bytes())?;
            }
        }
        Ok(())
    }

    /// The first find, shrunk; none if there is none, or none that could be.
    fn small(&self, program: &Path, record: &Record) -> Result<Option<Plan>, String> {
        let Some(first) = &record.first else {
            return Ok(None);
        };
        let trial = Trial {
            task: Task::Shrink { seed: first.seed },
            ..self.trial(program, 0)
        };
        let word = trial.run()?.failure;
        Ok(word.and_then(|word| word.small).map(|plan| *plan))
    }

    /// Finds out what is needed to find it: the oracle if it was always the same, and each kind of fault
    /// in the smallest plan that shows it, or, if there is none, in the first find.
    fn ablate(&self, program: &Path, record: &mut Record) -> Result<(), String> {
        let median = record.median().unwrap_or(self.order.seeds);
        let count = (median * ABLATION_FACTOR).max(ABLATION_SEEDS_MIN);
        if count > ABLATION_SEEDS_MAX {
            return Ok(());
        }
        let is_lost = |without: Without| -> Result<bool, String> {
            let mut trial = self.trial(program, 0);
            let first = self.order.first;
            trial.task = Task::Seeds { first, count };
            trial.without = without;
            Ok(hunt(trial)?.failure.is_none())
        };
        record.is_ablated = true;
        let mut oracles = record.oracles.keys().cloned();
        if let (Some(oracle), None) = (oracles.next(), oracles.next()) {
            let without = Without {
                oracles: vec![oracle.clone()],
                ..Without::default()
            };
            record.only_oracle = is_lost(without)?.then_some(oracle);
        }
        let first = record.first.clone().unwrap_or_default();
        let small = record.size.as_ref().map(|size| size.kinds.clone());
        for fault in small.unwrap_or(first.faults) {
            // What is found without the whole kind is found without a variety of it.
            let kind = fault.split(' ').next().unwrap_or_default();
            if kind != fault && !record.only_faults.iter().any(|lost| lost == kind) {
                continue;
            }
            let without = Without {
                faults: vec![fault.clone()],
                ..Without::default()
            };
            if is_lost(without)? {
                record.only_faults.push(fault);
            }
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "hunts are timed by the real clock"
)]
fn now() -> Instant {
    Instant::now()
}

/// Hunts until a seed fails because of the mutant: one that fails without it says nothing.
fn hunt(mut trial: Trial) -> Result<Found, String> {
    let mut seeds = 0;
    loop {
        let found = trial.run()?;
        seeds += found.seeds;
        let Some(word) = &found.failure else {
            return Ok(Found { seeds, ..found });
        };
        // In a program of its own the mutant is always alive: there the find stands.
        let is_switched = trial.program.ends_with("together");
        if !is_switched || trial.innocent(word.seed).run()?.failure.is_none() {
            return Ok(Found { seeds, ..found });
        }
        eprintln!("seed {} fails without any mutant", word.seed);
        if !trial.goes_on_behind(word.seed) {
            let failure = None;
            return Ok(Found { seeds, failure });
        }
    }
}
