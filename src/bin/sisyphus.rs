//! The server. See `cli::sisyphus`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sisyphus::cli::sisyphus::main()
}
