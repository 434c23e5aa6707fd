//! Who belongs to the cluster as of what this node has applied, for all who ask beside the replica.

use serde::Serialize;

use crate::{
    machine::{Machine, Members},
    raft::{Entry, Membership, Payload},
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

/// The last list of members in this node's log, applied or not. Like Raft, which goes by the last
/// membership in the log (thesis §4.1), a node has to hear those whom it names: one of them may lead,
/// and be the only one to say what is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// The entry that carries it; 0 if none in the log does.
    pub at: Index,
    /// The list.
    pub members: Members,
}

impl Announced {
    /// What the last of `entries` that carries a list says.
    pub(super) fn among(entries: &[Entry]) -> Option<Announced> {
        let lists = entries.iter().rev().filter_map(|entry| {
            let list = match &entry.payload {
                Payload::Command(data) => Members::of_command(data)?,
                Payload::Membership(new) if !new.context.is_empty() => {
                    Members::decode(new.context.clone())
                }
                Payload::Membership(_) | Payload::Noop => return None,
            };
            // One that does not decode will be complained of when it is applied.
            let (at, members) = (entry.at.index, list.ok()?);
            Some(Announced { at, members })
        });
        lists.into_iter().next()
    }
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::types::LogPosition;

    fn list(name: &str) -> Members {
        let mut members = Members::default();
        members.add(name, &format!("{name}:1")).unwrap();
        members
    }

    #[test]
    fn the_last_list_in_the_log_is_announced_whatever_carries_it() {
        let change = |context| Payload::of_membership(Membership::default(), context);
        let payloads = [
            change(list("a").encode()),
            Payload::Command(list("b").command()),
            Payload::Command(Bytes::from_static(b"\x01")),
            change(Bytes::new()),
            Payload::Noop,
        ];
        let entries: Vec<Entry> = (1..)
            .zip(payloads)
            .map(|(index, payload)| Entry {
                at: LogPosition { term: 1, index },
                payload,
            })
            .collect();
        let announced = |entries| Announced::among(entries).map(|found| (found.at, found.members));
        assert_eq!(announced(&entries), Some((2, list("b"))));
        assert_eq!(announced(&entries[..1]), Some((1, list("a"))));
        assert_eq!(announced(&entries[2..]), None);
    }
}
