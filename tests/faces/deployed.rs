//! What `deploy/` and `docs/` say of the server is true of it.

use std::{collections::BTreeSet, process::Command};

use sisyphus::config::{Config, Limits};
use toml::{Table, Value};

use crate::{client::ask, node::Alone};

const COMPOSE: &str = include_str!("../../deploy/sisyphus.toml");
const KUBERNETES: &str = include_str!("../../deploy/k8s/sisyphus.toml");
const STATEFUL_SET: &str = include_str!("../../deploy/k8s/statefulset.yaml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/dashboards/sisyphus.json");
const ALERTS: &str = include_str!("../../deploy/prometheus/alerts.yaml");
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// What our metrics begin with.
const FAMILIES: [&str; 4] = ["sisyphus_", "raft_", "kv_", "http_"];

fn load(text: &str, node: u64) -> Config {
    let node = Value::Integer(i64::try_from(node).unwrap());
    Config::load(text, vec![("node".to_owned(), node)]).unwrap()
}

#[test]
fn every_node_of_the_deployments_has_a_configuration() {
    for node in 1..=3 {
        for text in [COMPOSE, KUBERNETES] {
            let config = load(text, node);
            assert_eq!(config.members.len(), 3);
            assert_eq!(config.data_dir.to_str(), Some("/data"), "the volume");
            let everywhere = [
                config.listen_peer(),
                config.listen_grpc(),
                config.listen_http(),
            ];
            let open = everywhere
                .iter()
                .all(|address| address.starts_with("0.0.0.0:"));
            assert!(open, "others must reach it: {everywhere:?}");
        }
        let compose = load(COMPOSE, node);
        assert_eq!(
            compose.member().http,
            format!("node-{node}:{}", 8000 + node)
        );
        assert_eq!(
            compose.member().grpc,
            format!("node-{node}:{}", 9000 + node)
        );
        assert_eq!(
            compose.member().peer,
            format!("node-{node}:{}", 5000 + node)
        );
        // The pod of ordinal n runs node n + 1.
        let pod = format!("sisyphus-{}.sisyphus-peers", node - 1);
        let kubernetes = load(KUBERNETES, node);
        assert_eq!(kubernetes.member().peer, format!("{pod}:5000"));
        assert_eq!(kubernetes.member().grpc, format!("{pod}:9000"));
        assert_eq!(kubernetes.member().http, format!("{pod}:8000"));
    }
    for line in ["replicas: 3", "serviceName: sisyphus-peers"] {
        assert!(STATEFUL_SET.contains(line), "{line}");
    }
}

#[test]
fn the_manuals_example_is_a_configuration() {
    let (_, example) = OPERATIONS.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    assert_eq!(load(example, 2).member().peer, "db2.internal:5000");
}

/// The metrics named in a text.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| FAMILIES.iter().any(|family| word.starts_with(family)))
        .collect()
}

#[tokio::test]
async fn every_metric_of_the_dashboard_the_alerts_and_the_manual_is_exported() {
    let node = Alone::start().await;
    let to = node.addresses.http;
    ask(to, "PUT /v1/kv/k", &[], b"v").await;
    let text = ask(to, "GET /metrics", &[], b"").await;
    let samples = text.text().lines().filter(|line| !line.starts_with('#'));
    let exported: BTreeSet<&str> = samples
        .filter_map(|line| line.split([' ', '{']).next())
        .collect();
    for (place, text) in [("dashboard", DASHBOARD), ("alerts", ALERTS)] {
        let named = metrics(text);
        assert!(
            named.len() >= 5,
            "{place}: this test reads the file wrongly"
        );
        let unknown: Vec<_> = named.difference(&exported).collect();
        assert!(unknown.is_empty(), "{place}: {unknown:?}");
    }
    // The manual names families; a histogram has three metrics.
    let known =
        |name: &&str| exported.contains(name) || exported.contains(&*format!("{name}_count"));
    let unknown: Vec<_> = metrics(OPERATIONS)
        .into_iter()
        .filter(|name| !known(name))
        .collect();
    assert!(unknown.is_empty(), "docs/operations.md: {unknown:?}");
}

#[test]
fn the_manual_names_every_limit_and_every_flag() {
    let limits = Table::try_from(Limits::default()).unwrap();
    for (name, default) in &limits {
        let row = format!("| `{name}` | {default} |");
        assert!(OPERATIONS.contains(&row), "docs/operations.md lacks: {row}");
    }
    let help = Command::new(env!("CARGO_BIN_EXE_sisyphus"))
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let said: BTreeSet<&str> = words
        .filter(|word| word.starts_with("SISYPHUS_") || word.starts_with("--"))
        .filter(|word| !["SISYPHUS_", "--help"].contains(word))
        .collect();
    assert!(
        said.len() >= 20,
        "this test reads the help wrongly: {said:?}"
    );
    for word in said {
        assert!(
            OPERATIONS.contains(&format!("`{word}")),
            "docs/operations.md lacks {word}"
        );
    }
}
