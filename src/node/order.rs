//! Orders of an operator: who is to belong to the cluster, and who is to lead it.
//!
//! Whoever takes an order passes it on to the leader as bytes, where it becomes a plan: a pure
//! function of the order and of what the leader has applied and hears of its peers. So every rule about
//! members stands in one place (`plan`), and what reaches the log has passed it.
//!
//! ```text
//! order     1 u8 | name bytes | peer bytes | learner u8                          add
//!           2 u8 | id varint                                                     remove
//!           3 u8 | id varint                                                     promote
//!           4 u8 | id varint | peer bytes                                        move
//!           5 u8 | first u8 | id varint | name bytes | peer | grpc | http | mark u64   introduce
//!           6 u8 | old varint | name bytes | peer bytes                          replace
//!           7 u8 | id varint (0: whoever suits best)                             lead
//! refused   why u8 | text, UTF-8
//! ```

mod plan;
#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(super) use plan::{Plan, Scene, plan};

use super::Roster;
use crate::{
    codec::{DecodeError, Decoder, put_bytes, put_varint},
    types::NodeId,
};

/// What an operator, or a node about itself, asks of the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Add a node, under an id that the leader chooses. It learns first; once it has caught up it
    /// votes, unless it is to stay a learner.
    Add {
        /// What humans will call it; may be empty until it starts.
        name: String,
        /// `host:port` for the other members.
        peer: String,
        /// Whether it stays a learner.
        learner: bool,
    },
    /// Remove a member, for good.
    Remove(NodeId),
    /// Make a voter of a learner that has caught up.
    Promote(NodeId),
    /// Reach a member at another address.
    Move {
        /// The member.
        id: NodeId,
        /// Its new `host:port` for the other members.
        peer: String,
    },
    /// A member's own words about itself, when it starts.
    Introduce {
        /// The member.
        id: NodeId,
        /// What it is called.
        name: String,
        /// `host:port` for the other members.
        peer: String,
        /// `host:port` for gRPC clients.
        grpc: String,
        /// `host:port` for HTTP clients.
        http: String,
        /// Whether its disk is empty: then it is refused if anybody ever started under this id.
        first: bool,
        /// What tells its data directory from every other; 0 if there is none yet. Refused if the
        /// member has said another one before.
        mark: u64,
    },
    /// Add a node in the place of a member, which is gone or has forgotten everything. Once the new
    /// one has caught up it votes and the old one is removed, in one step (thesis §4.3); until then
    /// the old one's vote counts as missing. An old one that does not vote is removed at once.
    Replace {
        /// The member that goes.
        old: NodeId,
        /// What the new one is called; may be what the old one is.
        name: String,
        /// `host:port` for the other members; may be the old one's.
        peer: String,
    },
    /// Hand leadership over (thesis §3.10) to this voter, or to the one that suits best.
    Lead(Option<NodeId>),
}

/// Why an order was not carried out. It certainly will not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// What kind of reason it is.
    pub why: Why,
    /// The reason.
    pub text: String,
}

/// The kinds of reasons, by what would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No member has this id.
    NotFound,
    /// Another member has this name, address or place.
    Exists,
    /// It is no learner.
    NotLearner,
    /// It lags.
    NotReady,
    /// Too few voters are there for the change.
    Unhealthy,
    /// It cannot be done at all.
    Impossible,
    /// It cannot lead.
    BadTransferee,
}

impl Why {
    /// In the order of their bytes.
    const ALL: [Why; 7] = [
        Why::NotFound,
        Why::Exists,
        Why::NotLearner,
        Why::NotReady,
        Why::Unhealthy,
        Why::Impossible,
        Why::BadTransferee,
    ];
}

impl Refused {
    /// The refusal of this kind.
    pub(super) fn new(why: Why, text: impl Into<String>) -> Refused {
        let text = text.into();
        Refused { why, text }
    }

    /// The bytes for the wire.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.why as u8);
        out.extend_from_slice(self.text.as_bytes());
    }

    /// Reads the bytes back, to the end of the input.
    pub(super) fn decode(input: &mut Decoder) -> Result<Refused, DecodeError> {
        let why = input.u8("the kind of a refusal")?;
        let Some(why) = Why::ALL.get(usize::from(why)) else {
            return Err(input.error("an unknown kind of refusal"));
        };
        let text = input.take(input.remaining(), "a reason")?;
        Ok(Refused::new(*why, String::from_utf8_lossy(&text)))
    }
}

