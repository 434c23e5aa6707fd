//! The storage engine alone, on a drive that fails: fresh seeds in every `cargo test`.

#[cfg(madsim)]
mod simulated {
    use std::time::SystemTime;

    use sisyphus_sim::{
        engine::{self, Tally},
        run::isolated,
    };

    /// How many seeds are tried.
    const SEEDS: u64 = 200;

    /// Seeds that nobody has run before; `SIM_SEED=n` begins at seed n instead.
    #[expect(clippy::disallowed_methods, reason = "fresh seeds come from outside")]
    fn first_seed() -> u64 {
        let pinned = std::env::var("SIM_SEED").ok();
        let pinned = pinned.and_then(|text| text.parse().ok());
        pinned.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.expect("the clock is past 1970").as_secs() * 1_000
        })
    }

    /// Each seed on a thread of its own, and not for ever, as the runs of the cluster are.
    fn run(seed: u64) -> Tally {
        isolated(move || engine::run(seed)).unwrap_or_else(|violation| {
            panic!(
                "seed {seed}: {}\nagain: SIM_SEED={seed} cargo test -p sisyphus-sim --test engine",
                violation.what
            )
        })
    }

    #[test]
    fn what_was_acknowledged_is_found_again_after_every_failure_of_the_drive() {
        let first = first_seed();
        let tallies: Vec<Tally> = (first..first + SEEDS).map(run).collect();
        let at_least_once = |of: fn(&Tally) -> u64| tallies.iter().any(|tally| of(tally) > 0);
        assert!(at_least_once(|tally| tally.acknowledged));
        assert!(at_least_once(|tally| tally.compactions));
        assert!(at_least_once(|tally| tally.power_losses));
        assert!(at_least_once(|tally| tally.stopped));
    }

    #[test]
    fn a_seed_does_the_same_again() {
        let seed = first_seed();
        for seed in seed..seed + 10 {
            assert_eq!(run(seed), run(seed), "seed {seed}");
        }
    }
}
