//! Flags and environment of `serve`, as settings to lay over the file.

use std::path::PathBuf;

use clap::Args;
use toml::{Table, Value};

use crate::config::ConfigError;

/// What may be said on the command line; every flag has a variable.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Settings {
    /// The cluster's name
    #[arg(long, env = "SISYPHUS_CLUSTER", value_name = "NAME")]
    cluster: Option<String>,
    /// Ask these members of a cluster to be added to it, if the data directory is empty
    #[arg(
        long,
        env = "SISYPHUS_JOIN",
        value_name = "GRPC_HOST:PORT,..",
        value_delimiter = ','
    )]
    join: Vec<String>,
    /// What this node is called, if not what its entry among the members says
    #[arg(long, env = "SISYPHUS_NAME", value_name = "NAME")]
    name: Option<String>,
    /// Where others reach this node, if not where its entry among the members says
    #[arg(long, env = "SISYPHUS_ADVERTISE", value_name = "PEER,GRPC,HTTP")]
    advertise: Option<String>,
    /// This node's number among the founders
    #[arg(long, alias = "node-id", env = "SISYPHUS_NODE", value_name = "NUMBER")]
    node: Option<u64>,
    /// Take the node's number from the host name: the pod NAME-2 is node 3
    #[arg(long, env = "SISYPHUS_NODE_ID_FROM_HOSTNAME", conflicts_with = "node")]
    node_id_from_hostname: bool,
    /// Where data is kept; one directory per node
    #[arg(long, env = "SISYPHUS_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// What is logged: a level, or target=level,…
    #[arg(long, env = "SISYPHUS_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// Where to listen for HTTP clients
    #[arg(long, env = "SISYPHUS_LISTEN_HTTP", value_name = "HOST:PORT")]
    listen_http: Option<String>,
    /// Where to listen for gRPC clients
    #[arg(long, env = "SISYPHUS_LISTEN_GRPC", value_name = "HOST:PORT")]
    listen_grpc: Option<String>,
    /// Where to listen for the other members
    #[arg(long, env = "SISYPHUS_LISTEN_PEER", value_name = "HOST:PORT")]
    listen_peer: Option<String>,
    /// A founder and its addresses: ID=PEER,GRPC,HTTP; repeat it, or join several with ';'
    #[arg(
        long = "member",
        env = "SISYPHUS_MEMBERS",
        value_name = "MEMBER",
        value_delimiter = ';'
    )]
    members: Vec<String>,
    /// A field of `[limits]`: NAME=NUMBER; repeat it, or join several with ';'
    #[arg(
        long = "limit",
        env = "SISYPHUS_LIMITS",
        value_name = "LIMIT",
        value_delimiter = ';'
    )]
    limits: Vec<String>,
}

impl Settings {
    /// The settings by their paths in the file.
    pub(super) fn into_paths(self, hostname: &str) -> Result<Vec<(String, Value)>, ConfigError> {
        let node = match self.node_id_from_hostname {
            true => Some(node_of(hostname)?),
            false => self.node,
        };
        let data_dir = self.data_dir.map(|dir| dir.to_string_lossy().into_owned());
        let mut paths = Vec::new();
        if let Some(node) = node {
            paths.push(("node".to_owned(), number("node", &node.to_string())?));
        }
        for (path, text) in [
            ("cluster", self.cluster),
            ("name", self.name),
            ("data_dir", data_dir),
            ("log", self.log),
            ("listen.http", self.listen_http),
            ("listen.grpc", self.listen_grpc),
            ("listen.peer", self.listen_peer),
        ] {
            paths.extend(text.map(|text| (path.to_owned(), Value::String(text))));
        }
        if !self.join.is_empty() {
            paths.push(("join".to_owned(), self.join.into()));
        }
        if let Some(text) = &self.advertise {
            paths.push(("advertise".to_owned(), advertise(text)?));
        }
        if !self.members.is_empty() {
            let members = self.members.iter().map(|text| member(text));
            paths.push((
                "members".to_owned(),
                members.collect::<Result<Vec<_>, _>>()?.into(),
            ));
        }
        for text in &self.limits {
            let (name, value) = text.split_once('=').ok_or_else(|| {
                ConfigError::new(
                    "--limit",
                    text,
                    "is not NAME=VALUE",
                    "write for example tick_ms=10",
                )
            })?;
            let path = format!("limits.{}", name.trim());
            paths.push((path.clone(), limit(&path, value.trim())?));
        }
        Ok(paths)
    }
}

/// The number of the node that runs on a host: one more than what follows the last dash.
fn node_of(hostname: &str) -> Result<u64, ConfigError> {
    // A fully qualified name counts by its first part.
    let name = hostname.split('.').next().unwrap_or_default();
    let ordinal = name
        .rsplit_once('-')
        .and_then(|(_, ordinal)| ordinal.parse::<u64>().ok());
    ordinal
        .and_then(|ordinal| ordinal.checked_add(1))
        .ok_or_else(|| {
            let problem = "does not end in a dash and a number, as the pods of a StatefulSet do";
            ConfigError::new(
                "(host name)",
                format!("{hostname:?}"),
                problem,
                "use --node NUMBER",
            )
        })
}

fn number(path: &str, text: &str) -> Result<Value, ConfigError> {
    let number = text.parse::<i64>();
    number.map(Value::Integer).map_err(|_| {
        ConfigError::new(
            path,
            format!("{text:?}"),
            "is not a number",
            "write a whole number",
        )
    })
}

/// A limit is a number, or a switch.
fn limit(path: &str, text: &str) -> Result<Value, ConfigError> {
    match text {
        "true" => Ok(Value::Boolean(true)),
        "false" => Ok(Value::Boolean(false)),
        _ => number(path, text),
    }
}

