//! One node's configuration: parsed, overridden, checked.

use std::{collections::BTreeSet, fmt::Display, path::PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

use super::{Limits, address::listen_address};
use crate::{rng::Rng, types::NodeId};

/// The fields that have no default unless the node joins, and how to give them.
const INDISPENSABLE: [(&str, &str); 2] = [
    (
        "node",
        "say which member this is: --node NUMBER, --name NAME, or --node-id-from-hostname",
    ),
    (
        "members",
        "list them in the file, or as --member ID=PEER,GRPC,HTTP; \
         for a cluster to play with, run `sisyphus dev`",
    ),
];

/// What a node is started with. Valid by construction, except through its public fields: whoever
/// changes those calls [`Config::check`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster's name; nodes of clusters with different names refuse each other.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// Which of the founders this node is; left out (0) by one that says its `name`, and by one that
    /// joins, whom the cluster gives a number. In a data directory stands a number as well, and that
    /// one counts.
    #[serde(default = "nobody")]
    pub node: NodeId,
    /// What this node is called, for good; what its entry in `members` says if left out. Without
    /// `node`, the founder of this name; if there is none, the node joins the founders.
    #[serde(default)]
    pub name: Option<String>,
    /// Where others reach this node; what its entry in `members` says if left out.
    #[serde(default)]
    pub advertise: Option<Advertise>,
    /// gRPC addresses of members of a cluster that is there, `host:port`. If this node's data
    /// directory is empty it asks them to be added, instead of founding a cluster.
    #[serde(default)]
    pub join: Vec<String>,
    /// Where everything that must survive is kept; one directory per node.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    /// What is logged: a level, or `target=level` pairs with commas between.
    #[serde(default = "default_log")]
    pub log: String,
    /// Where this node listens, if not where the others reach it.
    #[serde(default)]
    pub listen: Listen,
    /// Who founds the cluster, all of them voters. Once it stands its own list of members counts.
    #[serde(default)]
    pub members: Vec<Member>,
    /// Sizes and times.
    #[serde(default)]
    pub limits: Limits,
}

/// A voter and where it is reached. Names are resolved again at every new connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its number: never 0, and never given to another node later.
    pub id: NodeId,
    /// What humans call it; `node-<id>` if left out.
    #[serde(default)]
    pub name: String,
    /// `host:port` for the other members.
    pub peer: String,
    /// `host:port` for gRPC clients.
    pub grpc: String,
    /// `host:port` for HTTP clients.
    pub http: String,
}

/// Where a node is reached that is not among the founders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advertise {
    /// `host:port` for the other members.
    pub peer: String,
    /// `host:port` for gRPC clients.
    pub grpc: String,
    /// `host:port` for HTTP clients.
    pub http: String,
}

/// The addresses to listen on, `host:port`. One that is left out follows from the node's member
/// entry: its port, on loopback if the entry names loopback, else on all interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// For the other members.
    pub peer: Option<String>,
    /// For gRPC clients.
    pub grpc: Option<String>,
    /// For HTTP clients.
    pub http: Option<String>,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("config field {field} = {value} {problem}; remedy: {remedy}")]
