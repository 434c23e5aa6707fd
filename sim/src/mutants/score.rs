//! The score: every mutant is tried, and the results are written down.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::mpsc::{self, SyncSender},
    thread,
};

use parking_lot::Mutex;

use super::{
    Class, Mutant, Record, files, page,
    planting::{self, Planted},
    record::Records,
    tree::{Tree, commit},
    trial::{Found, Trial, Without},
};

/// Between the first seeds of two hunts.
const START_GAP: u64 = 1_000_000;

/// How many times as long as without it a mutant is hunted with a bug of the simulator beside it.
const BLIND_FACTOR: u64 = 20;

/// What is to be scored, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The repository.
    pub root: PathBuf,
    /// Where the mutants are.
    pub dir: PathBuf,
    /// Only these, if any are named.
    pub only: Vec<String>,
    /// The seeds of one hunt.
    pub seeds: u64,
    /// How often a mutant that was found is hunted again from another seed, the first hunt included.
    pub starts: u64,
    /// The first seed.
    pub first: u64,
    /// How many hunts run at once.
    pub jobs: usize,
    /// Whether what only one oracle or fault finds is looked for.
    pub ablation: bool,
    /// Whether the results go into the score of the repository.
    pub keeps: bool,
    /// Whether the program of an earlier score is taken, as far as the mutants are in it.
    pub built: bool,
}

/// One mutant and the program that it is in.
struct Work {
    mutant: Mutant,
    program: Result<PathBuf, String>,
}

impl Order {
    /// The place of scratch trees and results.
    fn place(&self) -> PathBuf {
        self.root.join("target/mutants")
    }

    /// The mutants that were asked for. The error names one that there is not.
    fn wanted(&self, all: &[Mutant]) -> Result<Vec<Mutant>, String> {
        let ids: BTreeSet<&str> = all.iter().map(|mutant| mutant.id.as_str()).collect();
        if let Some(unknown) = self.only.iter().find(|id| !ids.contains(id.as_str())) {
            return Err(format!(
                "{}: there is no mutant {unknown}",
                self.dir.display()
            ));
        }
        let is_wanted = |mutant: &&Mutant| self.only.is_empty() || self.only.contains(&mutant.id);
        Ok(all.iter().filter(is_wanted).cloned().collect())
    }

    /// Scores, telling `each` of every mutant as soon as it is done. The error names a mutant that
    /// does not apply, or says what else keeps everything from working.
    pub fn score(&self, each: impl Fn(&Record) + Sync) -> Result<Vec<Record>, String> {
        let all = Mutant::all(&self.dir)?;
        let wanted = self.wanted(&all)?;
        for mutant in &wanted {
            planting::alone(&self.root, mutant)?;
        }
        let commit = commit(&self.root);
        let results = Mutex::new(Vec::new());
        let path = self.place().join("results.json");
        let note = |record: Record| -> Result<(), String> {
            each(&record);
            let mut results = results.lock();
            results.push(record.clone());
            if !self.keeps {
                return Ok(());
            }
            // One at a time, because the next one may be ended from outside.
            let mut records = Records::load(&path);
            records.0.insert(record.id.clone(), record);
            records.save(&path)?;
            page::write(&self.root, &all, &records)
        };
        self.work(&all, wanted, |work| note(self.judge(&work, &commit)))?;
        let mut results = results.into_inner();
        results.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(results)
    }

    /// Builds what is needed and has every mutant tried, several at once.
    fn work(
        &self,
        all: &[Mutant],
        wanted: Vec<Mutant>,
        try_one: impl Fn(Work) -> Result<(), String> + Sync,
    ) -> Result<(), String> {
        let (send, works) = mpsc::sync_channel(wanted.len());
        let works = Mutex::new(works);
        thread::scope(|scope| {
            let workers = (0..self.jobs.max(1)).map(|_| {
                scope.spawn(|| {
                    loop {
                        let work = works.lock().recv();
                        match work {
                            Ok(work) => try_one(work)?,
                            Err(_) => return Ok(()),
                        }
                    }
                })
            });
            let workers: Vec<_> = workers.collect();
            let built = self.build(all, wanted, &send);
            drop(send);
            let ends = workers.into_iter().map(|worker| worker.join());
            let ends: Result<Vec<()>, String> = ends
                .map(|end| end.unwrap_or(Err("a worker panicked".to_owned())))
                .collect();
            built.and(ends.map(drop))
        })
    }

