//! The server. See `cli::sisyphus`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sisyphus::cli::sisyphus::main()
}
