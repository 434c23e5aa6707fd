//! `sisyphus`, the server: `serve` runs one node of a configured cluster, `dev` three nodes in one
//! process to play with, `recover` makes a survivor go on alone.
//!
//! Whoever starts it sees on standard output where it listens, on standard error what it logs.
//! SIGTERM and SIGINT stop it gracefully, within a bound; a second one ends it at once. A node that
//! breaks (its disk fails) or contradicts itself (a panic) takes the process down, so that whoever
//! supervises it can start it again: a node that is half alive is worse than one that is gone.

mod dev;
mod recover;
mod run;
mod serve;
mod settings;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{config::ConfigError, service::StartError};

/// A strongly consistent key-value store.
#[derive(Debug, Parser)]
#[command(name = "sisyphus", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one node of a cluster. Flags win over SISYPHUS_* variables, those over the file.
    Serve(Box<serve::Serve>),
    /// Go on with this node alone, after a majority of the cluster is lost for good.
    Recover(Box<recover::Recover>),
    /// Run a whole cluster in this process, on loopback, to try things out.
    Dev(dev::Dev),
}

/// What ends the program other than a signal.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("node {node} serves no longer: {reason}")]
    Failed { node: u64, reason: String },
    #[error("the operating system does not let this process {what}: {error}")]
    System {
        what: &'static str,
        error: std::io::Error,
    },
}

impl From<ConfigError> for Ended {
    fn from(error: ConfigError) -> Self {
        Ended::Start(StartError::Config(error))
    }
}

/// Runs the program. Returns how it ended.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    end_on_panic();
    let ended = match arguments.command {
        Command::Serve(serve) => run::to_the_end(serve.run()),
        Command::Recover(recover) => run::to_the_end(recover.run()),
        Command::Dev(dev) => run::to_the_end(dev.run()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(ended) => {
            eprintln!("sisyphus: {ended}");
            match ended {
                Ended::Start(StartError::Config(_)) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

/// Lets a panic anywhere end the process after its message is out.
fn end_on_panic() {
    let message = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        message(panic);
        std::process::abort();
    }));
}
