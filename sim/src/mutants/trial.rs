//! A trial: seeds in a process of their own until one fails, because a mutant may do anything to it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::planting::VARIABLE;
use crate::plan::Plan;

/// Who says nothing for so long is ended; a run that hangs ends itself before that.
const SILENCE_MAX: Duration = Duration::from_secs(150);

/// The same for one that shrinks a plan, which is many runs.
const SHRINKING_MAX: Duration = Duration::from_secs(600);

/// The exit code of one that was told nonsense: then nothing was tried.
const MISUNDERSTOOD: i32 = 2;

/// The most memory of a process, in kilobytes.
const MEMORY_KB_MAX: u64 = 6 << 20;

/// What a process says of a seed, as one line of JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// The seed.
    pub seed: u64,
    /// The oracle that failed; none if the seed passed.
    pub oracle: Option<String>,
    /// What the oracle said.
    #[serde(default)]
    pub what: String,
    /// The kinds of faults in the plan of a seed that failed.
    #[serde(default)]
    pub faults: Vec<String>,
    /// The plan, shrunk, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<Box<Plan>>,
}

/// What a process is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// To run seeds until one fails.
    Seeds {
        /// The first one.
        first: u64,
        /// How many.
        count: u64,
    },
    /// To run a saved plan.
    Plan {
        /// Where it is.
        path: PathBuf,
    },
    /// To shrink the plan of a seed that fails.
    Shrink {
        /// The seed.
        seed: u64,
    },
}

/// What to try.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// The simulator with the mutants in it.
    pub program: PathBuf,
    /// Which of them are alive, with commas between.
    pub mutants: String,
    /// What is tried.
    pub task: Task,
    /// Whether every seed runs twice, for DET.
    pub twice: bool,
    /// Oracles and kinds of faults that are left out.
    pub without: Without,
}

/// What is left out of a trial, to see what only it finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Without {
    /// Oracles.
    pub oracles: Vec<String>,
    /// Kinds of faults.
    pub faults: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Seeds that were run, the failing one included.
    pub seeds: u64,
    /// The failing one.
    pub failure: Option<Word>,
}

impl Trial {
    /// Runs the seeds. A process that dies, is silent or eats all memory has failed at the seed
    /// behind the last that it spoke of.
    #[expect(
        clippy::disallowed_methods,
        reason = "a pipe of the real world is read beside the time limit"
    )]
    pub fn run(&self) -> Result<Found, String> {
        let mut child = self.start()?;
        let out = child.stdout.take().expect("a pipe");
        let (say, said) = mpsc::sync_channel(64);
        let reader = thread::spawn(move || {
            let words = BufReader::new(out).lines().map_while(Result::ok);
            words.for_each(|word| drop(say.send(word)));
        });
        let found = self.listen(&said, &mut child);
        let _ = child.kill();
        let status = child.wait().map_err(|error| error.to_string())?;
        drop(said);
        let _ = reader.join();
        if status.code() == Some(MISUNDERSTOOD) {
            return Err(format!(
                "{}: it does not know what to do",
                self.program.display()
            ));
        }
        let ended_well = matches!(status.code(), Some(0 | 1));
        Ok(match found? {
            Found {
                seeds,
                failure: None,
            } if seeds < self.seeds() && !ended_well => {
                self.broken(seeds, "DIED", &status.to_string())
            }
            found => found,
        })
    }

    /// The same for one seed or plan, without the mutants.
    pub fn innocent(&self, seed: u64) -> Trial {
        let task = match &self.task {
            Task::Plan { path } => Task::Plan { path: path.clone() },
            Task::Seeds { .. } | Task::Shrink { .. } => Task::Seeds {
                first: seed,
                count: 1,
            },
        };
        Trial {
            mutants: String::new(),
            task,
            ..self.clone()
        }
    }

    /// Takes the seeds behind this one; false if there are none.
    pub fn goes_on_behind(&mut self, seed: u64) -> bool {
        let Task::Seeds { first, count } = &mut self.task else {
            return false;
        };
        *count -= seed + 1 - *first;
        *first = seed + 1;
        *count > 0
    }

    /// How many plans are tried.
    fn seeds(&self) -> u64 {
        match self.task {
            Task::Seeds { count, .. } => count,
            Task::Plan { .. } | Task::Shrink { .. } => 1,
        }
    }

    fn listen(&self, said: &mpsc::Receiver<String>, child: &mut Child) -> Result<Found, String> {
        let mut seeds = 0;
        let patience = match self.task {
            Task::Shrink { .. } => SHRINKING_MAX,
            Task::Seeds { .. } | Task::Plan { .. } => SILENCE_MAX,
        };
        loop {
            let line = match said.recv_timeout(patience) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    return Ok(self.broken(seeds, "HANG", "no word for a long time"));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Ok(Found {
                        seeds,
                        failure: None,
                    });
                }
            };
            let word: Word =
                serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
            seeds += 1;
            if word.oracle.is_some() {
                let failure = Some(word);
                return Ok(Found { seeds, failure });
            }
        }
    }

    fn broken(&self, seeds: u64, oracle: &str, what: &str) -> Found {
        let first = match self.task {
            Task::Seeds { first, .. } => first,
            Task::Shrink { seed } => seed,
            Task::Plan { .. } => 0,
        };
        let word = Word {
            seed: first + seeds,
            oracle: Some(oracle.to_owned()),
            what: what.to_owned(),
            ..Word::default()
        };
        Found {
            seeds: seeds + 1,
            failure: Some(word),
        }
    }

    fn start(&self) -> Result<Child, String> {
        // A shell, because it can limit the memory of what it becomes.
        let mut shell = Command::new("sh");
        let script = format!("ulimit -v {MEMORY_KB_MAX}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(&self.program);
        shell.arg("hunt");
        match &self.task {
            Task::Seeds { first, count } => {
                let seeds = format!("{first}..{}", first + count);
                shell.args(["--seeds", &seeds])
            }
            Task::Plan { path } => shell.arg("--plan").arg(path),
            Task::Shrink { seed } => shell.args(["--shrink", &seed.to_string()]),
        };
        shell.args(self.twice.then_some("--twice"));
        for oracle in &self.without.oracles {
            shell.args(["--without-oracle", oracle]);
        }
        for fault in &self.without.faults {
            shell.args(["--without-fault", fault]);
        }
        shell.env(VARIABLE, &self.mutants);
        shell.stdout(Stdio::piped()).stderr(Stdio::null());
        let program = |path: &Path| path.display().to_string();
        shell
            .spawn()
            .map_err(|error| format!("{}: {error}", program(&self.program)))
    }
}
