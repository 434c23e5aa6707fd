//! The score: every mutant is tried, and the results are written down.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::mpsc::{self, SyncSender},
    thread,
};

use parking_lot::Mutex;

use super::{
    Mutant, Record, files,
    judge::Judge,
    page,
    planting::{self, Planted},
    record::Records,
    tree::{Build, Tree, commit},
};

/// What is to be scored, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The repository.
    pub root: PathBuf,
    /// Where scratch trees, programs and results are.
    pub place: PathBuf,
    /// How the scratch tree is built.
    pub build: Build,
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
    /// Whether only those are tried that were not, at this commit.
    pub rest: bool,
    /// Whether what only one oracle or fault finds is looked for.
    pub ablation: bool,
    /// Whether plans are shrunk that show a mutant.
    pub witnesses: bool,
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
        let mut wanted = self.wanted(&all)?;
        for mutant in &wanted {
            planting::alone(&self.root, mutant)?;
        }
        let commit = commit(&self.root);
        let path = self.place.join("results.json");
        if self.rest {
            let known = Records::load(&path).0;
            let is_new = |mutant: &Mutant| known.get(&mutant.id).is_none_or(|r| r.commit != commit);
            wanted.retain(is_new);
        }
        let count = wanted.len();
        let results = Mutex::new(Vec::new());
        let note = |record: Record| -> Result<(), String> {
            each(&record);
            let mut results = results.lock();
            results.push(record.clone());
            self.tell_progress(&results, count);
            if !self.keeps {
                return Ok(());
            }
            // One at a time, because the next one may be ended from outside.
            let mut records = Records::load(&path);
            records.0.insert(record.id.clone(), record);
            records.save(&path)?;
            page::write(&self.root, &all, &records)
        };
        let judge = |work: Work| {
            let Work { mutant, program } = work;
            let order = self;
            note(Judge { order, mutant }.judge(program, &commit))
        };
        self.work(&all, wanted, judge)?;
        let mut results = results.into_inner();
        results.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(results)
    }

    /// Says how long the rest will take, if it takes as long as what is done.
    fn tell_progress(&self, done: &[Record], count: usize) {
        let seconds: f64 = done.iter().map(|record| record.seconds).sum();
        let each = seconds / done.len() as f64 / self.jobs.max(1) as f64;
        let rest = each * (count - done.len()) as f64 / 60.0;
        eprintln!("{} of {count}, about {rest:.0} min to go", done.len());
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
        let mut tree = Tree::copy(&self.root, &self.place, &self.build)?;
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
        let program = self.place.join("bin/together");
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
        let program = self.place.join("bin").join(&mutant.id);
        tree.plant(&planting::alone(&self.root, mutant)?)?;
        tree.build(&program)?;
        Ok(program)
    }
}
