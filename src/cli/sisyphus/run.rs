//! What `serve` and `dev` share: the runtime, the log, and the wait for the end.

use std::io::{IsTerminal, stderr};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Ended;
use crate::{
    config::ConfigError,
    env::task::{channel, select, spawn},
    service::Server,
};

/// Runs a program on a runtime with a thread per core.
pub(super) fn to_the_end(program: impl Future<Output = Result<(), Ended>>) -> Result<(), Ended> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Ended::System {
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
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        let remedy = "write a level (error, warn, info, debug, trace) or target=level,…";
        ConfigError::new(
            "log",
            format!("{filter:?}"),
            &format!("is no filter: {error}"),
            remedy,
        )
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    Ok(())
}

/// Keeps servers running until a signal comes or one of them breaks; then stops them all.
pub(super) async fn until_told(servers: Vec<(u64, Server)>) -> Result<(), Ended> {
    let listen = |kind| {
        signal(kind).map_err(|error| Ended::System {
            what: "take signals",
            error,
        })
    };
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    let ended = select! {
        biased;
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
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
        _ = terminate.recv() => tracing::warn!("told twice: not waiting any longer"),
        _ = interrupt.recv() => tracing::warn!("told twice: not waiting any longer"),
    }
    ended
}

/// Waits until one of the servers breaks.
async fn first_failure(servers: &[(u64, Server)]) -> Ended {
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