impl Order {
    /// Whether a roster is as the order would have it, whoever saw to that: the answer to an order may
    /// be lost with the leader that it removes. What an order to lead came to is not in a roster.
    pub fn is_fulfilled(&self, roster: &Roster) -> bool {
        let Roster {
            membership,
            members,
            ..
        } = roster;
        let reached = |peer: &str| members.iter().find(|member| member.peer == peer);
        match self {
            Order::Add { peer, .. } => reached(peer).is_some(),
            Order::Remove(id) => members.was_removed(*id),
            Order::Promote(id) => membership.voters.contains(id),
            Order::Move { id, peer } => reached(peer).is_some_and(|member| member.id == *id),
            Order::Introduce { id, peer, name, .. } => reached(peer)
                .is_some_and(|member| member.id == *id && member.name == *name && member.started),
            Order::Replace { old, peer, .. } => {
                reached(peer).is_some_and(|member| member.id != *old)
            }
            Order::Lead(_) => false,
        }
    }

    /// The bytes for the wire.
    pub(super) fn encode(&self) -> Bytes {
        let mut out = vec![self.tag()];
        let texts: &[&str] = match self {
            Order::Add {
                name,
                peer,
                learner: _,
            } => &[name, peer],
            Order::Move { id, peer } => {
                put_varint(&mut out, id.0);
                &[peer]
            }
            Order::Introduce {
                id,
                name,
                peer,
                grpc,
                http,
                first,
                mark: _,
            } => {
                out.push(u8::from(*first));
                put_varint(&mut out, id.0);
                &[name, peer, grpc, http]
            }
            Order::Replace { old, name, peer } => {
                put_varint(&mut out, old.0);
                &[name, peer]
            }
            Order::Remove(id) | Order::Promote(id) => {
                put_varint(&mut out, id.0);
                &[]
            }
            Order::Lead(to) => {
                put_varint(&mut out, to.map_or(0, |to| to.0));
                &[]
            }
        };
        texts
            .iter()
            .for_each(|text| put_bytes(&mut out, text.as_bytes()));
        match self {
            Order::Add { learner, .. } => out.push(u8::from(*learner)),
            Order::Introduce { mark, .. } => out.extend_from_slice(&mark.to_le_bytes()),
            _ => {}
        }
        out.into()
    }

    fn tag(&self) -> u8 {
        match self {
            Order::Add { .. } => 1,
            Order::Remove(_) => 2,
            Order::Promote(_) => 3,
            Order::Move { .. } => 4,
            Order::Introduce { .. } => 5,
            Order::Replace { .. } => 6,
            Order::Lead(_) => 7,
        }
    }

    /// Reads the bytes back.
    pub(super) fn decode(input: Bytes) -> Result<Order, DecodeError> {
        let mut input = Decoder::new(input);
        let order = match input.u8("the kind of an order")? {
            1 => Order::Add {
                name: text(&mut input)?,
                peer: text(&mut input)?,
                learner: flag(&mut input)?,
            },
            2 => Order::Remove(id(&mut input)?),
            3 => Order::Promote(id(&mut input)?),
            4 => Order::Move {
                id: id(&mut input)?,
                peer: text(&mut input)?,
            },
            5 => Order::Introduce {
                first: flag(&mut input)?,
                id: id(&mut input)?,
                name: text(&mut input)?,
                peer: text(&mut input)?,
                grpc: text(&mut input)?,
                http: text(&mut input)?,
                mark: input.u64("a mark")?,
            },
            6 => Order::Replace {
                old: id(&mut input)?,
                name: text(&mut input)?,
                peer: text(&mut input)?,
            },
            7 => Order::Lead(Some(id(&mut input)?).filter(|id| id.0 != 0)),
            _ => return Err(input.error("an unknown kind of order")),
        };
        input.finish()?;
        Ok(order)
    }
}

fn id(input: &mut Decoder) -> Result<NodeId, DecodeError> {
    input.varint("an id").map(NodeId)
}

fn flag(input: &mut Decoder) -> Result<bool, DecodeError> {
    match input.u8("a flag")? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(input.error("a flag that is neither set nor not")),
    }
}

fn text(input: &mut Decoder) -> Result<String, DecodeError> {
    let bytes = input.bytes("a text")?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(input.error("a text that is not UTF-8")),
    }
}
