//! Real processes, killed while clients use them: nothing that was acknowledged is lost, and what
//! the clients saw is linearizable.

mod support;

use std::{
    process::{Child, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use sisyphus::{
    client::Client,
    env::{
        Clock,
        task::{JoinHandle, spawn},
    },
};
use support::{Cluster, PATIENCE};

/// Writes that the ledger makes before anything happens, and again after each event: enough to
/// see that writes go on.
const WRITES: usize = 50;

/// Counts up: writes key after key, each once, and keeps those that were acknowledged.
struct Ledger {
    stop: Arc<AtomicBool>,
    written: Arc<std::sync::atomic::AtomicUsize>,
    writer: JoinHandle<()>,
}

fn ledger_key(number: usize) -> Bytes {
    Bytes::from(format!("ledger/{number:06}"))
}

impl Ledger {
    fn start(mut client: Client) -> Ledger {
        let stop = Arc::new(AtomicBool::new(false));
        let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (stopped, count) = (stop.clone(), written.clone());
        let writer = spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                let key = ledger_key(count.load(Ordering::Relaxed));
                // The call goes on until the write is acknowledged: an error ends the test.
                client.put(key.clone(), key).await.expect("writes go on");
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        Ledger {
            stop,
            written,
            writer,
        }
    }

    fn written(&self) -> usize {
        self.written.load(Ordering::Relaxed)
    }

    /// Waits for so many more acknowledged writes. Answers how long the longest gap can have been.
    async fn wait_for_more(&self, more: usize) -> u64 {
        let clock = Clock::system();
        let target = self.written() + more;
        while self.written() < target {
            assert!(!self.writer.is_finished(), "the writer failed");
            assert!(
                clock.now_us() < PATIENCE.as_micros() as u64,
                "writes do not go on"
            );
            clock.sleep(std::time::Duration::from_millis(2)).await;
        }
        clock.now_us() / 1_000
    }

    async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.writer.await.expect("the writer did not fail");
        self.written.load(Ordering::Relaxed)
    }
}

/// Every key of the ledger is there, asked at any node.
async fn assert_all_present(cluster: &Cluster, written: usize) {
    for at in 0..3 {
        let mut client = cluster.client(at);
        for number in 0..written {
            let key = ledger_key(number);
            let got = client.get(key.clone(), false).await.unwrap();
            let value = got.kv.map(|kv| kv.value);
            assert_eq!(value, Some(key), "an acknowledged write is lost");
        }
    }
}

fn start_load(cluster: &Cluster, history: &str) -> Child {
    let load = [
        "workload",
        "--duration",
        "12s",
        "--clients",
        "8",
        "--keys",
        "20",
    ];
    let mix = [
        "--deletes",
        "0.1",
        "--compares",
        "0.3",
        "--value-bytes",
        "16",
    ];
    cluster
        .sicli()
        .args(load)
        .args(mix)
        .args(["--timeout", "10s", "--record", history])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn text(output: &Output) -> String {
    let parts = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&parts).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::start("killed_leader", 3);
    let leader = cluster.leader().await;
    let history = cluster.dir().join("history.jsonl").display().to_string();
    let load = start_load(&cluster, &history);
    let ledger = Ledger::start(cluster.client(0));
    ledger.wait_for_more(WRITES).await;

    cluster.kill(leader);
    let took_ms = ledger.wait_for_more(WRITES).await;
    println!("{WRITES} writes were acknowledged within {took_ms} ms of the kill");
    assert_ne!(cluster.leader().await, leader);
    cluster.restart(leader);
    ledger.wait_for_more(WRITES).await;

    let load = load.wait_with_output().unwrap();
    assert!(load.status.success(), "{}", text(&load));
    let written = ledger.stop().await;
    cluster.caught_up().await;
    assert_all_present(&cluster, written).await;
    let checked = cluster.sicli().args(["check", &history]).output().unwrap();
    println!("{}{}", text(&load), text(&checked));
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_killed_as_a_whole_comes_back_with_everything() {
    let mut cluster = Cluster::start("killed_cluster", 3);
    cluster.leader().await;
    let ledger = Ledger::start(cluster.client(0));
    for _ in 0..2 {
        ledger.wait_for_more(WRITES).await;
        (0..3).for_each(|at| cluster.kill(at));
        (0..3).for_each(|at| cluster.restart(at));
    }
    ledger.wait_for_more(WRITES).await;
    let written = ledger.stop().await;
    assert_all_present(&cluster, written).await;
}
