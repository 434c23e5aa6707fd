//! One run: a plan, a fresh thread, a fresh runtime, a verdict.
//!
//! The thread is fresh because a hash map on a thread that has run a seed before iterates in another
//! order; the runtime is the first thing on it. A panic anywhere ends the run and is its verdict
//! (`PAN`), and so is a run that costs too much (`TIME`): it is measured in the processor's time of its
//! thread, because the wall clock says more about the machine. A loop without an await stops virtual
//! time, and never comes to its end; it is given up when the whole process has worked for long meanwhile.

use std::{
    cell::RefCell,
    num::NonZero,
    panic::{self, AssertUnwindSafe},
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

use madsim::{Config, runtime::Runtime};
use rustix::time::ClockId;

use crate::{
    draw::{Stream, draw},
    oracle::Violation,
    plan::Plan,
    trace,
    world::{self, Notes, Outcome},
};

/// The processor's time that a run may take. A good one takes a tenth of a second.
const CPU_MAX: Duration = Duration::from_secs(5);

/// A run that has not come to its end is taken for one that never will when this process has worked for
/// so long meanwhile on each processor. A machine that does much else besides, or sleeps, does not make
/// runs hang.
const PROCESS_MAX: Duration = Duration::from_secs(60);

/// The same by the wall clock, for a process in which nothing moves any more.
const WALL_CLOCK_MAX: Duration = Duration::from_secs(600);

/// How often one looks whether a run hangs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Which seeds are run twice.
const TWICE: Stream = Stream::new("twice");

/// How often a plan is run again to see where two runs of it part.
const PARTING_RUNS_MAX: usize = 4;

/// Marks the threads whose panics are verdicts.
const THREAD: &str = "seed";

thread_local! {
    /// What the panic on this thread said.
    static LAST_WORDS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `plan`; keeps the events as lines if `lines`.
pub fn run(plan: &Plan, lines: bool) -> Outcome {
    let plan = plan.clone();
    let notes = Notes::new(lines);
    let theirs = notes.clone();
    let outcome = isolated(move || on_this_thread(&plan, theirs));
    outcome.unwrap_or_else(|violation| notes.of_broken(violation))
}

/// Does the work of one run on a fresh thread. The error says how it panicked (`PAN`), or that it
/// hangs (`TIME`).
pub fn isolated<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Violation> {
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
    let outcome = Patience::usual().wait(&verdict);
    let outcome = outcome.map_err(|what| Violation::new("TIME", what))?;
    outcome.map_err(|what| Violation::new("PAN", what))
}

/// How long a run is waited for.
struct Patience {
    look_every: Duration,
    /// So much work of this process.
    process_max: Duration,
    wall_clock_max: Duration,
}

impl Patience {
    fn usual() -> Patience {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Patience {
            look_every: LOOK_EVERY,
            process_max: PROCESS_MAX * processors as u32,
            wall_clock_max: WALL_CLOCK_MAX,
        }
    }

    /// Waits for a verdict as long as there is hope; the error says how long that was.
    fn wait<T>(&self, verdict: &mpsc::Receiver<T>) -> Result<T, String> {
        let began = cpu_time(ClockId::ProcessCPUTime);
        // By looks, not by the clock: a process that is stopped does not look.
        let mut waited = Duration::ZERO;
        loop {
            if let Ok(verdict) = verdict.recv_timeout(self.look_every) {
                return Ok(verdict);
            }
            waited += self.look_every;
            let worked = cpu_time(ClockId::ProcessCPUTime).saturating_sub(began);
            if worked > self.process_max || waited > self.wall_clock_max {
                return Err(format!(
                    "no verdict after {waited:?}, in which this process worked for {worked:?}: it hangs"
                ));
            }
        }
    }
}

/// Runs `plan` twice; a second run that differs is a violation of `DET`.
pub fn run_twice(plan: &Plan) -> Outcome {
    let (first, second) = (run(plan, false), run(plan, false));
    if first.violation.is_some() || first.hash == second.hash {
        return first;
    }
    let what = format!(
        "the first run has hash {:016x} after {} events, the second {:016x} after {}{}",
        first.hash,
        first.events,
        second.hash,
        second.events,
        parting(plan)
    );
    Outcome {
        violation: Some(Violation::new("DET", what)),
        ..first
    }
}

/// Runs `plan`, and a sample of all plans twice: one seed in fifty.
pub fn run_sampled(plan: &Plan) -> Outcome {
    match draw(plan.seed, TWICE, 0).below(50) {
        0 => run_twice(plan),
        _ => run(plan, false),
    }
}

/// Runs `plan` as a failure of this oracle is run again: one of `DET` takes two runs.
pub fn run_for(oracle: &str, plan: &Plan) -> Outcome {
    match oracle {
        "DET" => run_twice(plan),
        _ => run(plan, false),
    }
}

/// Where two runs of `plan` part, told by runs with their lines on, if they part again.
fn parting(plan: &Plan) -> String {
    let first = run(plan, true).lines;
    for _ in 0..PARTING_RUNS_MAX {
        if let Some(parting) = trace::parting(&first, &run(plan, true).lines) {
            return format!("\n{parting}");
        }
    }
    format!("; {PARTING_RUNS_MAX} further runs were all alike")
}

fn on_this_thread(plan: &Plan, notes: Notes) -> Outcome {
    let outcome = simulate(plan, notes);
    // The thread has done nothing else.
    timed(outcome, cpu_time(ClockId::ThreadCPUTime))
}

/// The outcome of a run that took so long of the processor; too long is a failure, if there is no other.
fn timed(mut outcome: Outcome, cpu: Duration) -> Outcome {
    outcome.cpu_us = cpu.as_micros() as u64;
    if cpu > CPU_MAX {
        let what = format!("the run took {cpu:?} of the processor, {CPU_MAX:?} are allowed");
        let violation = Violation::new("TIME", what);
        outcome.violation.get_or_insert(violation);
    }
    outcome
}

fn simulate(plan: &Plan, notes: Notes) -> Outcome {
    let mut config = Config::default();
    // Between clients and servers; the links between servers are the plan's.
    config.net.send_latency = Duration::from_micros(200)..Duration::from_micros(1_500);
    let order = plan.order.unwrap_or(plan.seed);
    let runtime = Runtime::with_seed_and_config(order, config);
    runtime.block_on(world::run(plan, notes))
}

/// The processor's time of this thread, or of this process.
fn cpu_time(of: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(of);
    Duration::try_from(time).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    fn own_time() -> Duration {
        cpu_time(ClockId::ThreadCPUTime)
    }

    #[test]
    fn a_run_that_takes_too_much_of_the_processor_fails_unless_it_failed_already() {
        let oracle = |outcome: Outcome, cpu| timed(outcome, cpu).violation.map(|v| v.oracle);
        let passed = Outcome::default;
        let failed = Outcome {
            violation: Some(Violation::new("LIN", "")),
            ..Outcome::default()
        };
        assert_eq!(oracle(passed(), CPU_MAX), None);
        assert_eq!(oracle(passed(), CPU_MAX * 2), Some("TIME"));
        assert_eq!(oracle(failed, CPU_MAX * 2), Some("LIN"));
    }

    #[test]
    fn the_time_of_a_run_is_that_of_its_own_thread() {
        let busy = isolated(|| {
            let started = own_time();
            while own_time() - started < Duration::from_millis(30) {}
            own_time()
        });
        assert!(busy.unwrap() >= Duration::from_millis(30));
        let idle = isolated(own_time).unwrap();
        assert!(idle < Duration::from_millis(30), "{idle:?}");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a thread that spins while this one waits"
    )]
    fn a_run_hangs_if_it_works_for_long_or_if_nothing_moves_for_very_long() {
        let patience = |process_ms, wall_clock_ms| Patience {
            look_every: Duration::from_millis(1),
            process_max: Duration::from_millis(process_ms),
            wall_clock_max: Duration::from_millis(wall_clock_ms),
        };
        let (idle, verdict) = mpsc::sync_channel::<()>(1);
        let waited = patience(60_000, 5).wait(&verdict);
        assert!(waited.is_err_and(|what| what.contains("after 6ms")));
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let spinning = thread::spawn(move || while !is_over.load(Ordering::Relaxed) {});
        let waited = patience(20, 600_000).wait(&verdict);
        assert!(waited.is_err_and(|what| what.contains("it hangs")));
        over.store(true, Ordering::Relaxed);
        spinning.join().unwrap();
        idle.send(()).unwrap();
        assert_eq!(patience(0, 0).wait(&verdict), Ok(()));
    }

    #[test]
    fn a_run_leaves_nothing_of_its_world_behind() {
        for seed in 0..4 {
            let (plan, notes) = (Plan::draw(seed), Notes::new(false));
            let theirs = notes.clone();
            isolated(move || on_this_thread(&plan, theirs)).unwrap();
            assert_eq!(Arc::strong_count(&notes.record), 1, "of seed {seed}");
        }
    }

    #[test]
    fn a_panic_is_a_verdict_with_its_words() {
        let violation = isolated(|| panic!("two leaders")).err();
        let Violation { oracle, what } = violation.unwrap();
        assert_eq!(oracle, "PAN");
        assert!(what.contains("two leaders"), "{what}");
    }
}
