//! The client: `sicli --help` says what it can do.

fn main() -> std::process::ExitCode {
    sisyphus::cli::sicli::main()
}
