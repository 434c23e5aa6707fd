//! The simulated world of SisyphusDB: the real server, in a world where anything may fail, and the
//! same way again whenever it is asked to.
//!
//! # The way of a seed
//! ```text
//!   seed ──draw──► Plan ──run──► World ──► safety phase ──► heal ──► liveness ──► oracles ──► verdict
//!                 (JSON)        servers    clients ask,     all is   serve and    at the end
//!                               on SimDisk faults strike    well     agree!
//!                               and SimNet      │
//!                                               └──► oracles at every event
//! ```
//! 1. [`plan`]: the seed draws a plan, plain data: how many nodes, how tiny their limits, what clients
//!    do, which faults strike when. From here on only the plan counts.
//! 2. [`run`]: a fresh thread and a fresh madsim runtime for each run; a watchdog; panics become verdicts.
//! 3. [`world`]: the product's own host, gateway and gRPC services, one process a node, on
//!    [`disk`] and [`net`]; clients ([`client`]) who ask, doubt and retry; a nemesis who strikes at times and
//!    at moments ("the third time that n2 has begun a sync").
//! 4. [`oracle`]: what must never happen, one file each.
//! 5. [`trace`]: every event goes into a hash, which is the run's identity, and on demand into lines.
//! 6. [`engine`]: besides, the storage engine alone, on a drive that fails in every way, opened again and
//!    again.
//! 7. [`coverage`]: which rare things have happened at all.
//! 8. [`shrink`]: from a plan that fails to the smallest one that fails in the same way.
//! 9. [`campaign`], [`commit`], [`report`], [`cli`]: many seeds, which are a commit's own, what is said about one that
//!    failed, `cargo sim`.
//! 10. [`mutants`]: how many bugs that were planted on purpose it finds.
//!
//! # What makes it deterministic
//! * One thread, virtual time, madsim's scheduler; nothing in the product reaches the world but
//!   through `env/`.
//! * Chance is keyed by name ([`draw`]): what one decision draws never depends on how many others
//!   were drawn before. So a plan can lose a fault and keep everything else.
//! * The hash of all events is compared between two runs of a sample of seeds (`tests/seeds.rs`): DET.
//!
//! # What a failure leaves
//! `target/sim/<seed>/plan.json`, `min.json` (the plan, shrunk), `trace.jsonl` and `report.html` (what happened,
//! for the eye; of the shrunk plan, if there is one, and then `whole.html` is of the whole), the oracle, the
//! last events, and the command that repeats it. A plan that found a bug moves to `sim/plans/` and is run
//! for ever.
//!
//! # Left out so far
//! Peers do not speak gRPC here: their frames go over [`net`], let in and refused as streams are, and the streams
//! that carry them in production are tested on real sockets.
//!
//! No fault forces a snapshot or a compaction. Nobody can force one in production either: there is no order for
//! it, and an order that exists for the simulation alone would be a path that nobody else takes. Limits do it
//! instead. They are so tiny that a follower which misses a few entries needs a snapshot, and a memtable of a few
//! writes becomes a table; and they change while the run goes on (`reconfigure`), in the middle of either. Faults that wait
//! for a moment strike at every stage of both.

#[cfg(madsim)]
pub mod campaign;
#[cfg(madsim)]
pub mod cli;
#[cfg(madsim)]
mod client;
#[cfg(madsim)]
pub mod commit;
pub mod coverage;
pub mod disk;
pub mod draw;
#[cfg(madsim)]
pub mod engine;
#[cfg(madsim)]
pub mod mutants;
pub mod net;
pub mod oracle;
pub mod plan;
#[cfg(madsim)]
pub mod report;
#[cfg(madsim)]
pub mod run;
#[cfg(madsim)]
pub mod shrink;
pub mod trace;
#[cfg(madsim)]
pub mod world;
