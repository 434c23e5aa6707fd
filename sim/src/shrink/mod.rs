//! From a plan that fails to a small one that fails in the same way. A drawn plan has dozens of faults
//! and thousands of operations, and a handful of them is to blame; to find these by reading traces is a
//! day's work, and trying is cheap.
//!
//! ```text
//!   plan ──► freeze ──► faults ──► clients ──► nodes ──► operations ──► settings ──► times ──► faults and
//!            times are           delta debugging: halves, then singles                          operations again
//! ```
//! * **The same failure** ([`Cause`]) is one that the same oracle sees on the same key; without that,
//!   shrinking ends at some other bug, or at the most trivial one.
//! * **Freeze** ([`freeze`]): a run tells when each operation began and when each fault struck. The plan
//!   is written down anew with these times, and without what had no time to happen. From then on,
//!   leaving something out does not move what comes after it: an operation begins at its time, and a
//!   fault that waited for the 150th sync waits for the first one from the millisecond in which that was. A
//!   failure that does not survive this is frozen again whenever less is left to go otherwise.
//! * **Delta debugging** ([`sweep`]; Zeller and Hildebrandt, "Simplifying and isolating failure-inducing
//!   input", 2002): leave out one part after another, halves first, then smaller ones, until no single one can
//!   go. Parts that can go one by one are tried together, which mostly works.
//! * **Settings** ([`settings`]): first limits become as tiny as they may be, so that fewer operations
//!   are needed to fill something; in the end those that do not matter become those of production, and
//!   disks and links become calm.
//! * **Seen by luck** ([`settings`]): what is seen only when somebody looks at a disk is looked for closely.
//! * **Anew** ([`anew`]): where no operation can go because all later ones lie on disk otherwise without it, a
//!   few operations are drawn from other seeds.
//! * **The order of ready tasks** is drawn by madsim from one generator, so that every change of a plan
//!   changes it. Where much goes at once, several orders are tried.
//!
//! Invariants:
//! 1. What is adopted fails, in the same way; so the result does.
//! 2. The result does not depend on how many runs go on at once: candidates are tried in blocks of
//!    one size, and what is made of a block depends on the verdicts alone.
//! 3. There are at most [`RUNS_MAX`] runs. If they did not run out, no single fault and no single
//!    operation of the result can be left out ([`Shrunk::is_minimal`]).
//!
//! Left out: single clients' habits, and values inside of faults other than their times.

mod anew;
mod bench;
mod cause;
mod freeze;
mod settings;
mod sweep;
mod times;

#[cfg(test)]
mod tests;

pub use bench::{Progress, Runner};
pub use cause::Cause;

use bench::Bench;

use crate::{plan::Plan, world::Outcome};

/// The most runs for one plan.
pub const RUNS_MAX: usize = 600;

/// What is left of a plan.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The plan. It fails.
    pub plan: Plan,
    /// How it fails.
    pub outcome: Outcome,
    /// How many runs it took.
    pub runs: usize,
    /// Whether no single fault and no single operation can go; false if there were no runs left to know it.
    pub is_minimal: bool,
}

/// Shrinks `plan`, which must fail, with `jobs` runs at a time; `told` hears how it goes. The error
/// says that it does not fail.
pub fn shrink(
    plan: &Plan,
    jobs: usize,
    runner: &Runner<'_>,
    told: &mut dyn FnMut(Progress),
) -> Result<Shrunk, String> {
    let mut bench = Bench::new(plan, jobs, runner, told)?;
    bench.freeze();
    bench.sweep_faults();
    bench.freeze_again();
    bench.sweep_clients();
    bench.fewer_nodes();
    bench.freeze_again();
    bench.look_closely();
    bench.cut();
    bench.tiny_limits();
    bench.freeze_again();
    bench.cut();
    bench.sweep_stretches();
    bench.anew();
    bench.sweep_operations();
    bench.calm_settings();
    bench.sweep_stubborn_faults();
    bench.simple_times();
    // What a later step made superfluous.
    while !bench.is_spent() && (bench.sweep_singles() || bench.simple_times()) {}
    Ok(bench.shrunk())
}