/// A member as one word: `ID=PEER,GRPC,HTTP`.
fn member(text: &str) -> Result<Value, ConfigError> {
    let wrong = || {
        let remedy = "write ID=PEER,GRPC,HTTP, for example 1=a:5001,a:9001,a:8001";
        ConfigError::new("--member", format!("{text:?}"), "is not a member", remedy)
    };
    let (id, addresses) = text.trim().split_once('=').ok_or_else(wrong)?;
    let mut member = three_addresses(addresses).ok_or_else(wrong)?;
    member.insert(
        "id".to_owned(),
        number("--member", id.trim()).map_err(|_| wrong())?,
    );
    Ok(Value::Table(member))
}

/// Where a node is reached, as one word: `PEER,GRPC,HTTP`.
fn advertise(text: &str) -> Result<Value, ConfigError> {
    let table = three_addresses(text).ok_or_else(|| {
        let remedy = "write PEER,GRPC,HTTP, for example a:5001,a:9001,a:8001";
        ConfigError::new(
            "--advertise",
            format!("{text:?}"),
            "is not three addresses",
            remedy,
        )
    })?;
    Ok(Value::Table(table))
}

fn three_addresses(text: &str) -> Option<Table> {
    let addresses: Vec<&str> = text.split(',').map(str::trim).collect();
    let [peer, grpc, http] = addresses[..] else {
        return None;
    };
    let mut table = Table::new();
    for (name, address) in [("peer", peer), ("grpc", grpc), ("http", http)] {
        table.insert(name.to_owned(), address.to_owned().into());
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, types::NodeId};

    #[test]
    fn a_pods_name_says_which_node_it_is() {
        assert_eq!(node_of("sisyphus-0"), Ok(1));
        assert_eq!(node_of("my-store-12.peers.default.svc"), Ok(13));
        for wrong in [
            "",
            "sisyphus",
            "sisyphus-",
            "sisyphus-x",
            "a-18446744073709551615",
        ] {
            let error = node_of(wrong).unwrap_err().to_string();
            assert!(error.contains("--node NUMBER"), "{error}");
        }
    }

    #[test]
    fn a_cluster_can_be_described_without_a_file() {
        let settings = Settings {
            node_id_from_hostname: true,
            members: vec!["1=a:5,a:9,a:8".to_owned(), " 2 = b:5, b:9, b:8".to_owned()],
            limits: vec!["tick_ms=7".to_owned(), "lease_reads=true".to_owned()],
            ..Settings::default()
        };
        let config = Config::load("", settings.into_paths("pod-1").unwrap()).unwrap();
        assert_eq!(config.node, NodeId(2));
        assert_eq!(config.member().http, "b:8");
        assert_eq!(config.limits.tick_ms, 7);
        assert!(config.limits.lease_reads);
    }

    #[test]
    fn a_node_that_joins_says_what_it_is_called_and_where_it_is_reached() {
        let joins = |name: Option<&str>, advertise: Option<&str>| {
            let settings = Settings {
                join: vec!["a:9".to_owned(), "b:9".to_owned()],
                name: name.map(str::to_owned),
                advertise: advertise.map(str::to_owned),
                ..Settings::default()
            };
            Config::load("", settings.into_paths("host").unwrap())
        };
        let config = joins(Some("d"), Some("d:5,d:9,d:8")).unwrap();
        assert_eq!((config.node, config.join.len()), (NodeId(0), 2));
        assert_eq!(config.member().peer, "d:5");
        let error = joins(None, Some("d:5,d:9,d:8")).unwrap_err().to_string();
        assert!(error.contains("--name NAME"), "{error}");
        let error = joins(Some("d"), None).unwrap_err().to_string();
        assert!(error.contains("--advertise PEER,GRPC,HTTP"), "{error}");
    }

    #[test]
    fn a_founder_is_found_by_its_name_and_a_stranger_joins_the_founders() {
        let file = "members = [{ id = 1, name = \"s-0\", peer = \"a:5\", grpc = \"a:9\", http = \"a:8\" }]";
        let named = |name: &str, advertise: Option<&str>| {
            let settings = Settings {
                name: Some(name.to_owned()),
                advertise: advertise.map(str::to_owned),
                ..Settings::default()
            };
            Config::load(file, settings.into_paths("host").unwrap())
        };
        let founder = named("s-0", Some("s-0.peers:5,s-0.peers:9,s-0.peers:8")).unwrap();
        assert_eq!((founder.node, founder.join.len()), (NodeId(1), 0));
        let stranger = named("s-1", Some("s-1.peers:5,s-1.peers:9,s-1.peers:8")).unwrap();
        assert_eq!(
            (stranger.node, stranger.join),
            (NodeId(0), vec!["a:9".to_owned()])
        );
        let error = named("s-1", None).unwrap_err().to_string();
        assert!(
            error.contains("\"s-1\" is no founder's name") && error.contains("[\"s-0\"]"),
            "{error}"
        );
    }

    #[test]
    fn slips_of_the_pen_are_named() {
        let error = |settings: Settings| settings.into_paths("pod-1").unwrap_err().to_string();
        let members = vec!["1=a:5,a:9".to_owned()];
        let text = error(Settings {
            members,
            ..Settings::default()
        });
        assert!(
            text.contains("\"1=a:5,a:9\"") && text.contains("ID=PEER,GRPC,HTTP"),
            "{text}"
        );
        let limits = vec!["tick_ms=soon".to_owned()];
        let text = error(Settings {
            limits,
            ..Settings::default()
        });
        assert!(
            text.contains("limits.tick_ms = \"soon\" is not a number"),
            "{text}"
        );
    }
}
