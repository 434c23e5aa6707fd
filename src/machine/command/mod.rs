//! Commands, their outcomes, and how both are written as bytes.
//!
//! A command is what the Raft log carries: it is encoded once, by the node that proposes it, and
//! decoded by every replica that applies it. An outcome (a reply or a refusal) is what applying it
//! came to; its bytes are kept in the client's session and folded into the state's hash. So both
//! formats are part of what replicas must agree on, and both are strict: every value has exactly one
//! encoding, and what is not the encoding of a value is refused. Neither has a checksum, because
//! neither is ever stored or sent by itself: the frame around it (log record, peer message, snapshot
//! chunk, manifest edit) has one.
//!
//! Letters are those of [`codec`](crate::codec): `u8` and `u64` are fixed and little-endian, `varint` is LEB128,
//! `bytes` is a varint length and that many bytes, `[x]` is there or not, `x*` is a varint count and
//! that many x. Flags that have no meaning are 0.
//!
//! ```text
//! command   format u8 = 1 | flags u8 (1: request) | [client u64 | sequence varint] | proposed_ms varint | txn
//! txn       compare* | success: op* | failure: op*
//! compare   relation u8 | target u8 | key bytes | target 1 to 3: varint, 4: bytes
//! op        1 u8 | flags u8 (1: previous) | key bytes | value bytes                  put
//!           2 u8 | flags u8 (1: previous) | keys                                     delete
//!           3 u8 | query                                                             range
//! keys      end u8 (1 single, 2 before, 3 unbounded) | start bytes | [end bytes]
//! query     flags u8 (1: count only, 2: keys only) | keys | revision varint | limit varint
//!
//! outcome   format u8 = 1 | 0 u8 | reply
//!           format u8 = 1 | kind u8 from 1 | the refusal's fields in their order
//! reply     flags u8 (1: succeeded) | revision varint | result*
//! result    1 u8 | flags u8 (1: there was one) | [kv]                                put
//!           2 u8 | deleted varint | kv*                                              delete
//!           3 u8 | flags u8 (1: more) | count varint | kv*                           range
//! kv        key bytes | create_revision varint | mod_revision varint | version varint | value bytes
//! ```
//!
//! Left out: compression of large values (they are compressed where they are stored), and telling
//! decoders of older formats apart: an unknown format is refused by its number.

mod decode;
mod encode;
mod outcome;
#[cfg(test)]
mod tests;
mod types;

pub use outcome::{decode_outcome, encode_outcome};
pub use types::{
    Command, Compare, KeyRange, KeyValue, Op, OpResult, Outcome, Page, Query, RangeEnd, Refusal,
    Relation, Reply, Target, Txn,
};

/// The format of commands that is written, and the only one that is read here: 2 stands for a list
/// of members (`machine/members`).
const COMMAND_FORMAT: u8 = 1;
/// The format of outcomes.
const OUTCOME_FORMAT: u8 = 1;

/// The only flag of most flag bytes; what it says depends on the place.
const FLAG: u8 = 1;
/// Of a query: leave the values out.
const FLAG_KEYS_ONLY: u8 = 2;
