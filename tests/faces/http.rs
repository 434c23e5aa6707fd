//! The HTTP face.

use std::net::SocketAddr;

use serde_json::Value;
use sisyphus::machine::{Op, Txn};
use tokio::time::timeout;

use crate::{
    client::{ask, begin, finish},
    node::{Alone, PATIENCE, Scratch, three},
};

async fn get(to: SocketAddr, target: &str) -> crate::client::Answer {
    ask(to, &format!("GET {target}"), &[], b"").await
}

#[tokio::test]
async fn a_value_is_kept_byte_for_byte_under_any_key() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    let value: Vec<u8> = (0..=255).collect();
    let put = ask(to, "PUT /v1/kv/a%2Fb/%FF%00+", &[], &value).await;
    assert_eq!(put.status, 200, "{put:?}");
    let got = get(to, "/v1/kv/a%2fb/%ff%00+").await;
    assert_eq!((got.status, &got.body), (200, &value));
    assert_eq!(got.header("etag"), put.header("etag"));
    assert_eq!(
        get(to, "/v1/kv/a%2Fb/%FF%00%20").await.status,
        404,
        "a plus is a plus here"
    );
}

#[tokio::test]
async fn an_empty_value_is_not_a_missing_one() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    assert_eq!(get(to, "/v1/kv/k").await.status, 404);
    assert_eq!(get(to, "/get?key=k").await.status, 404);
    assert_eq!(ask(to, "PUT /v1/kv/k", &[], b"").await.status, 200);
    for target in ["/v1/kv/k", "/get?key=k"] {
        let got = get(to, target).await;
        assert_eq!((got.status, got.text()), (200, ""));
    }
    assert_eq!(ask(to, "DELETE /v1/kv/k", &[], b"").await.status, 200);
    assert_eq!(ask(to, "DELETE /v1/kv/k", &[], b"").await.status, 404);
    assert_eq!(get(to, "/v1/kv/k").await.status, 404);
}

#[tokio::test]
async fn the_simple_routes_take_any_method_and_any_bytes() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    assert_eq!(get(to, "/put?key=a%26b&val=1%3D%FF+x").await.text(), "OK\n");
    assert_eq!(
        ask(to, "POST /get?key=a%26b", &[], b"").await.body,
        b"1=\xff x"
    );
    assert_eq!(
        ask(to, "PUT /delete?key=a%26b", &[], b"").await.text(),
        "OK\n"
    );
    assert_eq!(get(to, "/get?key=a%26b").await.status, 404);
    for wrong in [
        "/put?key=a",
        "/put?val=a",
        "/get",
        "/get?key=",
        "/get?key=%f",
        "/delete?k=a",
    ] {
        assert_eq!(get(to, wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_condition_makes_a_write_a_compare_and_set() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    let write = async |line: &str, condition: &str| {
        let answer = ask(to, line, &[condition], b"x").await;
        (answer.status, answer.headers.get("etag").cloned())
    };
    let put = "PUT /v1/kv/k";
    assert_eq!(
        write(put, "if-match: *").await,
        (412, None),
        "it does not exist"
    );
    let (status, first) = write(put, "if-none-match: *").await;
    assert_eq!(status, 200);
    let first = first.unwrap();
    assert_eq!(
        write(put, "if-none-match: *").await,
        (412, Some(first.clone()))
    );
    let (status, second) = write(put, &format!("if-match: {first}")).await;
    assert_eq!(status, 200);
    assert_eq!(
        write(put, &format!("if-match: {first}")).await,
        (412, second.clone())
    );
    let delete = "DELETE /v1/kv/k";
    assert_eq!(
        write(delete, &format!("if-match: {first}")).await,
        (412, second.clone())
    );
    assert_eq!(
        write(delete, &format!("if-match: {}", second.unwrap()))
            .await
            .0,
        200
    );
    assert_eq!(write(put, "if-match: soon").await.0, 400);
}

async fn lines(to: SocketAddr, target: &str) -> Vec<Value> {
    let answer = get(to, target).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/x-ndjson")
    );
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Stores `p0000` to `p<count - 1>`, with values of this many bytes, 32 in a transaction.
async fn fill(node: &Alone, count: usize, value_bytes: usize) {
    let put = |key: usize| Op::Put {
        key: format!("p{key:04}").into(),
        value: vec![b'v'; value_bytes].into(),
        want_previous: false,
    };
    for first in (0..count).step_by(32) {
        let success = (first..count.min(first + 32)).map(put).collect();
        let txn = Txn {
            success,
            ..Txn::default()
        };
        node.server
            .gateway()
            .write(txn, None, PATIENCE)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_prefix_is_listed_across_pages_and_no_further() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    fill(&node, 600, 1).await;
    ask(to, "PUT /v1/kv/o", &[], b"").await;
    ask(to, "PUT /v1/kv/q", &[], b"\xff").await;
    let all = lines(to, "/v1/kv?prefix=p").await;
    let keys = all
        .iter()
        .map(|line| line["key"].as_str().unwrap().to_owned());
    assert!(keys.eq((0..600).map(|key| format!("p{key:04}"))));
    assert_eq!(lines(to, "/v1/kv?prefix=p&limit=300").await.len(), 300);
    assert_eq!(lines(to, "/v1/kv").await.len(), 602);
    assert_eq!(
        lines(to, "/v1/kv?prefix=q").await[0]["value_base64"],
        "/w=="
    );
    assert_eq!(lines(to, "/v1/kv?prefix=none").await.len(), 0);
    let revision = all[319]["mod_revision"].as_u64().unwrap();
    let then = lines(to, &format!("/v1/kv?prefix=p&revision={revision}")).await;
    assert_eq!(then.len(), 320, "the past is listed too");
}

#[tokio::test]
async fn a_listing_is_of_one_revision_however_slowly_it_is_read() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    // More than the sockets between hold, so that the server has not read the end yet.
    fill(&node, 1_280, 16 << 10).await;
    let listing = begin(to, "GET /v1/kv?prefix=p", &[], b"").await;
    listing.readable().await.unwrap();
    assert_eq!(ask(to, "PUT /v1/kv/p9999", &[], b"late").await.status, 200);
    assert_eq!(ask(to, "DELETE /v1/kv/p1279", &[], b"").await.status, 200);
    let listed = timeout(PATIENCE, finish(listing)).await.unwrap();
    let keys = listed.text().lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["key"].as_str().unwrap().to_owned()
    });
    assert!(keys.eq((0..1_280).map(|key| format!("p{key:04}"))));
}

