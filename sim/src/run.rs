//! One run: a plan, a fresh thread, a fresh runtime, a verdict.
//!
//! The thread is fresh because a hash map on a thread that has run a seed before iterates in another
//! order; the runtime is the first thing on it. A panic anywhere ends the run and is its verdict, and
//! so is a run that takes too long by the wall clock: a loop without an await stops virtual time.

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

use madsim::{Config, runtime::Runtime};

use crate::{
    oracle::Violation,
    plan::Plan,
    trace::Lines,
    world::{self, Outcome},
};

/// How long a run may take by the wall clock. A good one takes a tenth of a second; the rest is for
/// machines that do something else besides.
const WALL_CLOCK_MAX: Duration = Duration::from_secs(60);

/// Marks the threads whose panics are verdicts.
const THREAD: &str = "seed";

thread_local! {
    /// What the panic on this thread said.
    static LAST_WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `plan`; keeps the events as lines if `lines`.
pub fn run(plan: &Plan, lines: bool) -> Outcome {
    let plan = plan.clone();
    let kept = lines.then(Lines::default);
    let theirs = kept.clone();
    let outcome = isolated(move || on_this_thread(&plan, theirs));
    outcome.unwrap_or_else(|what| failed("PAN", what, kept))
}

/// Does the work of one run on a fresh thread. The error says how it panicked, or that it hangs.
pub fn isolated<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    listen_to_panics();
    let (report, verdict) = mpsc::sync_channel(1);
    // A run that hangs keeps its thread; the process ends with the verdict.
    let spawned = thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(work));
            let _ = report.send(outcome.map_err(|_| last_words()));
        });
    spawned.expect("a thread can be started");
    match verdict.recv_timeout(WALL_CLOCK_MAX) {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no verdict after {WALL_CLOCK_MAX:?}: it hangs")),
    }
}

/// Runs `plan` twice; a second run that differs is a violation of DET.
pub fn run_twice(plan: &Plan) -> Outcome {
    let (first, second) = (run(plan, false), run(plan, false));
    if first.violation.is_some() || first.hash == second.hash {
        return first;
    }
    let what = format!(
        "the first run has hash {:016x} after {} events, the second {:016x} after {}",
        first.hash, first.events, second.hash, second.events
    );
    Outcome {
        violation: Some(Violation::new("DET", what)),
        ..first
    }
}

fn on_this_thread(plan: &Plan, lines: Option<Lines>) -> Outcome {
    let mut config = Config::default();
    // Between clients and servers; the links between servers are the plan's.
    config.net.send_latency = Duration::from_micros(200)..Duration::from_micros(1_500);
    let runtime = Runtime::with_seed_and_config(plan.seed, config);
    runtime.block_on(world::run(plan, lines))
}

/// Panics of runs are kept for their verdict instead of being printed.
fn listen_to_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() == Some(THREAD) {
                LAST_WORDS.set(Some(info.to_string()));
            } else {
                usual(info);
            }
        }));
    });
}

fn last_words() -> String {
    let words = LAST_WORDS.take();
    words.unwrap_or_else(|| "a panic without words".to_owned())
}

/// The outcome of a run that did not come to its end, with the lines up to there.
fn failed(oracle: &'static str, what: String, lines: Option<Lines>) -> Outcome {
    Outcome {
        hash: 0,
        events: 0,
        violation: Some(Violation::new(oracle, what)),
        operations: world::Tally::default(),
        faults: 0,
        simulated_ms: 0,
        lines: lines.map_or(Vec::new(), |lines| std::mem::take(&mut lines.lock())),
        history: Vec::new(),
    }
}
