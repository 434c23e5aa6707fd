//! Two hooks for whoever tests the software as a whole. In production both are nothing at all.
//!
//! [`probe`] says that something rare has happened: a test that never meets it has not tested it.
//! [`buggify`] asks whether something legal and unlikely is to be done here: to take one message where many
//! would do, to give up what need not be given up. The code around it must be right either way; it only
//! becomes quicker to find out whether it is. (FoundationDB's `BUGGIFY` and its test probes.)
//!
//! What is answered depends on the thread's seed, the name of the place, and how often it was asked there: see
//! `begin`, in the simulated twin alone. One run has one thread.

#[cfg(not(feature = "simulated"))]
mod production {
    /// Something rare has happened, of this name.
    #[inline(always)]
    pub fn probe(_: &'static str) {}

    /// Whether the unlikely thing of this name is to be done. It never is.
    #[inline(always)]
    pub const fn buggify(_: &'static str) -> bool {
        false
    }
}

#[cfg(feature = "simulated")]
mod simulated {
    use std::{cell::RefCell, collections::BTreeMap};

    use crate::rng::Rng;

    thread_local! {
        static RUN: RefCell<Run> = RefCell::new(Run::default());
    }

    #[derive(Default)]
    struct Run {
        /// How often each rare thing has happened.
        seen: BTreeMap<&'static str, u64>,
        /// What the unlikely is drawn from; none in a run without.
        seed: Option<u64>,
        /// The places that were asked about: whether they are active, and their draws.
        places: BTreeMap<&'static str, (bool, Rng)>,
    }

    /// Begins a run on this thread: nothing has been seen, and the unlikely is drawn from `seed`, or never
    /// done.
    pub fn begin(seed: Option<u64>) {
        RUN.replace(Run {
            seed,
            ..Run::default()
        });
    }

    /// What has happened on this thread since its run began, and how often.
    pub fn seen() -> BTreeMap<&'static str, u64> {
        RUN.with_borrow(|run| run.seen.clone())
    }

    /// Something rare has happened, of this name.
    pub fn probe(name: &'static str) {
        RUN.with_borrow_mut(|run| *run.seen.entry(name).or_default() += 1);
    }

    /// Whether the unlikely thing of this name is to be done: one time in four, in a quarter of the runs.
    pub fn buggify(name: &'static str) -> bool {
        RUN.with_borrow_mut(|run| {
            let Some(seed) = run.seed else {
                return false;
            };
            let (is_active, draws) = run.places.entry(name).or_insert_with(|| {
                let mut draws = Rng::new(seed).fork(name);
                (draws.chance(0.25), draws)
            });
            *is_active && draws.chance(0.25)
        })
    }
}

#[cfg(not(feature = "simulated"))]
pub use production::{buggify, probe};
#[cfg(feature = "simulated")]
pub use simulated::{begin, buggify, probe, seen};
