//! Who takes part, as a value: it lies in entries of the log, in what a log begins with, and in
//! snapshots.
//!
//! ```text
//! count varint · ids            voters     ascending, as varints
//! count varint · ids            outgoing
//! count varint · learners       each: id varint · aim u8 (0 stay, 1 vote, 2 replace · id varint)
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::codec::{DecodeError, Decoder, put_varint};
use crate::types::NodeId;

/// The most that may take part, voters and learners together: more would make every entry a burden
/// to its leader, and a list of this length still is small beside an append.
pub const MEMBERS_MAX: usize = 64;

/// Who takes part in a shard. The default is nobody: what a node knows that has yet to hear of the
/// group it is to join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// Those whose votes count.
    pub voters: BTreeSet<NodeId>,
    /// While the membership is joint (thesis §4.3), the voters before it: a majority of these has to
    /// agree as well. Empty otherwise.
    pub outgoing: BTreeSet<NodeId>,
    /// Those that receive everything and are not counted, each with what it is to become. In a joint
    /// membership an outgoing voter may be one already.
    pub learners: BTreeMap<NodeId, Aim>,
}

/// What a learner is to become when it has caught up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Aim {
    /// A learner.
    #[default]
    Stay,
    /// A voter.
    Vote,
    /// A voter in the place of this one, which is removed in the same change.
    Replace(NodeId),
}

/// An entry's worth of membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMembership {
    /// Who takes part from this entry on.
    pub membership: Membership,
    /// What the state machine is told about it (names, addresses); opaque here, and empty in the
    /// changes that a leader makes by itself.
    pub context: Bytes,
}

impl Membership {
    /// Voters and nobody else.
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Membership {
        Membership {
            voters: voters.into_iter().collect(),
            ..Membership::default()
        }
    }

    /// Whether nobody takes part.
    pub fn is_empty(&self) -> bool {
        *self == Membership::default()
    }

    /// Whether two majorities have to agree.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether the vote of `id` counts, in either half.
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    /// Whether `id` takes part, in whatever way.
    pub fn contains(&self, id: NodeId) -> bool {
        self.is_voter(id) || self.learners.contains_key(&id)
    }

    /// All whose votes count, ascending.
    pub fn electors(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.voters.union(&self.outgoing).copied()
    }

    /// All that take part, ascending.
    pub fn members(&self) -> BTreeSet<NodeId> {
        let learners = self.learners.keys().copied();
        self.electors().chain(learners).collect()
    }

    /// Says what is wrong with a membership that no leader may propose, and that no log holds.
    pub fn check(&self) -> Result<(), &'static str> {
        let learns = |id: &NodeId| self.learners.contains_key(id);
        let members = self.members();
        match () {
            () if self.is_empty() => Ok(()),
            () if self.voters.is_empty() => Err("a membership without voters"),
            () if members.len() > MEMBERS_MAX => Err("a membership with too many members"),
            () if members.contains(&NodeId(0)) => Err("a membership with node 0"),
            () if self.voters.iter().any(learns) => Err("a voter that is a learner, too"),
            () if self.voters == self.outgoing => Err("a joint membership of equal halves"),
            () => Ok(()),
        }
    }

    /// Appends the membership to `out`, in bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_ids(out, &self.voters);
        put_ids(out, &self.outgoing);
        put_varint(out, self.learners.len() as u64);
        for (id, aim) in &self.learners {
            put_varint(out, id.0);
            match aim {
                Aim::Stay => out.push(0),
                Aim::Vote => out.push(1),
                Aim::Replace(voter) => {
                    out.push(2);
                    put_varint(out, voter.0);
                }
            }
        }
    }

    /// Reads a membership. One that is not sound, or is not written as `encode` writes it, is
    /// refused.
    pub fn decode(input: &mut Decoder) -> Result<Membership, DecodeError> {
        let (voters, outgoing) = (ids(input)?, ids(input)?);
        let mut learners = BTreeMap::new();
        for _ in 0..count(input)? {
            let id = NodeId(input.varint("a learner")?);
            if learners
                .last_key_value()
                .is_some_and(|(last, _)| *last >= id)
            {
                return Err(input.error("learners out of order"));
            }
            learners.insert(id, aim(input)?);
        }
        let membership = Membership {
            voters,
            outgoing,
            learners,
        };
        membership.check().map_err(|what| input.error(what))?;
        Ok(membership)
    }
}

fn put_ids(out: &mut Vec<u8>, ids: &BTreeSet<NodeId>) {
    put_varint(out, ids.len() as u64);
    ids.iter().for_each(|id| put_varint(out, id.0));
}

fn ids(input: &mut Decoder) -> Result<BTreeSet<NodeId>, DecodeError> {
    let mut ids = BTreeSet::new();
    for _ in 0..count(input)? {
        let id = NodeId(input.varint("a member")?);
        if ids.last().is_some_and(|last| *last >= id) {
            return Err(input.error("members out of order"));
        }
        ids.insert(id);
    }
    Ok(ids)
}

fn count(input: &mut Decoder) -> Result<u64, DecodeError> {
    let count = input.varint("a number of members")?;
    if count > MEMBERS_MAX as u64 {
        return Err(input.error("too many members"));
    }
    Ok(count)
}

fn aim(input: &mut Decoder) -> Result<Aim, DecodeError> {
    match input.u8("a learner's aim")? {
        0 => Ok(Aim::Stay),
        1 => Ok(Aim::Vote),
        2 => Ok(Aim::Replace(NodeId(input.varint("a voter to replace")?))),
        _ => Err(input.error("an unknown aim")),
    }
}

impl fmt::Display for Membership {
    /// `n1 n2 n3`, `n1 n2 n4, leaving n1 n2 n3`, `n1 n2, learning n3 n4→vote`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ids: &BTreeSet<NodeId>| {
            let ids: Vec<String> = ids.iter().map(NodeId::to_string).collect();
            ids.join(" ")
        };
        f.write_str(&list(&self.voters))?;
        if self.is_joint() {
            write!(f, ", leaving {}", list(&self.outgoing))?;
        }
        if !self.learners.is_empty() {
            f.write_str(", learning")?;
        }
        self.learners.iter().try_for_each(|(id, aim)| match aim {
            Aim::Stay => write!(f, " {id}"),
            Aim::Vote => write!(f, " {id}→vote"),
            Aim::Replace(voter) => write!(f, " {id}→{voter}"),
        })
    }
}
