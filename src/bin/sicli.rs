//! The client: `sicli --help` says what it can do.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sisyphus::cli::sicli::main()
}
