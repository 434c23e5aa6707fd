//! The storage engine beside the engines that people use today, doing the same work with the same
//! settings in the same run.
//!
//! ```text
//! cargo run --release -p sisyphus-bench                                  ours alone
//! cargo run --release -p sisyphus-bench --features rocksdb,fjall         all three
//!     -- --entries 1000000,5000000 --only read --rounds 1 --dir /mnt/nvme
//! ```
//! RocksDB is linked from the system when told where it is, which spares building it for half an
//! hour (Debian and Ubuntu: `apt-get install librocksdb-dev libclang-dev`):
//! ```text
//! export ROCKSDB_LIB_DIR=/usr/lib/x86_64-linux-gnu ROCKSDB_INCLUDE_DIR=/usr/include
//! export LIBCLANG_PATH=/usr/lib/llvm-14/lib          # or wherever libclang.so is
//! ```
//! Every engine does every piece of work in a process of its own, so that one's memory is not
//! counted as another's, and in turns, so that a slow minute of the machine hits all alike.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a program that measures has clocks, threads, files and processes"
)]

mod child;
mod data;
mod engines;
mod machine;
mod parent;
mod table;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

/// What to measure.
#[derive(Clone, Debug, Parser)]
#[command(about)]
struct Options {
    /// How many entries are filled in, of 16 bytes of key and 100 of value; a table for each number.
    #[arg(long, value_delimiter = ',', default_value = "1000000")]
    entries: Vec<u64>,
    /// Measures only work with this in its name.
    #[arg(long)]
    only: Option<String>,
    /// How often everything is done; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Data lies below; its disk is what is measured.
    #[arg(long, default_value = "target/bench")]
    dir: PathBuf,
    /// Does one piece of work for one engine: how the program calls itself.
    #[arg(long, hide = true, num_args = 2)]
    child: Option<Vec<String>>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.child.as_deref() {
        Some([engine, work]) => child::run(engine, work, &options),
        _ => parent::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sisyphus-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
