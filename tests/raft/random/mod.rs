//! Schedules drawn at random: who takes the next step, which message arrives, what is lost.
//!
//! A schedule is a row of phases. Each draws its weather anew: who is cut off from whom, whose clock
//! stands, what the network loses, delays, repeats and reorders, how slow the disks are; and for
//! some the phase begins with a loss of power. It is the change of weather that finds mistakes: a
//! leader that is cut off, deposed, and comes back with its old messages still under way. After the
//! last phase comes peace, in which the cluster must find a leader, commit a command, and bring
//! every replica to the same end.
//!
//! A seed is a schedule: the number of voters is drawn from it, too.

mod schedule;
mod weather;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::oracle::Tally;
use schedule::Clocks;

/// How many schedules `cargo test` runs, unless this variable says otherwise.
const SCHEDULES: u64 = 3000;
/// How many it takes to see for sure what clocks do that keep to no bound.
const LYING_SCHEDULES: u64 = 3000;
const COUNT: &str = "RAFT_SCHEDULES";
/// Names the one schedule that is to be repeated aloud.
const REPEAT: &str = "RAFT_SCHEDULE";

/// Names the schedule when a test dies in it, and tells the other threads to stop.
struct Named<'a> {
    seed: u64,
    failed: &'a AtomicBool,
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Named { seed, failed } = self;
            failed.store(true, Relaxed);
            eprintln!(
                "schedule {seed} failed; to see its steps: {REPEAT}={seed} cargo test --test raft schedules"
            );
        }
    }
}

/// The schedules of `seeds`, on a thread.
fn run_all(seeds: impl Iterator<Item = u64>, clocks: Clocks, failed: &AtomicBool) -> Tally {
    let mut all = Tally::default();
    for seed in seeds.take_while(|_| !failed.load(Relaxed)) {
        let _named = Named { seed, failed };
        all.add(&schedule::run(seed, clocks, false));
    }
    all
}

/// The number that the environment gives to `name`.
#[expect(
    clippy::disallowed_methods,
    reason = "this is how a test is told what to do"
)]
fn told(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test takes is no part of it"
)]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[test]
fn replicas_survive_random_schedules() {
    if let Some(seed) = told(REPEAT) {
        schedule::run(seed, Clocks::Sound, true);
        return;
    }
    let began = now();
    let count = told(COUNT).unwrap_or(SCHEDULES);
    let (all, threads) = run_on_all_threads(count, Clocks::Sound);
    let rate = count as f64 / began.elapsed().as_secs_f64();
    eprintln!("{count} schedules, {rate:.0} a second by {threads} threads: {all:?}");
    assert_eq!(all.stale, 0);
    if count >= 1000 {
        all.assert_busy(count);
    }
}

/// What a lease costs, and that the schedules above could have told a wrong one: if clocks keep to no
/// bound, reads by leases are stale. Everything else holds as ever.
#[test]
fn leases_trust_clocks_and_nothing_else_does() {
    let (all, _) = run_on_all_threads(LYING_SCHEDULES, Clocks::Lying);
    assert!(all.stale > 0, "nothing came of clocks that lie: {all:?}");
    eprintln!("{all:?}");
    assert!(all.leased > LYING_SCHEDULES, "{all:?}");
}

/// So many schedules, and by how many threads they were run.
fn run_on_all_threads(count: u64, clocks: Clocks) -> (Tally, usize) {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let failed = AtomicBool::new(false);
    let share = |thread: usize| {
        let (seeds, failed) = ((thread as u64..count).step_by(threads), &failed);
        move || run_all(seeds, clocks, failed)
    };
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|t| scope.spawn(share(t))).collect();
        for thread in running {
            all.add(&thread.join().expect("every schedule holds"));
        }
    });
    (all, threads)
}
