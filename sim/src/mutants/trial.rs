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

/// Who says nothing for so long is ended; a run that hangs ends itself before that.
const SILENCE_MAX: Duration = Duration::from_secs(150);

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
}

/// What to try.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// The simulator with the mutants in it.
    pub program: PathBuf,
    /// Which of them are alive, with commas between.
    pub mutants: String,
    /// The first seed.
    pub first: u64,
    /// How many are tried.
    pub seeds: u64,
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
        let ended_well = matches!(status.code(), Some(0 | 1));
        Ok(match found? {
            Found {
                seeds,
                failure: None,
            } if seeds < self.seeds && !ended_well => {
                self.broken(seeds, "DIED", &status.to_string())
            }
            found => found,
        })
    }

    fn listen(&self, said: &mpsc::Receiver<String>, child: &mut Child) -> Result<Found, String> {
        let mut seeds = 0;
        loop {
            let line = match said.recv_timeout(SILENCE_MAX) {
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
        let word = Word {
            seed: self.first + seeds,
            oracle: Some(oracle.to_owned()),
            what: what.to_owned(),
            faults: Vec::new(),
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
        shell.args(["hunt", "--seeds"]);
        shell.arg(format!("{}..{}", self.first, self.first + self.seeds));
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
