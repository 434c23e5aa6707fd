//! workload: puts load on a cluster, measures it, and can record what the clients saw.
//!
//! Every client is a session of its own with one request under way, asks the next thing as soon
//! as it has an answer (a closed loop), and prefers another endpoint than its neighbour. Keys are
//! drawn evenly from a set; every value is written once, so that a reader knows the writer.
//!
//! The measured time of an operation is that of the whole call, failed attempts and repetitions
//! included: it is what an application would see. Latencies of failed operations are not counted,
//! the operations are.
//!
//! # Left out
//! * An open loop (a fixed rate of arrivals): a cluster that stalls also stalls its load here, so
//!   the highest percentiles flatter it.

mod client;
mod report;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

use self::{client::LoadClient, report::Tally};
use super::{
    Ended, Failure,
    args::{Api, WorkloadArgs},
    files,
    output::Output,
};
use crate::{
    client::{Client, Connections},
    env::{
        Clock, machine_rng,
        task::{JoinHandle, select, spawn},
    },
    history::Recorder,
};

/// How often the progress bar moves.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// What all clients of a load share.
struct Load {
    args: WorkloadArgs,
    /// What all keys begin with.
    prefix: String,
    clock: Clock,
    recorder: Option<Recorder>,
    /// Operations done so far, for the progress bar.
    done: AtomicU64,
    /// Set when it is time to end.
    over: AtomicBool,
    /// One for all clients: one for each would be megabytes, touched here and there.
    tally: Mutex<Tally>,
}

pub(super) async fn run(
    connections: Connections,
    call_timeout: Duration,
    args: WorkloadArgs,
    output: &Output,
) -> Ended {
    let mut rng = machine_rng();
    let recorder = args.record.as_deref().map(record_to).transpose()?;
    let prefix = args.prefix.clone();
    let load = Arc::new(Load {
        prefix: prefix.unwrap_or_else(|| format!("load-{:016x}/", rng.next_u64())),
        clock: Clock::system(),
        recorder,
        done: AtomicU64::new(0),
        over: AtomicBool::new(false),
        tally: Mutex::default(),
        args,
    });
    let clients = (0..load.args.clients).map(|number| {
        let rng = rng.fork(&format!("client {number}"));
        let clock = load.clock.clone();
        let client = Client::new(
            connections.clone(),
            call_timeout,
            clock,
            rng.fork("session"),
        );
        let client = client.preferring(number as usize);
        let client = match load.args.api {
            Api::Sisyphus => client,
            Api::Etcd => client.without_identity(),
        };
        let load_client = LoadClient::new(load.clone(), client, number, rng);
        spawn(load_client.run())
    });
    let clients: Vec<JoinHandle<()>> = clients.collect();
    wait(&load).await;
    load.over.store(true, Ordering::Relaxed);
    end(clients).await?;
    let took = Duration::from_micros(load.clock.now_us());
    finish(&load, took, output)
}

fn record_to(path: &Path) -> Result<Recorder, Failure> {
    match files::create(path) {
        Ok(file) => Ok(Recorder::to_writer(file)),
        Err(error) => Err(Failure::usage(format!(
            "--record {}: {error}",
            path.display()
        ))),
    }
}

/// Shows the progress until the time is over or the user interrupts.
async fn wait(load: &Load) {
    let total_ms = load.args.duration.as_millis() as u64;
    let bar = ProgressBar::new(total_ms);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {msg}") {
        bar.set_style(style);
    }
    let tick = async {
        loop {
            let now_ms = load.clock.now_us() / 1_000;
            if now_ms >= total_ms {
                return;
            }
            let done = load.done.load(Ordering::Relaxed);
            bar.set_position(now_ms);
            bar.set_message(format!("{done} operations"));
            let left = Duration::from_millis(total_ms - now_ms);
            load.clock.sleep(left.min(PROGRESS_EVERY)).await;
        }
    };
    let interrupted = async {
        // Without the handler an interrupt ends the process, as it does everywhere.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    select! {
        biased;
        () = interrupted => {}
        () = tick => {}
    }
    bar.finish_and_clear();
}

/// The clients end by themselves once their last call did, which its timeout sees to.
async fn end(clients: Vec<JoinHandle<()>>) -> Result<(), Failure> {
    for client in clients {
        let failed = |error| Failure::unknown(format!("a client failed: {error}"));
        client.await.map_err(failed)?;
    }
    Ok(())
}

fn finish(load: &Load, took: Duration, output: &Output) -> Ended {
    if let (Some(recorder), Some(path)) = (&load.recorder, &load.args.record) {
        let written = recorder.finish();
        written
            .map_err(|error| Failure::unknown(format!("--record {}: {error}", path.display())))?;
    }
    let tally = load.tally.lock();
    output.answer(&tally.text(took), &tally.json(took))?;
    match tally.answered() {
        0 => Err(Failure::unknown(tally.why_nothing())),
        _ => Ok(0),
    }
}