    /// Builds one program for all mutants that can be switched, then one for each of the others.
    fn build(
        &self,
        all: &[Mutant],
        wanted: Vec<Mutant>,
        send: &SyncSender<Work>,
    ) -> Result<(), String> {
        let mut tree = Tree::copy(&self.root, &self.place())?;
        let (program, ids) = self.build_together(&mut tree, all, &wanted)?;
        let is_in = |mutant: &Mutant| ids.contains(&mutant.id);
        let (switched, others): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_in);
        for mutant in switched {
            let program = Ok(program.clone());
            // Nobody takes it if a trial has failed: then that is the error.
            let _ = send.send(Work { mutant, program });
        }
        for mutant in others {
            let program = self.build_alone(&mut tree, &mutant);
            let _ = send.send(Work { mutant, program });
        }
        tree.plant(&planting::Texts::new())
    }

    /// The program with many mutants, and which are in it.
    fn build_together(
        &self,
        tree: &mut Tree,
        all: &[Mutant],
        wanted: &[Mutant],
    ) -> Result<(PathBuf, BTreeSet<String>), String> {
        let program = self.place().join("bin/together");
        let list = program.with_extension("json");
        if self.built {
            let ids = files::bytes(&list).unwrap_or_default();
            return Ok((program, serde_json::from_slice(&ids).unwrap_or_default()));
        }
        if wanted.len() == 1 && wanted[0].blinds.is_empty() {
            return Ok((program, BTreeSet::new()));
        }
        let Planted { texts, mut ids } = planting::together(&self.root, all)?;
        tree.plant(&texts)?;
        if let Err(error) = tree.build(&program) {
            // One of them is to blame, and shows when it is built alone.
            eprintln!("not all at once: {error}");
            ids.clear();
        }
        let json = serde_json::to_vec(&ids).map_err(|error| error.to_string())?;
        files::write(&list, &json)?;
        Ok((program, ids))
    }

    fn build_alone(&self, tree: &mut Tree, mutant: &Mutant) -> Result<PathBuf, String> {
        let program = self.place().join("bin").join(&mutant.id);
        tree.plant(&planting::alone(&self.root, mutant)?)?;
        tree.build(&program)?;
        Ok(program)
    }

    /// Hunts a mutant.
    fn judge(&self, work: &Work, commit: &str) -> Record {
        let mut record = Record::of(&work.mutant, commit);
        #[expect(
            clippy::disallowed_methods,
            reason = "hunts are timed by the real clock"
        )]
        let started = std::time::Instant::now();
        let judged = match &work.program {
            Ok(program) => self.hunts(&work.mutant, program, &mut record),
            Err(error) => Err(error.clone()),
        };
        record.trouble = judged.err();
        record.seconds = started.elapsed().as_secs_f64();
        record
    }

    fn hunts(&self, mutant: &Mutant, program: &Path, record: &mut Record) -> Result<(), String> {
        if !mutant.blinds.is_empty() {
            let mut blinds = mutant.blinds.iter();
            return blinds.try_for_each(|other| self.blinded(mutant, other, program, record));
        }
        for start in 0..self.starts {
            let found = self.hunt(self.trial(mutant, program, start))?;
            let is_found = found.failure.is_some();
            record.add(found);
            // What the first hunt does not find is not worth another four.
            if !is_found && start == 0 {
                return Ok(());
            }
        }
        match self.ablation {
            true => self.ablate(mutant, program, record),
            false => Ok(()),
        }
    }

    fn trial(&self, mutant: &Mutant, program: &Path, start: u64) -> Trial {
        Trial {
            program: program.to_owned(),
            mutants: mutant.id.clone(),
            first: self.first + start * START_GAP,
            seeds: self.seeds,
            twice: mutant.oracles.iter().any(|oracle| oracle == "DET"),
            without: Without::default(),
        }
    }

    /// Hunts until a seed fails because of the mutant: one that fails without it says nothing.
    fn hunt(&self, mut trial: Trial) -> Result<Found, String> {
        let mut seeds = 0;
        loop {
            let found = trial.run()?;
            seeds += found.seeds;
            let Some(word) = &found.failure else {
                return Ok(Found { seeds, ..found });
            };
            let innocent = Trial {
                mutants: String::new(),
                first: word.seed,
                seeds: 1,
                ..trial.clone()
            };
            // In a program of its own the mutant is always alive: there the find stands.
            let is_switched = trial.program.ends_with("together");
            if !is_switched || innocent.run()?.failure.is_none() {
                return Ok(Found { seeds, ..found });
            }
            eprintln!("seed {} fails without any mutant", word.seed);
            trial.seeds -= found.seeds;
            trial.first += found.seeds;
            if trial.seeds == 0 {
                let failure = None;
                return Ok(Found { seeds, failure });
            }
        }
    }

    /// A bug of the simulator is seen if a mutant that is found without it is not found with it.
    fn blinded(
        &self,
        mutant: &Mutant,
        blinded: &str,
        program: &Path,
        record: &mut Record,
    ) -> Result<(), String> {
        let mut trial = self.trial(mutant, program, 0);
        trial.mutants = blinded.to_owned();
        let seeing = trial.run()?;
        if seeing.failure.is_none() {
            return Err(format!(
                "{blinded}, which it should hide, is not found without it"
            ));
        }
        trial.mutants = format!("{},{blinded}", mutant.id);
        trial.seeds = seeing.seeds * BLIND_FACTOR;
        let blind = trial.run()?;
        let what = format!(
            "{blinded} is found at seed {} without it, and not in {} seeds with it",
            seeing.seeds, blind.seeds
        );
        let hides = blind.failure.is_none();
        let failure = hides.then(|| super::Word {
            seed: trial.first,
            oracle: Some("RED".to_owned()),
            what,
            faults: Vec::new(),
        });
        record.add(Found {
            seeds: blind.seeds,
            failure,
        });
        Ok(())
    }

    /// Finds out what is needed to find it: the oracle if it was always the same, and each kind of fault
    /// that was there every time.
    fn ablate(&self, mutant: &Mutant, program: &Path, record: &mut Record) -> Result<(), String> {
        if mutant.class == Class::Simulator {
            return Ok(());
        }
        let is_lost = |without: Without| -> Result<bool, String> {
            let mut trial = self.trial(mutant, program, 0);
            trial.without = without;
            Ok(trial.run()?.failure.is_none())
        };
        let mut oracles = record.oracles.keys().cloned();
        if let (Some(oracle), None) = (oracles.next(), oracles.next()) {
            let oracles = vec![oracle.clone()];
            let without = Without {
                oracles,
                ..Without::default()
            };
            record.only_oracle = is_lost(without)?.then_some(oracle);
        }
        let first = record.first.clone().unwrap_or_default();
        for fault in first.faults {
            let faults = vec![fault.clone()];
            if is_lost(Without {
                faults,
                ..Without::default()
            })? {
                record.only_faults.push(fault);
            }
        }
        Ok(())
    }
}
