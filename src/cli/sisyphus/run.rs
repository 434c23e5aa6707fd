//! What `serve` and `dev` share: the runtime, the log, the signals, and the wait for the end.

use std::io::{IsTerminal, stderr};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Ended;
use crate::{
    cli::runtime,
    config::ConfigError,
    env::task::{channel, select, spawn},
    service::Server,
};

/// A server with the number of its node.
pub(super) type Numbered = (u64, Server);

/// The ways in which the operating system says "stop".
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Runs a program on the runtime.
pub(super) fn to_the_end(program: impl Future<Output = Result<(), Ended>>) -> Result<(), Ended> {
    let runtime = runtime().map_err(|error| Ended::System {
        what: "start threads",
        error,
    })?;
    let ended = runtime.block_on(program);
    // What still runs in the background has nothing to say any more.
    runtime.shutdown_background();
    ended
}

/// Logs to standard error what passes `filter`.
pub(super) fn log(filter: &str) -> Result<(), Ended> {
    let parsed = EnvFilter::try_new(filter).map_err(|error| {
        let remedy = "write a level (error, warn, info, debug, trace) or target=level,…";
        let problem = format!("is no filter: {error}");
        ConfigError::new("log", format!("{filter:?}"), &problem, remedy)
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    Ok(())
}

/// Starts servers and keeps them running until a signal comes or one of them breaks; then stops
/// them all. A signal while they start ends that at once: there is nothing to drain yet.
pub(super) async fn until_told(
    start: impl Future<Output = Result<Vec<Numbered>, Ended>>,
) -> Result<(), Ended> {
    let mut signals = Signals::listen()?;
    let servers = select! {
        biased;
        () = signals.next() => return Ok(()),
        servers = start => servers?,
    };
    let ended = select! {
        biased;
        () = signals.next() => Ok(()),
        ended = first_failure(&servers) => Err(ended),
    };
    tracing::info!("stopping");
    let stopping = async {
        for (_, server) in servers {
            server.stop().await;
        }
    };
    select! {
        biased;
        () = stopping => {}
        () = signals.next() => tracing::warn!("told twice: not waiting any longer"),
    }
    ended
}

/// Waits until one of the servers breaks.
async fn first_failure(servers: &[Numbered]) -> Ended {
    let (tell, mut hear) = channel(servers.len());
    for (node, server) in servers {
        let (node, failure, tell) = (*node, server.failure(), tell.clone());
        spawn(async move {
            let reason = failure.wait().await;
            // Nobody hears the second one to break.
            let _ = tell.send(Ended::Failed { node, reason }).await;
        });
    }
    hear.recv()
        .await
        .expect("this function holds a sender itself")
}

impl Signals {
    fn listen() -> Result<Signals, Ended> {
        let listen = |kind| {
            signal(kind).map_err(|error| Ended::System {
                what: "take signals",
                error,
            })
        };
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
