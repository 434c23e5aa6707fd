//! The command line: what the programs in `bin/` do with their arguments.
//!
//! A program here reads words, files and the environment, calls the floors below, and puts answers
//! and errors into words. Exit codes: 0 fine, 1 a negative answer or a server that failed, 2 wrong
//! usage or configuration, 3 cannot tell or cannot reach.

pub mod sicli;
pub mod sisyphus;

use std::{io, num::NonZero, thread::available_parallelism};

use tokio::runtime::{Builder, Runtime};

/// The runtime of a program: a thread for each core but one, which is left to the kernel and to the
/// threads that wait for the disk. On two cores that is one thread, and tasks are handed on without
/// waking another: there a write costs a fifth less than on two threads.
fn runtime() -> io::Result<Runtime> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    let mut builder = match cores {
        0..=2 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if cores > 2 {
        builder.worker_threads(cores - 1);
    }
    builder.enable_all().build()
}
