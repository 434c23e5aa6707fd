//! The words of the command line.

use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf, time::Duration};

use bytes::Bytes;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Talks to a SisyphusDB cluster.
#[derive(Debug, Parser)]
#[command(name = "sicli", version, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 fine, 1 a negative answer (no such key, history not linearizable), \
2 wrong usage, 3 cannot tell or cannot reach.";

/// What every command takes.
#[derive(Debug, ClapArgs)]
pub(super) struct Common {
    /// The nodes to talk to, host:port; the first that answers serves
    #[arg(
        long,
        global = true,
        env = "SISYPHUS_ENDPOINTS",
        value_delimiter = ',',
        value_name = "HOST:PORT,..",
        default_value = "127.0.0.1:9001,127.0.0.1:9002,127.0.0.1:9003"
    )]
    pub endpoints: Vec<String>,
    /// How answers are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// How long one request may take, as 500ms, 5s or 1m
    #[arg(long, global = true, default_value = "5s", value_parser = duration)]
    pub timeout: Duration,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For eyes
    Text,
    /// For programs: JSON, one value a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Stores a value
    Put(PutArgs),
    /// Prints the value of a key
    Get(GetArgs),
    /// Removes a key
    Delete(DeleteArgs),
    /// Prints keys and values in key order
    Scan(ScanArgs),
    /// Asks about the cluster, changes its members, moves its leader
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Decides whether a recorded history is linearizable
    Check(CheckArgs),
    /// Puts load on the cluster and measures it
    Workload(WorkloadArgs),
}

#[derive(Debug, ClapArgs)]
pub(super) struct PutArgs {
    /// The key
    pub key: OsString,
    /// The value; without it, standard input to its end
    pub value: Option<OsString>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct GetArgs {
    /// The key
    pub key: OsString,
    /// Take what the endpoint has, which may be old, without asking the leader
    #[arg(long)]
    pub stale: bool,
    /// The same, but wait until the endpoint has come to this revision
    #[arg(long, value_name = "REVISION", conflicts_with = "stale")]
    pub min_revision: Option<u64>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct DeleteArgs {
    /// The key
    pub key: OsString,
}

#[derive(Debug, ClapArgs)]
pub(super) struct ScanArgs {
    /// Only keys that begin so
    pub prefix: Option<OsString>,
    /// The first key
    #[arg(long, value_name = "KEY", conflicts_with = "prefix")]
    pub from: Option<OsString>,
    /// The end, itself excluded
    #[arg(long, value_name = "KEY", conflicts_with = "prefix")]
    pub to: Option<OsString>,
    /// At most so many keys
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// Print the keys alone
    #[arg(long)]
    pub keys_only: bool,
    /// Take what the endpoint has, which may be old, without asking the leader
    #[arg(long)]
    pub stale: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ClusterCommand {
    /// Prints what every endpoint says of itself
    Status,
    /// Prints the members
    Members,
    /// Adds a node: it learns, and votes as soon as it has caught up
    Add(AddArgs),
    /// Removes a member, for good: its number is never used again
    Remove(MemberArgs),
    /// Makes a voter of a learner that has caught up
    Promote(MemberArgs),
    /// Adds a node in the place of a member, which goes when the new one has caught up
    Replace(ReplaceArgs),
    /// Hands leadership over, and waits until the other one leads
    TransferLeader(TransferArgs),
}

#[derive(Debug, ClapArgs)]
pub(super) struct AddArgs {
    /// What it is called
    pub name: String,
    /// Where the other members will reach it
    #[arg(value_name = "HOST:PORT", value_parser = address)]
    pub peer: String,
    /// It stays a learner
    #[arg(long)]
    pub learner: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct MemberArgs {
    /// Its name or its number
    pub member: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct ReplaceArgs {
    /// Who goes: name or number
    pub old: String,
    /// What the new one is called; it may be the old one's name
    pub name: String,
    /// Where the other members will reach the new one; it may be the old one's address
    #[arg(value_name = "HOST:PORT", value_parser = address)]
    pub peer: String,
}

#[derive(Debug, ClapArgs)]
pub(super) struct TransferArgs {
    /// To this voter, by name or number; without it, to the one that suits best
    pub to: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CheckArgs {
    /// The history, JSON lines as `workload --record` writes them
    pub file: PathBuf,
    /// Placements to try for each key before giving up
    #[arg(long, default_value_t = crate::check::SEARCH_STEPS_MAX)]
    pub steps: u64,
}

/// What the endpoints are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Api {
    /// SisyphusDB: a write in doubt is repeated under its identity
    Sisyphus,
    /// etcd: the same protocol without identities, so a write in doubt stays in doubt
    Etcd,
}

#[derive(Clone, Debug, ClapArgs)]
pub(super) struct WorkloadArgs {
    /// Clients at the same time, each with one request under way
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub clients: u64,
    /// How long, as 500ms, 5s or 1m
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub duration: Duration,
    /// Different keys
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub keys: u64,
    /// Bytes of a value; short ones are as long as it takes to make every value different
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=8 << 20))]
    pub value_bytes: u64,
    /// The share of reads, 0 to 1
    #[arg(long, default_value_t = 0.5, value_parser = share)]
    pub reads: f64,
    /// The share of deletes among the writes, 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub deletes: f64,
    /// The share of compare-and-sets among the writes, 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub compares: f64,
    /// Write what the clients saw to this file, for `sicli check`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// What the keys begin with; without it, something that no run used before
    #[arg(long)]
    pub prefix: Option<String>,
    /// What the endpoints are
    #[arg(long, value_enum, default_value_t = Api::Sisyphus)]
    pub api: Api,
}

/// The bytes of an argument, whatever they are.
pub(super) fn bytes(argument: OsString) -> Bytes {
    Bytes::from(argument.into_vec())
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err("write a number and its unit, as 500ms, 5s or 1m".to_owned()),
    };
    let amount: u32 = digits
        .parse()
        .map_err(|_| "write a whole number before the unit".to_owned())?;
    match Duration::from_millis(u64::from(amount) * unit_ms) {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

fn address(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port))
            if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("write host:port, for example db4.internal:5000".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("write a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_words_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn durations_and_shares_are_checked() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1h",
            "0s",
            "1.5s",
            "99999999999s",
            "5ß",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(share("0.25"), Ok(0.25));
        for wrong in ["", "-0.1", "1.1", "NaN", "half"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_have_a_host_and_a_port() {
        assert_eq!(address("db4:5000"), Ok("db4:5000".to_owned()));
        for wrong in ["", "db4", ":5000", "db4:", "db4:0", "db4:70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_scan_is_a_prefix_or_a_range() {
        let parse = |words: &[&str]| Args::try_parse_from(words).is_ok();
        assert!(parse(&["sicli", "scan", "a"]));
        assert!(parse(&["sicli", "scan", "--from", "a", "--to", "b"]));
        assert!(!parse(&["sicli", "scan", "a", "--to", "b"]));
        assert!(!parse(&["sicli", "scan", "--limit", "0"]));
    }
}
