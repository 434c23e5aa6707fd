//! `sicli`, the client program.
//!
//! Each command reads its words (`args.rs`), does its work with a [`Client`]
//! and answers on standard output, as text or as one line of JSON. What went wrong goes to standard
//! error in one line that names the place and the remedy. The exit code tells scripts the rest:
//!
//! | code | means |
//! |---|---|
//! | 0 | done; found; linearizable |
//! | 1 | no such key or member; nothing deleted; members not changed; not linearizable |
//! | 2 | wrong usage: words, files, keys that the server refuses |
//! | 3 | the cluster, or one of the endpoints asked about, cannot be reached; the outcome is unknown; the checker cannot tell |
//!
//! # Invariants
//! * Standard output carries answers alone, so that it can be piped; with `--output json` every
//!   line of it is a JSON value.
//! * Keys and values are bytes: what is not UTF-8 is escaped in text and base64 in JSON, and taken
//!   from the command line as the bytes it is.
//! * Every command ends: calls by `--timeout`, a load by its duration.
//!
//! # Left out
//! * Transactions, watches, leases, the read-eval-print loop: they come with their faces.

mod args;
mod check;
mod cluster;
mod files;
mod kv;
mod members;
mod output;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use self::{
    args::{Args, ClusterCommand, Command},
    output::Output,
};
use super::runtime;
use crate::{
    client::{Client, ClientError, Connections},
    env::{Clock, machine_rng},
};

/// A negative answer.
const NO: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// Cannot tell, cannot reach.
const UNKNOWN: u8 = 3;

/// A command that did not come to its end: what goes to standard error, and the exit code.
struct Failure {
    code: u8,
    message: String,
}

/// How a command ends: with an exit code, after its answer was written, or with a failure.
type Ended = Result<u8, Failure>;

impl Failure {
    fn usage(message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure {
            code: USAGE,
            message,
        }
    }

    fn unknown(message: impl Into<String>) -> Failure {
        let message = message.into();
        Failure {
            code: UNKNOWN,
            message,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Refused { .. } => Failure::usage(error.to_string()),
            ClientError::Unavailable { .. } | ClientError::Unknown { .. } => {
                Failure::unknown(error.to_string())
            }
        }
    }
}

/// A reader of our output that went away (`sicli scan | head`) ends the command, quietly.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure {
                code: 0,
                message: String::new(),
            },
            _ => Failure::unknown(format!("standard output: {error}")),
        }
    }
}

/// The program. Parses the process's arguments; clap itself ends it with 2 on wrong ones.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let ended = match runtime() {
        Ok(runtime) => runtime.block_on(run(args)),
        Err(error) => Err(Failure::unknown(format!("cannot start threads: {error}"))),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Failure { code, message }) => {
            if !message.is_empty() {
                eprintln!("sicli: {message}");
            }
            ExitCode::from(code)
        }
    }
}

async fn run(args: Args) -> Ended {
    let Args { common, command } = args;
    let output = Output::new(common.output);
    if let Command::Check(args) = command {
        return check::run(&args, &output);
    }
    let connections = Connections::new(&common.endpoints)
        .map_err(|reason| Failure::usage(format!("--endpoints: {reason}")))?;
    let client = || {
        let connections = connections.clone();
        Client::new(connections, common.timeout, Clock::system(), machine_rng())
    };
    match command {
        Command::Put(args) => kv::put(client(), args, &output).await,
        Command::Get(args) => kv::get(client(), args, &output).await,
        Command::Delete(args) => kv::delete(client(), args, &output).await,
        Command::Scan(args) => kv::scan(client(), args, &output).await,
        Command::Cluster(ClusterCommand::Status) => {
            cluster::status(&connections, common.timeout, &output).await
        }
        Command::Cluster(command) => members::run(client(), command, &output).await,
        Command::Workload(args) => workload::run(connections, common.timeout, args, &output).await,
        Command::Check(_) => unreachable!("it needs no cluster and was done above"),
    }
}