#[tokio::test]
async fn what_is_too_large_or_broken_is_refused_by_name() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    let large = vec![b'v'; (64 << 10) + 1];
    let answer = ask(to, "PUT /v1/kv/k", &[], &large).await;
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("65536 bytes") && answer.text().contains("value_bytes_max"));
    assert_eq!(answer.json()["outcome"], "not done");
    assert_eq!(ask(to, "PUT /v1/kv/k", &[], &large[1..]).await.status, 200);
    let half = ["sisyphus-client-id: 7"];
    let answer = ask(to, "PUT /v1/kv/k", &half, b"").await;
    assert!(
        answer.status == 400 && answer.text().contains("sisyphus-sequence"),
        "{answer:?}"
    );
    let soon = ["sisyphus-timeout-ms: soon"];
    assert_eq!(ask(to, "GET /v1/kv/k", &soon, b"").await.status, 400);
    assert_eq!(get(to, "/v1/kv/k?revision=99").await.status, 400);
    assert_eq!(get(to, "/v1/kv/%zz").await.status, 400);
    assert_eq!(get(to, "/v1/kv/").await.status, 404, "a key is never empty");
    assert!(get(to, "/v2").await.text().contains("/v2"));
    assert_eq!(ask(to, "POST /v1/kv/k", &[], b"").await.status, 405);
}

#[tokio::test]
async fn a_write_with_an_identity_is_done_once() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    let identity = ["sisyphus-client-id: 7", "sisyphus-sequence: 1"];
    let first = ask(to, "PUT /v1/kv/k", &identity, b"v").await;
    let again = ask(to, "PUT /v1/kv/k", &identity, b"v").await;
    assert_eq!(first.header("etag"), again.header("etag"));
    assert_eq!(get(to, "/v1/kv/k").await.header("sisyphus-version"), "1");
    let other = ask(to, "DELETE /v1/kv/k", &identity, b"").await;
    assert_eq!(other.status, 409, "the identity belongs to a put");
    assert_eq!(get(to, "/v1/kv/k").await.status, 200);
}