pub struct ConfigError {
    /// The field, by its path from the top of the file.
    pub field: String,
    /// What it was set to.
    pub value: String,
    /// What is wrong with that.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl ConfigError {
    /// The error about `field`.
    pub fn new(field: &str, value: impl Display, problem: &str, remedy: &str) -> Self {
        ConfigError {
            field: field.to_owned(),
            value: value.to_string(),
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

impl Config {
    /// The configuration in `text` (TOML), with `settings` (paths like `limits.tick_ms`, and what
    /// to put there) laid over it.
    pub fn load(text: &str, settings: Vec<(String, Value)>) -> Result<Config, ConfigError> {
        let mut table: Table = text
            .parse()
            .map_err(|error| unreadable(&error, "correct the file: it is not TOML"))?;
        for (path, value) in settings {
            set(&mut table, &path, value)?;
        }
        let joins = table.contains_key("join");
        for (field, remedy) in INDISPENSABLE {
            let is_named = field == "node" && table.contains_key("name");
            if !joins && !is_named && !table.contains_key(field) {
                return Err(ConfigError::new(field, "(nothing)", "is missing", remedy));
            }
        }
        let mut config: Config = table.try_into().map_err(|error| {
            unreadable(&error, "see docs/operations.md for the fields there are")
        })?;
        config.name_members();
        config.find_itself()?;
        config.check()?;
        Ok(config)
    }

    /// The cluster's number: what its name amounts to in 64 bits, in files and handshakes.
    pub fn cluster_id(&self) -> u64 {
        digest(&self.cluster)
    }

    /// A digest of what all nodes must agree on: the cluster and its voters.
    pub fn agreement(&self) -> u64 {
        digest(&format!("{} {:?}", self.cluster, self.voters()))
    }

    /// The voters' numbers, ascending.
    pub fn voters(&self) -> Vec<NodeId> {
        let ids: BTreeSet<NodeId> = self.members.iter().map(|member| member.id).collect();
        ids.into_iter().collect()
    }

    /// What this node is and says of itself: its entry among the founders, under the name and the
    /// addresses that were given beside. The number is 0 if it is not one of them.
    pub fn member(&self) -> Member {
        let entry = self.members.iter().find(|member| member.id == self.node);
        let mut own = entry.cloned().unwrap_or_else(|| Member {
            id: nobody(),
            name: String::new(),
            peer: String::new(),
            grpc: String::new(),
            http: String::new(),
        });
        if let Some(name) = &self.name {
            own.name.clone_from(name);
        }
        if let Some(Advertise { peer, grpc, http }) = &self.advertise {
            (own.peer, own.grpc, own.http) = (peer.clone(), grpc.clone(), http.clone());
        }
        own
    }

    /// Where to listen for the other members.
    pub fn listen_peer(&self) -> String {
        listen_address(self.listen.peer.as_deref(), &self.member().peer)
    }

    /// Where to listen for gRPC clients.
    pub fn listen_grpc(&self) -> String {
        listen_address(self.listen.grpc.as_deref(), &self.member().grpc)
    }

    /// Where to listen for HTTP clients.
    pub fn listen_http(&self) -> String {
        listen_address(self.listen.http.as_deref(), &self.member().http)
    }

    fn name_members(&mut self) {
        for member in &mut self.members {
            if member.name.is_empty() {
                member.name = format!("node-{}", member.id.0);
            }
        }
    }

    /// A node that is told no number is the founder of its name. One whose name no founder has joins
    /// the founders: a StatefulSet that grows starts pods that its file does not know.
    fn find_itself(&mut self) -> Result<(), ConfigError> {
        let Some(name) = &self.name else {
            return Ok(());
        };
        if self.node != nobody() || !self.join.is_empty() {
            return Ok(());
        }
        if let Some(founder) = self.members.iter().find(|member| member.name == *name) {
            self.node = founder.id;
            return Ok(());
        }
        if self.advertise.is_none() {
            let names = self.members.iter().map(|member| &member.name);
            let remedy = format!(
                "choose one of {:?}, or say where this node is reached, and it joins them: --advertise PEER,GRPC,HTTP",
                names.collect::<Vec<_>>()
            );
            let problem = "is no founder's name";
            return Err(ConfigError::new(
                "name",
                format!("{name:?}"),
                problem,
                &remedy,
            ));
        }
        let founders = self.members.iter().map(|member| member.grpc.clone());
        self.join = founders.collect();
        Ok(())
    }
}

pub(super) fn nobody() -> NodeId {
    NodeId(0)
}

fn default_cluster() -> String {
    "sisyphus".to_owned()
}

fn default_data_dir() -> PathBuf {
    PathBuf::from("data")
}

fn default_log() -> String {
    "info".to_owned()
}

/// 64 well-mixed bits of a text, the same on every machine: the generator's own way of telling
/// labels apart, whose sequence is frozen.
fn digest(text: &str) -> u64 {
    Rng::new(0).fork(text).next_u64()
}

/// What the TOML reader complains about, on one line.
fn unreadable(error: &toml::de::Error, remedy: &str) -> ConfigError {
    let problem = error.to_string().trim().replace('\n', " ");
    ConfigError::new(
        "(file)",
        "(text)",
        &format!("cannot be read: {problem}"),
        remedy,
    )
}

/// Puts `value` at a dotted path, making the tables on the way.
fn set(table: &mut Table, path: &str, value: Value) -> Result<(), ConfigError> {
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = table;
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let entry = place
            .entry(parent)
            .or_insert_with(|| Value::Table(Table::new()));
        place = entry.as_table_mut().ok_or_else(|| {
            let remedy = format!("write [{parent}] in the file");
            ConfigError::new(parent, "(no table)", "must be a table", &remedy)
        })?;
    }
    place.insert(name.to_owned(), value);
    Ok(())
}
