//! Every refusal names the field, the value and the remedy; what is accepted means what it says.

use toml::Value;

use super::*;
use crate::types::NodeId;

const GOOD: &str = r#"
    cluster = "demo"
    node = 2
    data_dir = "/var/lib/sisyphus"

    [[members]]
    id = 1
    peer = "a:5001"
    grpc = "a:9001"
    http = "a:8001"

    [[members]]
    id = 2
    name = "bee"
    peer = "127.0.0.1:5002"
    grpc = "b:9002"
    http = "[::1]:8002"

    [limits]
    tick_ms = 10
"#;

fn integer(path: &str, value: i64) -> (String, Value) {
    (path.to_owned(), Value::Integer(value))
}

fn refusal(settings: Vec<(String, Value)>) -> String {
    Config::load(GOOD, settings).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_and_defaults_fill_the_rest() {
    let config = Config::load(GOOD, vec![]).unwrap();
    assert_eq!(config.node, NodeId(2));
    assert_eq!(config.member().name, "bee");
    assert_eq!(config.members[0].name, "node-1");
    assert_eq!(config.limits.tick_ms, 10);
    assert_eq!(
        config.limits.value_bytes_max,
        Limits::default().value_bytes_max
    );
    assert_eq!(config.voters(), vec![NodeId(1), NodeId(2)]);
}

#[test]
fn listening_follows_from_the_advertised_address_unless_said() {
    let mut config = Config::load(GOOD, vec![]).unwrap();
    assert_eq!(config.listen_peer(), "127.0.0.1:5002");
    assert_eq!(config.listen_grpc(), "0.0.0.0:9002");
    assert_eq!(config.listen_http(), "[::1]:8002");
    config.listen.grpc = Some("10.0.0.7:1".to_owned());
    assert_eq!(config.listen_grpc(), "10.0.0.7:1");
}

#[test]
fn settings_win_over_the_file() {
    let settings = vec![
        integer("node", 1),
        integer("limits.heartbeat_ticks", 3),
        (
            "listen.grpc".to_owned(),
            Value::String("0.0.0.0:7".to_owned()),
        ),
    ];
    let config = Config::load(GOOD, settings).unwrap();
    assert_eq!(config.node, NodeId(1));
    assert_eq!(config.limits.heartbeat_ticks, 3);
    assert_eq!(config.limits.tick_ms, 10);
    assert_eq!(config.listen_grpc(), "0.0.0.0:7");
}

#[test]
fn what_must_agree_is_told_apart() {
    let config = Config::load(GOOD, vec![]).unwrap();
    let mut other = config.clone();
    other.node = NodeId(1);
    other.members.reverse();
    other.members[0].peer = "moved:5001".to_owned();
    assert_eq!(config.agreement(), other.agreement());
    other.members.pop();
    assert_ne!(config.agreement(), other.agreement());
    assert_eq!(config.cluster_id(), other.cluster_id());
    other.cluster.push('2');
    assert_ne!(config.cluster_id(), other.cluster_id());
}

#[test]
fn the_number_of_a_cluster_name_is_frozen() {
    // It stands in identity files: another number would lock every cluster out of its own data.
    let config = Config::load(GOOD, vec![]).unwrap();
    assert_eq!(config.cluster_id(), 9_253_453_112_512_551_728);
}

#[test]
fn a_broken_field_is_named_with_value_and_remedy() {
    assert_eq!(
        refusal(vec![integer("node", 7)]),
        "config field node = 7 is not a member; remedy: choose one of [1, 2], or add this node to members"
    );
    assert_eq!(
        refusal(vec![integer("limits.tick_ms", 0)]),
        "config field limits.tick_ms = 0 is out of range; remedy: choose 1 to 10000 milliseconds"
    );
    assert_eq!(
        refusal(vec![integer("limits.heartbeat_ticks", 4)]),
        "config field limits.election_ticks = 6 is less than two heartbeats, so that a late one costs \
         the leader its office; remedy: choose at least 8, or lower limits.heartbeat_ticks"
    );
    let nonsense = Value::String("b".to_owned());
    assert_eq!(
        refusal(vec![("listen.http".to_owned(), nonsense)]),
        "config field listen.http = \"b\" is not an address; remedy: write host:port, for example 127.0.0.1:9001"
    );
}

#[test]
fn what_has_no_default_is_asked_for() {
    let missing = |text: &str| Config::load(text, vec![]).unwrap_err().to_string();
    assert!(missing("").starts_with("config field node = (nothing) is missing"));
    assert!(missing("node = 1").starts_with("config field members = (nothing) is missing"));
}

#[test]
fn members_are_checked() {
    let twice = GOOD.replace("id = 2", "id = 1");
    let error = Config::load(&twice, vec![integer("node", 1)]).unwrap_err();
    assert_eq!(
        (error.field.as_str(), error.value.as_str()),
        ("members[1].id", "1")
    );
    let nobody = GOOD.replace("id = 2", "id = 0");
    assert_eq!(
        Config::load(&nobody, vec![]).unwrap_err().field,
        "members[1].id"
    );
    let error = Config::load(&GOOD.replace("b:9002", "b:port"), vec![]).unwrap_err();
    assert_eq!(error.field, "members[1].grpc");
}

#[test]
fn an_unknown_field_and_a_wrong_type_are_named() {
    let unknown = refusal(vec![integer("limits.tick_mss", 1)]);
    assert!(unknown.contains("tick_mss"), "{unknown}");
    let wrong = refusal(vec![(
        "limits.tick_ms".to_owned(),
        Value::String("soon".to_owned()),
    )]);
    assert!(
        wrong.contains("tick_ms") && wrong.contains("soon"),
        "{wrong}"
    );
    let broken = Config::load("node = = 1", vec![]).unwrap_err().to_string();
    assert!(broken.contains("line 1"), "{broken}");
}

#[test]
fn the_sets_we_ship_are_valid() {
    Limits::default().check().unwrap();
    Limits::test_min().check().unwrap();
}