#[tokio::test]
async fn probes_and_metrics_tell_how_the_node_is() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    ask(to, "PUT /v1/kv/k", &[], b"v").await;
    get(to, "/v1/kv/missing").await;
    for probe in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(get(to, probe).await.status, 200, "{probe}");
    }
    let status = get(to, "/v1/status").await.json();
    assert_eq!(status["status"]["shards"][0]["leader"], 1);
    let metrics = get(to, "/metrics").await;
    for line in [
        "raft_state 2",
        "raft_leader 1",
        "kv_level_file_count{level=\"0\"} 0",
        "kv_level_size_bytes{level=\"0\"} 0",
        "sisyphus_revision 2",
        "sisyphus_applied_lag_entries 0",
        "sisyphus_raft_lease_reads_total 0",
        "sisyphus_log_recovering 0",
        "sisyphus_node_failed 0",
        "sisyphus_requests_total{face=\"http\",operation=\"put\",result=\"ok\"} 1",
        "http_requests_total{method=\"GET\",path=\"/v1/kv/{*key}\",status=\"404\"} 1",
    ] {
        assert!(
            metrics.text().lines().any(|found| found == line),
            "{line}\n{}",
            metrics.text()
        );
    }
    for name in [
        "raft_current_term ",
        "raft_commit_index ",
        "http_request_duration_seconds_bucket",
        "sisyphus_request_duration_seconds_bucket",
        "sisyphus_sync_duration_seconds_count",
        "sisyphus_log_entries ",
        "sisyphus_write_stalls_total ",
    ] {
        assert!(metrics.text().contains(name), "{name}");
    }
}

async fn until_ready_is(to: SocketAddr, ready: bool) {
    let wait = async { while (get(to, "/readyz").await.status == 200) != ready {} };
    timeout(PATIENCE, wait).await.expect("readiness changes");
}

#[tokio::test]
async fn any_node_answers_from_a_revision_on_and_says_how_old_that_may_be() {
    let scratch = Scratch::new();
    let servers = three(&scratch).await;
    for round in 1..=20_u8 {
        let writer = servers[round as usize % 3].addresses().http;
        let put = ask(writer, "PUT /v1/kv/k", &[], &[round]).await;
        assert_eq!(put.status, 200, "{put:?}");
        let revision = &put.headers["sisyphus-revision"];
        for server in &servers {
            let target = format!("/v1/kv/k?min_revision={revision}");
            let got = get(server.addresses().http, &target).await;
            assert_eq!((got.status, &got.body[..]), (200, &[round][..]), "{got:?}");
            let told = |name: &str| got.headers[name].parse::<u64>().expect("a number");
            assert!(told("sisyphus-leader-heard-ms") < 10_000, "{got:?}");
            assert!(told("sisyphus-behind-entries") < 100, "{got:?}");
        }
    }
    let to = servers[0].addresses().http;
    let fresh = get(to, "/v1/kv/k").await;
    assert!(!fresh.headers.contains_key("sisyphus-behind-entries"));
    let hurry = ["sisyphus-timeout-ms: 300"];
    let never = ask(to, "GET /v1/kv/k?min_revision=9000", &hurry, b"").await;
    assert_eq!(never.status, 503, "{never:?}");
    let why = never.json()["error"].to_string();
    assert!(why.contains("did not come to 9000"), "{why}");
    let both = get(to, "/v1/kv/k?min_revision=1&stale=false").await;
    assert_eq!(both.status, 400, "{both:?}");
}

#[tokio::test]
async fn a_node_without_a_quorum_is_alive_but_not_ready_and_says_not_done() {
    let scratch = Scratch::new();
    let mut servers = three(&scratch).await;
    let to = servers[0].addresses().http;
    until_ready_is(to, true).await;
    for server in servers.drain(1..) {
        server.stop().await;
    }
    until_ready_is(to, false).await;
    assert_eq!(get(to, "/livez").await.status, 200);
    assert_eq!(get(to, "/startupz").await.status, 200);
    assert_eq!(
        get(to, "/v1/kv/k?stale=true").await.status,
        404,
        "stale reads need nobody"
    );
    let hurry = ["sisyphus-timeout-ms: 300"];
    let read = ask(to, "GET /v1/kv/k", &hurry, b"").await;
    assert_eq!(
        (read.status, &read.json()["outcome"]),
        (503, &Value::from("not done"))
    );
}

#[tokio::test]
async fn every_node_answers_for_the_cluster() {
    let scratch = Scratch::new();
    let servers = three(&scratch).await;
    for (writer, server) in servers.iter().enumerate() {
        let put = format!("PUT /v1/kv/k{writer}");
        let answer = ask(server.addresses().http, &put, &[], &[writer as u8]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        for reader in &servers {
            let got = get(reader.addresses().http, &format!("/v1/kv/k{writer}")).await;
            assert_eq!(
                got.body,
                [writer as u8],
                "what was acknowledged is seen everywhere"
            );
        }
    }
    for server in servers {
        server.stop().await;
    }
}
