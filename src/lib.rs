//! SisyphusDB: a distributed, strongly consistent key-value store that its users can believe.
//!
//! Raft and a log-structured merge tree, written by hand, coded against an abstract runtime, disk
//! and network. The same source runs on tokio as a server and under madsim inside a seeded
//! simulation (the package `sisyphus-sim`) that crashes, partitions and tears it.
//!
//! # The house
//!
//! The code is built in floors. A room imports lower floors and its own folder, nothing else;
//! `tests/tidy` checks it. Each folder's `mod.rs` is an essay: read that first.
//!
//! | floor | rooms | what lives there |
//! |---|---|---|
//! | 9 | `bin/`, `cli/` | thin mains, the words of the command line |
//! | 8 | [`service`] | faces without policy: gRPC as etcd speaks it, HTTP, metrics |
//! | 7 | [`gateway`], [`client`] | which leader, forward, retry; the client's session |
//! | 6 | [`node`] | the replica: the only place that knows both Raft and a disk |
//! | 5 | [`rpc`] | protobuf types and the domain's; connections between peers |
//! | 4 | [`machine`] | commands, revisions, sessions: what a log entry does |
//! | 3 | [`lsm`] | the storage engine, usable alone |
//! | 2 | [`wal`] | one segmented, checksummed log |
//! | 1 | [`mod@env`] and [`raft`] | the doors to the world; the protocol, which has none |
//! | 0 | [`types`], [`codec`], [`rng`], [`config`] | words that everybody uses |
//! | beside | [`history`], [`check`] | what clients saw, and whether it can be explained |
//!
//! Four facts a reader may rely on:
//!
//! 1. [`raft`] never awaits, never reads a clock, a disk or a random source, and knows no protobuf.
//! 2. The world is reached through [`mod@env`] alone.
//! 3. Bytes get meaning in few places, each of which draws them: [`codec`], `wal/record`, the blocks,
//!    tables and manifest of `lsm/`, `machine/command`, `machine/members`, `rpc/convert`, `node/identity`,
//!    `node/fate`, `node/order`.
//! 4. Whatever can be lost or reordered between nodes goes through one trait, [`env::Transport`].
//!
//! # The way of a PUT
//!
//! 1. A client's request arrives at any node, at a face in [`service`], which turns it into a
//!    [`machine`] transaction with [`rpc`]'s help and knows nothing else.
//! 2. The [`gateway`] checks its sizes, gives it a deadline, and hands it to this node's replica. A
//!    follower forwards it to the leader, byte for byte, and it is proposed at most once.
//! 3. The leader's replica in [`node`] proposes it to [`raft`], which appends it to its log and says
//!    in one `Ready` what must happen: messages to followers, and entries to persist.
//! 4. Both happen at the same time: the messages leave, and the log store writes the entries into
//!    the [`wal`] and syncs once for all that queued meanwhile.
//! 5. Followers do the same and acknowledge only after their own sync.
//! 6. When a majority has the entry on disk, Raft says so, and the applier hands it to the
//!    [`machine`], which gives it a revision and writes it into the [`lsm`]'s memtable. No second
//!    sync: the Raft log is the write-ahead log of the state machine.
//! 7. The waiter of exactly this term and index wakes, and the answer goes back the way it came.
//!
//! A linearizable GET does not touch the log: the leader confirms by one round of heartbeats that
//! it still leads, and the node that was asked waits until it has applied what was committed then.
//!
//! # The way of a seed
//!
//! `cargo sim run` draws a plan from each seed: how many nodes, which limits, which faults and when.
//! The world of `sisyphus-sim` starts the nodes on simulated disks, clocks and a simulated network,
//! lets clients load them through the real gRPC services, and applies the faults; oracles watch
//! every event. Then it heals the world, demands that the cluster serves again, and judges the whole
//! history. One that fails prints its seed and the command that repeats it.
//!
//! # Words
//!
//! Of the protocol:
//!
//! * *term*: a numbered period with at most one leader. *vote*: which candidate a node chose in it.
//! * *index*: a place in the log. *entry*: what stands there. *position*: term and index of an entry.
//! * *commit*: the index up to which a majority has the log on disk for good; *applied*: the index up
//!   to which the state machine has seen it.
//! * *campaign*: the attempt to become leader. *pre-vote*: the question before it whether it has a
//!   chance, which disturbs nobody.
//! * *progress*: what a leader knows about one follower's log.
//! * *ready*: all that a replica wants done, in one value; *ticket*: the promise to tell when the
//!   persisting is.
//! * *snapshot*: the state machine at one position, in place of the log up to there.
//! * *member*: a node that takes part, as *voter* or as *learner*, which receives everything and is not
//!   counted. *founder*: a member of the first hour. *roster*: the members with names and addresses.
//! * *order*: what an operator asks of the leader about members and leadership.
//! * *shard*: one Raft group with its own state machine. There is one so far; every message names it.
//!
//! Of the store:
//!
//! * *revision*: counts write transactions; every version of a key carries its own.
//! * *session*: a client's identity, under which a repeated write is done once.
//! * *memtable*: the sorted writes in memory: one *active*, which takes writes, and several *frozen*,
//!   which wait for their *flush*.
//! * *table*: an immutable sorted file of *blocks*, with a Bloom *filter* and an index.
//! * *level*: a set of tables; level 0 as they were flushed, from level 1 on without overlap.
//!   *compaction*: merging a level into the next.
//! * *version*: which tables make up the store; *edit*: the step from one to the next; *manifest*:
//!   the file of all edits.
//! * *floor*: the oldest revision that must stay readable.
//!
//! Of the simulation:
//!
//! * *seed*: the number from which a whole run follows. *plan*: what was drawn from it, as data.
//! * *fault*: one thing that goes wrong: a crash, a partition, a torn write, a stopped clock.
//! * *nemesis*: what applies the plan's faults.
//! * *oracle*: a property that is checked while the run goes on, or at its end.
//! * *history*: what clients asked and were told, in the order in which it was seen.
//! * *linearizable*: explained by one order of operations, each between its question and its answer.

pub mod check;
#[cfg(not(feature = "simulated"))]
pub mod cli;
pub mod client;
pub mod codec;
pub mod config;
pub mod env;
pub mod gateway;
pub mod history;
pub mod lsm;
pub mod machine;
pub mod node;
pub mod raft;
pub mod rng;
pub mod rpc;
pub mod service;
pub mod types;
pub mod wal;
