//! Seeds in `cargo test`: fresh ones for every commit, a sample of them twice, and all saved plans.

/// As in `cargo sim`: a fifth more seeds per second.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(madsim)]
mod simulated {
    use std::{ops::Range, path::PathBuf, thread, time::SystemTime};

    use sisyphus_sim::{
        campaign::campaign,
        commit,
        coverage::{Coverage, SCARCE},
        plan::{Plan, Reseed},
        report::report,
        run::{run, run_twice},
    };

    /// How many seeds are tried in one `cargo test`.
    const SEEDS: u64 = 2_000;

    /// How many of them are run twice.
    const TWICE: u64 = 40;

    /// Seeds of the commit's own: so a test that is red is red for everybody who checks the commit out, and the next
    /// commit is tried with others. As long as something is changed, others every time: where they begin depends on
    /// the second in which the test begins. A seed that fails is reported with the command that repeats it, which
    /// depends on the seed alone. `SIM_SEED=n` begins at seed n instead.
    #[expect(clippy::disallowed_methods, reason = "fresh seeds come from outside")]
    fn fresh(count: u64) -> Range<u64> {
        let pinned = std::env::var("SIM_SEED").ok();
        let pinned = pinned.and_then(|text| text.parse().ok());
        let own = commit::is_unchanged().then(|| commit::first_seed().ok());
        let first = pinned.or(own.flatten()).unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.expect("the clock is past 1970").as_secs() * 1_000
        });
        first..first + count
    }

    fn jobs() -> usize {
        thread::available_parallelism().map_or(1, usize::from)
    }

    /// And they meet everything rare that must be met, but for what takes thousands of them.
    #[test]
    fn fresh_seeds_pass() {
        let (mut failures, mut coverage) = (Vec::new(), Coverage::default());
        let runner = |plan: &Plan| run(plan, false);
        campaign(fresh(SEEDS), jobs(), runner, |plan, outcome| {
            coverage.add(&outcome.coverage);
            if outcome.violation.is_some() {
                failures.push(report(plan, &outcome));
            }
            failures.len() < 3
        });
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
        assert_eq!(coverage.unlisted(), [""; 0], "on no list");
        let mut missing = coverage.missing();
        missing.retain(|name| !SCARCE.contains(name));
        assert_eq!(missing, [""; 0], "never happened in {SEEDS} seeds");
    }

    #[test]
    fn a_seed_does_the_same_again_and_another_one_does_not() {
        let mut hashes = Vec::new();
        for seed in fresh(TWICE) {
            let plan = Plan::draw(seed);
            let outcome = run_twice(&plan);
            assert!(outcome.violation.is_none(), "\n{}", report(&plan, &outcome));
            hashes.push(outcome.hash);
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len() as u64, TWICE, "different seeds, equal events");
    }

    #[test]
    fn plans_that_once_found_a_bug_pass() {
        pass_all("plans");
    }

    /// What a plan shows of a planted bug is that bug's doing only if it passes without.
    #[test]
    fn plans_that_show_planted_bugs_pass_without_them() {
        pass_all("mutants/witness");
    }

    #[test]
    fn lines_do_not_change_what_happens() {
        let plan = Plan::draw(1);
        let (silent, told) = (run(&plan, false), run(&plan, true));
        assert_eq!(silent.hash, told.hash);
        assert_eq!(told.lines.len() as u64, told.events);
    }

    #[test]
    fn a_run_that_is_reseeded_on_its_way_goes_the_same_way_up_to_there() {
        let at_ms = 700;
        let reseeded = |salt| Plan {
            reseed: Some(Reseed { at_ms, salt }),
            ..Plan::draw(3)
        };
        let before = |lines: &[String]| {
            let is_before = |line: &&String| {
                let (_, rest) = line.split_once("\"us\":").expect("every line has a time");
                let us = rest.split(',').next().and_then(|us| us.parse::<u64>().ok());
                us.expect("a time is a number") < at_ms * 1_000
            };
            lines
                .iter()
                .take_while(is_before)
                .cloned()
                .collect::<Vec<_>>()
        };
        let plain = run(&Plan::draw(3), true);
        let (one, other) = (run(&reseeded(1), true), run(&reseeded(2), true));
        assert!(before(&plain.lines).len() > 100);
        for outcome in [&one, &other] {
            assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
            assert_eq!(before(&outcome.lines), before(&plain.lines));
            assert_ne!(outcome.hash, plain.hash);
        }
        assert_ne!(one.hash, other.hash);
        assert_eq!(one.hash, run(&reseeded(1), false).hash);
    }

    fn pass_all(folder: &str) {
        for path in saved_plans(folder) {
            let plan = Plan::load(&path).unwrap_or_else(|error| panic!("{error}"));
            let outcome = run(&plan, false);
            let name = path.display();
            assert!(
                outcome.violation.is_none(),
                "{name}\n{}",
                report(&plan, &outcome)
            );
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "saved plans lie on the real disk"
    )]
    fn saved_plans(folder: &str) -> Vec<PathBuf> {
        let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(&place).expect("a folder of plans");
        let paths = entries.map(|entry| entry.expect("a readable directory").path());
        let mut plans: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        assert!(!plans.is_empty(), "no plan in {}", place.display());
        plans.sort();
        plans
    }
}

/// RUSTFLAGS in the environment override `.cargo/config.toml`, and with it the flag that puts the
/// simulation in place of the real world. The tests then run in a cargo of their own.
#[cfg(not(madsim))]
#[test]
fn the_simulation_runs_in_a_cargo_with_its_flag() {
    let status = std::process::Command::new(env!("CARGO"))
        .args(["test", "-p", "sisyphus-sim"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", "--cfg\u{1f}madsim")
        .status()
        .expect("cargo can be started");
    assert!(status.success(), "the tests under --cfg madsim failed");
}
