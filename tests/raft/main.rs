//! Raft without a world: replicas, their disks and the network between them are plain values, and
//! every step is somebody's choice.
//!
//! * [`cluster`]: those values, and the steps.
//! * [`oracle`]: what must hold after every step, in the words of the paper.
//! * [`random`]: thousands of schedules of steps drawn at random, each ending in peace.
//!   `RAFT_SCHEDULES=100000 cargo test --release --test raft schedules -- --nocapture` runs so many
//!   and says how many a second; `RAFT_SCHEDULE=17` repeats one and says aloud what happens in it.
//! * [`story`]: schedules written by hand, one file per sentence in `scripts/`; run with
//!   `UPDATE_GOLDENFILES=1` they are written anew, to be read before they are believed.

mod cluster;
mod oracle;
mod random;
mod show;
mod story;
