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
use serde_json::Value;
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
    for at in cluster.running() {
        let mut client = cluster.client(at);
        for number in 0..written {
            let key = ledger_key(number);
            let got = client.get(key.clone(), false).await.unwrap();
            let value = got.kv.map(|kv| kv.value);
            assert_eq!(value, Some(key), "an acknowledged write is lost");
        }
    }
}

fn start_load(cluster: &Cluster, history: &str, duration: &str) -> Child {
    let load = [
        "workload",
        "--duration",
        duration,
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

/// When the load has ended: everything that was acknowledged is there, and what its clients saw is
/// linearizable.
async fn assert_nothing_lost(cluster: &Cluster, load: Child, ledger: Ledger, history: &str) {
    let load = load.wait_with_output().unwrap();
    assert!(load.status.success(), "{}", text(&load));
    let written = ledger.stop().await;
    cluster.caught_up().await;
    assert_all_present(cluster, written).await;
    let checked = cluster.sicli().args(["check", history]).output().unwrap();
    println!("{written} writes; {}{}", text(&load), text(&checked));
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::start("killed_leader", 3);
    let leader = cluster.leader().await;
    let history = cluster.dir().join("history.jsonl").display().to_string();
    let load = start_load(&cluster, &history, "12s");
    let ledger = Ledger::start(cluster.client(0));
    ledger.wait_for_more(WRITES).await;

    cluster.kill(leader);
    let took_ms = ledger.wait_for_more(WRITES).await;
    println!("{WRITES} writes were acknowledged within {took_ms} ms of the kill");
    assert_ne!(cluster.leader().await, leader);
    cluster.restart(leader);
    ledger.wait_for_more(WRITES).await;

    assert_nothing_lost(&cluster, load, ledger, &history).await;
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

/// The members as `sicli` tells them.
fn members(cluster: &Cluster) -> Vec<Value> {
    let command = ["cluster", "members", "--output", "json"];
    let output = cluster.sicli().args(command).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    all["members"].as_array().unwrap().clone()
}

/// Waits until a member of this name, with another number than `not`, votes. Answers its number.
async fn votes(cluster: &Cluster, name: &str, not: u64) -> u64 {
    let clock = Clock::system();
    loop {
        let all = members(cluster);
        let ours = |member: &&Value| {
            member["name"] == name && member["learner"] == false && member["id"] != not
        };
        if let Some(member) = all.iter().find(ours) {
            return member["id"].as_u64().unwrap();
        }
        assert!(clock.now_us() < PATIENCE.as_micros() as u64, "{all:?}");
        clock.sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn order(cluster: &Cluster, words: &[&str]) {
    let output = cluster.sicli().arg("cluster").args(words).output().unwrap();
    println!("cluster {words:?}: {}", text(&output));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_added_removed_and_replaced_under_load_and_nothing_is_lost() {
    let mut cluster = Cluster::start("members", 3);
    cluster.leader().await;
    let history = cluster.dir().join("history.jsonl").display().to_string();
    let load = start_load(&cluster, &history, "20s");
    let ledger = Ledger::start(cluster.client(0));
    ledger.wait_for_more(WRITES).await;

    let fourth = cluster.make_room();
    let peer = cluster.peer(fourth).to_owned();
    order(&cluster, &["add", "node-4", &peer]);
    cluster.restart(fourth);
    assert_eq!(votes(&cluster, "node-4", 0).await, 4);
    ledger.wait_for_more(WRITES).await;

    let leader = cluster.leader().await;
    order(&cluster, &["remove", &format!("node-{}", leader + 1)]);
    assert_eq!(cluster.ended(leader).await, Some(1));
    assert!(cluster.log(leader).contains("was removed from the cluster"));
    ledger.wait_for_more(WRITES).await;
    assert_ne!(cluster.leader().await, leader);

    // A founder, so that it would found the cluster again if it could not be told apart.
    let wiped = cluster.running()[0];
    let before = wiped as u64 + 1;
    cluster.wipe(wiped);
    ledger.wait_for_more(WRITES).await;
    cluster.restart(wiped);
    let after = votes(&cluster, &format!("node-{before}"), before).await;
    assert!(after > 4, "member {after} had its number from another");
    let ids: Vec<u64> = members(&cluster)
        .iter()
        .flat_map(|m| m["id"].as_u64())
        .collect();
    assert!(!ids.contains(&before) && ids.len() == 3, "{ids:?}");
    ledger.wait_for_more(WRITES).await;

    // It is who it has become, whatever its configuration says.
    cluster.kill(wiped);
    cluster.restart(wiped);
    order(&cluster, &["transfer-leader", &format!("node-{before}")]);
    assert_eq!(cluster.leader().await, wiped);
    ledger.wait_for_more(WRITES).await;

    assert_nothing_lost(&cluster, load, ledger, &history).await;
}

/// Waits until all members have said who they are.
async fn introduced(cluster: &Cluster) {
    let clock = Clock::system();
    while members(cluster)
        .iter()
        .any(|member| member["started"] == false)
    {
        assert!(
            clock.now_us() < PATIENCE.as_micros() as u64,
            "{:?}",
            members(cluster)
        );
        clock.sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founder_that_lost_its_disk_while_all_were_down_is_not_taken_for_the_one_it_was() {
    let mut cluster = Cluster::start("lost_disk", 3);
    cluster.leader().await;
    introduced(&cluster).await;
    let ledger = Ledger::start(cluster.client(0));
    ledger.wait_for_more(WRITES).await;
    let written = ledger.stop().await;

    (0..3).for_each(|at| cluster.kill(at));
    cluster.wipe(0);
    cluster.restart(0);
    // Nobody answers it: it takes itself for a founder, and would make a majority with one that lags.
    while cluster.log(0).matches("serving").count() < 2 {
        let pause = std::time::Duration::from_millis(20);
        Clock::system().sleep(pause).await;
    }
    cluster.restart(1);
    assert_eq!(cluster.ended(0).await, Some(1));
    assert!(
        cluster.log(0).contains("has lost its disk"),
        "{}",
        cluster.log(0)
    );

    cluster.restart(2);
    cluster.leader().await;
    assert_all_present(&cluster, written).await;
    cluster.wipe(0);
    cluster.restart(0);
    assert!(votes(&cluster, "node-1", 1).await > 3);
}
