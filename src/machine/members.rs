//! Who belongs to the cluster: names and addresses, as replicated state.
//!
//! Raft decides who votes and who only listens, by number; this list says what those numbers are
//! called and where they are reached. It travels whole in the context of every entry that changes
//! the membership, so that a node that joins knows everybody from the first such entry it applies,
//! however the nodes before it began. A machine that has applied none has an empty list: then the
//! members are those that the cluster was founded with, which every founder's configuration names.
//!
//! ```text
//! members   format u8 = 1 | given varint | count varint | member*          ascending by id
//! member    id varint | name bytes | peer bytes | grpc bytes | http bytes | started u8 (0 or 1) | mark u64
//! ```
//!
//! A list alone is a command of the log as well, for a new name or address: the byte 2, then the list.
//!
//! An id is never given twice: ids only count up, and the highest that was ever given stays in the
//! list when its member goes. Whoever has an id up to that one and does not stand in the list was
//! removed, for good.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    codec::{DecodeError, Decoder, put_bytes, put_varint},
    config::{self, ADDRESS_BYTES_MAX, NAME_BYTES_MAX},
    types::NodeId,
};

/// The most members that a list holds: the voters of both sides of a change, and learners.
pub const MEMBERS_MAX: usize = 16;

/// The highest id there can be: as far as a configuration file can count.
const ID_MAX: u64 = i64::MAX as u64;

/// What a command that is a list begins with: the format of all others is 1.
const COMMAND: u8 = 2;

/// The format that is written, and the only one that is read.
const FORMAT: u8 = 1;

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its number: never 0, and never given to another node later.
    pub id: NodeId,
    /// What humans call it; no two members share one. Empty of a member that was added without and
    /// has not started, and of one that has lost it to the member that replaces it.
    pub name: String,
    /// `host:port` for the other members; no two members share one. Empty of a member that has lost
    /// it to the one that replaces it.
    pub peer: String,
    /// `host:port` for gRPC clients; empty until the member says it.
    pub grpc: String,
    /// `host:port` for HTTP clients; empty until the member says it.
    pub http: String,
    /// Whether the member has ever run: from then on it may have made promises, and an empty disk
    /// under its name has forgotten them.
    pub started: bool,
    /// What tells its data directory from every other; 0 until the member says it. Whoever comes
    /// under this number with another one has lost its disk.
    pub mark: u64,
}

/// The members of a cluster by number. Part of the replicated state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Members {
    /// The highest id that was ever given; 0 in the list of a machine that has none.
    given: u64,
    by_id: BTreeMap<NodeId, Member>,
}

/// Why a list is not changed as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    /// No member has this id.
    #[error("member not found")]
    NotFound(NodeId),
    /// Another member has this name.
    #[error("member name {0:?} is taken by member {1}")]
    NameTaken(String, NodeId),
    /// Another member is reached at this address.
    #[error("Peer URLs already exists")]
    PeerTaken(String, NodeId),
    /// There are [`MEMBERS_MAX`].
    #[error("there are {MEMBERS_MAX} members already")]
    TooMany,
    /// The highest id that there can be was given.
    #[error("there are no ids left")]
    NoIdLeft,
    /// A name or an address that cannot be stored.
    #[error("the {what} {text:?}… is longer than {max} bytes")]
    BadText {
        /// What it was to be.
        what: &'static str,
        /// What was given.
        text: String,
        /// The longest that is taken, in bytes.
        max: usize,
    },
}

impl From<&config::Member> for Member {
    /// A member as a configuration names it, which says nothing of whether it ever ran.
    fn from(member: &config::Member) -> Member {
        Member {
            id: member.id,
            name: member.name.clone(),
            peer: member.peer.clone(),
            grpc: member.grpc.clone(),
            http: member.http.clone(),
            started: false,
            mark: 0,
        }
    }
}

impl Members {
    /// The members that a cluster is founded with, as a checked configuration names them. Of two
    /// with the same id the last one counts.
    pub fn founding(members: impl IntoIterator<Item = Member>) -> Members {
        let by_id: BTreeMap<NodeId, Member> = members.into_iter().map(|m| (m.id, m)).collect();
        Members {
            given: by_id.keys().next_back().map_or(0, |id| id.0),
            by_id,
        }
    }

    /// Members that are known by number alone, for worlds in which numbers are addresses.
    pub fn nameless(ids: impl IntoIterator<Item = NodeId>) -> Members {
        Members::founding(ids.into_iter().map(|id| Member {
            id,
            name: String::new(),
            peer: String::new(),
            grpc: String::new(),
            http: String::new(),
            started: false,
            mark: 0,
        }))
    }

