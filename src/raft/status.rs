//! What a replica looks like from outside.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::types::{Index, LogPosition, NodeId, Term};

/// A replica at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The replica.
    pub id: NodeId,
    /// Its term, durable or not.
    pub term: Term,
    /// Whom it voted for in that term, durable or not.
    pub vote: Option<NodeId>,
    /// Its role.
    pub role: RoleName,
    /// Who leads the term, as far as it knows.
    pub leader: Option<NodeId>,
    /// Everything up to here is committed.
    pub commit: Index,
    /// Everything up to here is applied.
    pub applied: Index,
    /// Everything up to here in its log is durable.
    pub durable: Index,
    /// The last entry of its log.
    pub last: LogPosition,
    /// Its disk has lost entries, and it neither votes nor stands until it has them again.
    pub recovering: bool,
    /// So many reads this process has answered as a leader without a round, by a lease.
    pub lease_reads: u64,
    /// The first entry that its log still holds, or would hold.
    pub first: Index,
    /// Of a leader: how far each peer has come. Empty otherwise.
    pub progress: BTreeMap<NodeId, PeerStatus>,
}

/// How far a peer has come, as its leader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its log agrees durably up to here.
    pub matched: Index,
    /// The entry that it is sent next.
    pub next: Index,
    /// How it is being sent entries.
    pub state: PeerState,
    /// Whether it was heard within the last election timeout or two.
    pub active: bool,
}

/// How a leader sends entries to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// One append at a time, looking for where the two logs agree.
    Probe,
    /// Appends stream, as many at once as the window allows.
    Replicate,
    /// Nothing is sent until a snapshot has brought it into reach of the log.
    Snapshot,
}

/// The name of a role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleName {
    /// Listens to a leader, or waits for one.
    #[default]
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Asks to be elected.
    Candidate,
    /// Leads its term.
    Leader,
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RoleName::Follower => "follower",
            RoleName::PreCandidate => "pre-candidate",
            RoleName::Candidate => "candidate",
            RoleName::Leader => "leader",
        })
    }
}

impl fmt::Display for PeerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PeerState::Probe => "probe",
            PeerState::Replicate => "replicate",
            PeerState::Snapshot => "snapshot",
        })
    }
}
