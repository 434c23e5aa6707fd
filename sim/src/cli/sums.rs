//! What many runs add up to.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    plan::{Plan, When, kind},
    world::{Outcome, Tally},
};

/// Sums over runs.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// How many runs there were.
    pub seeds: u64,
    /// How many of them failed, by oracle.
    pub failed: BTreeMap<&'static str, u64>,
    operations: Tally,
    /// How many faults struck, by kind.
    struck: BTreeMap<String, u64>,
    /// Faults by what they waited for: how many there were, and how many struck.
    waited: BTreeMap<&'static str, (u64, u64)>,
    simulated_ms: u64,
    cpu_us: u64,
    events: u64,
}

impl Sums {
    pub fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        self.seeds += 1;
        self.simulated_ms += outcome.simulated_ms;
        self.cpu_us += outcome.cpu_us;
        self.events += outcome.events;
        if let Some(violation) = &outcome.violation {
            *self.failed.entry(violation.oracle).or_default() += 1;
        }
        for fault in &plan.faults {
            self.waited.entry(waits_for(&fault.when)).or_default().0 += 1;
        }
        for strike in &outcome.strikes {
            let fault = &plan.faults[strike.place];
            *self.struck.entry(kind(&fault.what)).or_default() += 1;
            self.waited.entry(waits_for(&fault.when)).or_default().1 += 1;
        }
        let Tally {
            done,
            failed,
            unknown,
        } = outcome.operations;
        self.operations.done += done;
        self.operations.failed += failed;
        self.operations.unknown += unknown;
    }

    /// How many runs failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// What a seed costs on average, in milliseconds of a processor.
    pub fn cost_ms(&self) -> f64 {
        self.cpu_us as f64 / 1_000.0 / self.seeds.max(1) as f64
    }

    /// How much time was simulated, in seconds.
    pub fn simulated_s(&self) -> f64 {
        self.simulated_ms as f64 / 1_000.0
    }

    /// How much faster simulated time goes than that of a processor.
    pub fn speed(&self) -> f64 {
        self.simulated_s() * 1e6 / self.cpu_us.max(1) as f64
    }

    /// How far a campaign has come that has taken so long, in a line.
    pub fn line(&self, took: Duration) -> String {
        let failed = match self.failures() {
            0 => "0 failed".to_owned(),
            failures => format!("{failures} failed ({})", list(&self.failed)),
        };
        let seconds = took.as_secs_f64();
        format!(
            "{:.1} seeds/s, simulated time {:.0} × that of the clock, {failed}",
            self.seeds as f64 / seconds,
            self.simulated_s() / seconds,
        )
    }

    /// All sums of a campaign that took so long with so many jobs.
    pub fn page(&self, took: Duration, jobs: usize) -> String {
        let Tally {
            done,
            failed,
            unknown,
        } = self.operations;
        let seeds = self.seeds.max(1) as f64;
        format!(
            "{} seeds in {:.1} s on {jobs} jobs: {}\n\
             a seed on average: {:.0} ms of a processor for {:.1} s of simulated time ({:.0} ×), {:.0} events, {:.1} faults\n\
             operations: {done} done, {failed} not done, {unknown} unknown\n\
             struck: {}\n\
             of those that waited for {}",
            self.seeds,
            took.as_secs_f64(),
            self.line(took),
            self.cost_ms(),
            self.simulated_s() / seeds,
            self.speed(),
            self.events as f64 / seeds,
            self.struck.values().sum::<u64>() as f64 / seeds,
            list(&self.struck),
            self.waits(),
        )
    }

    fn waits(&self) -> String {
        let waited = self.waited.iter();
        let told = waited.map(|(what, (all, struck))| format!("{what}: {struck} of {all}"));
        told.collect::<Vec<_>>().join(", ")
    }
}

/// What a fault waits for, in a word.
fn waits_for(when: &When) -> &'static str {
    match when {
        When::At { .. } => "a time",
        When::Event { .. } => "an event",
        When::State { .. } => "a condition",
    }
}

fn list<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let told: Vec<String> = counts.iter().map(|(k, n)| format!("{n} {k}")).collect();
    match told.is_empty() {
        true => "nothing".to_owned(),
        false => told.join(", "),
    }
}
