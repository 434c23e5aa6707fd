//! The canary: a few planted bugs, and those of the simulator itself, must be found in every `cargo test`.
//! If one is not, either the simulator has become blind, or it cannot be built with bugs in it any more.

#[cfg(madsim)]
mod canary {
    use std::path::{Path, PathBuf};

    use sisyphus_sim::mutants::{Build, Order, Record};

    /// Bugs of many kinds, each of which a few seeds find: votes, syncs, reads, the log, the engine,
    /// sessions; and all bugs of the simulator.
    const CANARIES: [&str; 13] = [
        "R01", "R02", "P01", "P02", "P03", "P07", "P14", "D01", "K01", "L09", "X01", "X03", "X05",
    ];

    /// Far more than any of them needs.
    const SEEDS: u64 = 400;

    fn root() -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        root.canonicalize().expect("the repository")
    }

    /// The folder of the programs of this `cargo test`: `target/debug`.
    fn programs() -> PathBuf {
        let test = std::env::current_exe().expect("a program has a path");
        let deps = test.parent().expect("a program lies in a folder");
        deps.parent().unwrap_or(deps).to_owned()
    }

    #[test]
    fn planted_bugs_are_found_and_bugs_of_the_simulator_turn_the_score_red() {
        let programs = programs();
        let order = Order {
            root: root(),
            place: programs.join("canary"),
            build: Build::LikeTests(programs),
            dir: root().join("sim/mutants"),
            only: CANARIES.map(str::to_owned).to_vec(),
            seeds: SEEDS,
            starts: 1,
            first: 1,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            rest: false,
            ablation: false,
            witnesses: false,
            keeps: false,
            built: false,
        };
        let records = order.score(|_| {}).expect("mutants that can be tried");
        assert_eq!(records.len(), CANARIES.len());
        let blind: Vec<&Record> = records
            .iter()
            .filter(|record| !record.is_caught())
            .collect();
        assert!(blind.is_empty(), "not found: {blind:#?}");
    }
}
