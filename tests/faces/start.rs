//! What keeps a node from starting is named, with the remedy; what does not, does not.

#![expect(clippy::disallowed_methods, reason = "tests prepare directories")]

use sisyphus::{config::Config, service::Server};

use crate::{
    client::ask,
    node::{Alone, PATIENCE, Scratch, config},
};

async fn refusal(config: Config) -> String {
    match Server::start(config).await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_and_nothing_is_touched() {
    let node = Alone::start().await;
    let scratch = Scratch::new();
    let mut other = config(1, 1, scratch.path());
    other.listen.grpc = Some(node.addresses.grpc.to_string());
    let error = refusal(other.clone()).await;
    assert!(error.contains(&node.addresses.grpc.to_string()), "{error}");
    assert!(
        error.contains("for gRPC") && error.contains("--listen-grpc"),
        "{error}"
    );
    assert!(!other.data_dir.exists());
}

#[tokio::test]
async fn a_directory_in_use_is_named() {
    let node = Alone::start().await;
    let error = refusal(config(1, 1, node.scratch.path())).await;
    assert!(
        error.contains("another process uses this directory"),
        "{error}"
    );
    assert!(
        error.contains(&node.scratch.path().display().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_directory_of_another_node_or_cluster_is_refused() {
    let node = Alone::start().await;
    stop(node.server).await;
    let mut stranger = config(2, 2, node.scratch.path());
    stranger.data_dir = node.scratch.path().join("1");
    let error = refusal(stranger).await;
    assert!(
        error.contains("node 1") && error.contains("node 2"),
        "{error}"
    );
    let mut stranger = config(1, 1, node.scratch.path());
    let ours = format!("{:x}", stranger.cluster_id());
    stranger.cluster = "other".to_owned();
    let error = refusal(stranger).await;
    assert!(
        error.contains(&ours) && error.contains("`cluster`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_foreign_file_is_named_and_left_alone() {
    let scratch = Scratch::new();
    let config = config(1, 1, scratch.path());
    std::fs::create_dir_all(&config.data_dir).unwrap();
    let file = config.data_dir.join("holiday.jpg");
    std::fs::write(&file, "sea").unwrap();
    let error = refusal(config).await;
    assert!(
        error.contains("holiday.jpg") && error.contains("data_dir"),
        "{error}"
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"sea");
}

#[tokio::test]
async fn a_node_that_cannot_start_is_not_added_to_the_cluster() {
    let node = Alone::start().await;
    let scratch = Scratch::new();
    let mut joiner = config(1, 1, scratch.path());
    joiner.members[0].name = "other".to_owned();
    joiner.cluster = "test".to_owned();
    joiner.join = vec![node.addresses.grpc.to_string()];
    std::fs::create_dir_all(&joiner.data_dir).unwrap();
    std::fs::write(joiner.data_dir.join("holiday.jpg"), "sea").unwrap();
    let error = refusal(joiner).await;
    assert!(error.contains("holiday.jpg"), "{error}");
    assert_eq!(node.server.gateway().members().len(), 1);
}

#[tokio::test]
async fn a_log_that_is_gone_is_not_taken_for_an_empty_one() {
    let node = Alone::start().await;
    stop(node.server).await;
    let config = config(1, 1, node.scratch.path());
    for segment in std::fs::read_dir(config.data_dir.join("log")).unwrap() {
        std::fs::remove_file(segment.unwrap().path()).unwrap();
    }
    let error = refusal(config).await;
    assert!(
        error.contains("`log`") && error.contains("replace this node"),
        "{error}"
    );
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let node = Alone::start().await;
    assert_eq!(
        ask(node.addresses.http, "PUT /v1/kv/k", &[], b"v")
            .await
            .status,
        200
    );
    stop(node.server).await;
    let server = Server::start(config(1, 1, node.scratch.path()))
        .await
        .unwrap();
    let answer = ask(server.addresses().http, "GET /v1/kv/k", &[], b"").await;
    assert_eq!(answer.text(), "v");
    stop(server).await;
}

async fn stop(server: Server) {
    tokio::time::timeout(PATIENCE, server.stop())
        .await
        .expect("stopping has a bound");
}
