//! Who belongs to the cluster as of what this node has applied, for all who ask beside the replica.

use serde::Serialize;

use crate::{
    machine::{Machine, Members},
    raft::Membership,
    types::Index,
};

/// Who takes part, and what those are called and where they are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Roster {
    /// The last entry that said so, or the snapshot that did; 0 of a cluster as it was founded.
    pub since: Index,
    /// Who takes part, and how.
    pub membership: Membership,
    /// Names and addresses.
    pub members: Members,
}

impl Roster {
    /// What `machine` knows, as of the entry at `since`.
    pub(super) fn of(machine: &Machine, since: Index) -> Roster {
        Roster {
            since,
            membership: machine.membership().clone(),
            members: machine.members().clone(),
        }
    }
}