    /// Whether there is no list: no change of the membership was ever applied.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All members by number, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Member> + DoubleEndedIterator {
        self.by_id.values()
    }

    /// The member with this id.
    pub fn get(&self, id: NodeId) -> Option<&Member> {
        self.by_id.get(&id)
    }

    /// The member with this name.
    pub fn named(&self, name: &str) -> Option<&Member> {
        self.iter().find(|member| member.name == name)
    }

    /// Whether this id was given once and its member is gone, for good. Says nothing of ids that
    /// this list has not heard of yet.
    pub fn was_removed(&self, id: NodeId) -> bool {
        id.0 <= self.given && !self.by_id.contains_key(&id)
    }

    /// Adds a member under an id that nobody ever had, and answers the id. It is reached at `peer`
    /// by the others, and has not started.
    pub fn add(&mut self, name: &str, peer: &str) -> Result<NodeId, MembersError> {
        let id = NodeId(self.given + 1);
        let member = Member {
            id,
            name: name.to_owned(),
            peer: peer.to_owned(),
            grpc: String::new(),
            http: String::new(),
            started: false,
            mark: 0,
        };
        self.put(member)?;
        Ok(id)
    }

    /// Puts a member in its place: a new one, whose id counts as given from now on, or other words
    /// about one that is there.
    pub fn put(&mut self, member: Member) -> Result<(), MembersError> {
        check(&member)?;
        let others = || self.iter().filter(|other| other.id != member.id);
        let same = |one: &str, other: &str| !one.is_empty() && one == other;
        if let Some(other) = others().find(|other| same(&other.name, &member.name)) {
            return Err(MembersError::NameTaken(member.name, other.id));
        }
        if let Some(other) = others().find(|other| same(&other.peer, &member.peer)) {
            return Err(MembersError::PeerTaken(member.peer, other.id));
        }
        if others().count() >= MEMBERS_MAX {
            return Err(MembersError::TooMany);
        }
        if member.id.0 > ID_MAX {
            return Err(MembersError::NoIdLeft);
        }
        self.given = self.given.max(member.id.0);
        self.by_id.insert(member.id, member);
        Ok(())
    }

    /// Takes a member out. Its id stays given.
    pub fn remove(&mut self, id: NodeId) -> Result<Member, MembersError> {
        self.by_id.remove(&id).ok_or(MembersError::NotFound(id))
    }

    /// Takes out all members but those that `stays` says yes of.
    pub fn retain(&mut self, stays: impl Fn(NodeId) -> bool) {
        self.by_id.retain(|id, _| stays(*id));
    }

    /// The command that replaces the list by this one, for changes that are not about who takes part.
    pub fn command(&self) -> Bytes {
        [&[COMMAND][..], &self.encode()].concat().into()
    }

    /// Whether a command replaces the list.
    pub fn is_command(data: &[u8]) -> bool {
        data.first() == Some(&COMMAND)
    }

    /// The list in a command, if it is a command of this kind.
    pub fn of_command(data: &Bytes) -> Option<Result<Members, DecodeError>> {
        Members::is_command(data).then(|| Members::decode(data.slice(1..)))
    }

    /// The list as bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = vec![FORMAT];
        put_varint(&mut out, self.given);
        put_varint(&mut out, self.by_id.len() as u64);
        for member in self.iter() {
            put_varint(&mut out, member.id.0);
            for text in [&member.name, &member.peer, &member.grpc, &member.http] {
                put_bytes(&mut out, text.as_bytes());
            }
            out.push(u8::from(member.started));
            out.extend_from_slice(&member.mark.to_le_bytes());
        }
        out.into()
    }

    /// Reads a list back.
    pub fn decode(input: Bytes) -> Result<Members, DecodeError> {
        let mut input = Decoder::new(input);
        if input.u8("the format of a list of members")? != FORMAT {
            return Err(input.error("a list of members of an unknown format"));
        }
        let mut members = Members {
            given: input.varint("the highest id given")?,
            by_id: BTreeMap::new(),
        };
        let count = input.varint("a number of members")?;
        if count > MEMBERS_MAX as u64 || members.given > ID_MAX {
            return Err(input.error("too many members, or too high an id"));
        }
        for _ in 0..count {
            members.decode_member(&mut input)?;
        }
        input.finish()?;
        Ok(members)
    }

    fn decode_member(&mut self, input: &mut Decoder) -> Result<(), DecodeError> {
        let member = Member {
            id: NodeId(input.varint("an id")?),
            name: text(input, "a name")?,
            peer: text(input, "an address for peers")?,
            grpc: text(input, "an address for gRPC")?,
            http: text(input, "an address for HTTP")?,
            started: match input.u8("whether a member has started")? {
                0 => false,
                1 => true,
                _ => return Err(input.error("neither started nor not started")),
            },
            mark: input.u64("the mark of a data directory")?,
        };
        let last = self.by_id.keys().next_back().map_or(0, |id| id.0);
        if member.id.0 <= last || member.id.0 > self.given {
            return Err(input.error("an id out of order, or never given"));
        }
        check(&member).map_err(|_| input.error("a name or an address that is too long"))?;
        self.by_id.insert(member.id, member);
        Ok(())
    }
}

fn check(member: &Member) -> Result<(), MembersError> {
    let bad = |what, text: &str, max| MembersError::BadText {
        what,
        text: text.chars().take(32).collect(),
        max,
    };
    if member.name.len() > NAME_BYTES_MAX {
        return Err(bad("name", &member.name, NAME_BYTES_MAX));
    }
    for address in [&member.peer, &member.grpc, &member.http] {
        if address.len() > ADDRESS_BYTES_MAX {
            return Err(bad("address", address, ADDRESS_BYTES_MAX));
        }
    }
    Ok(())
}

fn text(input: &mut Decoder, what: &'static str) -> Result<String, DecodeError> {
    let bytes = input.bytes(what)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(input.error("a text that is not UTF-8")),
    }
}

#[cfg(test)]
mod tests;
