//! The records of a Raft log. All numbers are little-endian.
//!
//! ```text
//! kind            payload
//! 1  head         term u64 · vote u64 · base · last term u64 · last index u64 · damaged u8
//! 2  hard state   term u64 · vote u64
//! 3  reset        base                                  the log begins anew behind this base
//! 4  entry        term u64 · index u64 · data           and everything behind this index is gone
//! 5  compact      base                                  the entries up to this base are not needed
//! 6  membership   term u64 · index u64 · members · context        an entry that says who takes part
//! 7  healed                                             what was damaged is whole again
//! 9  lost                                               entries before this one may be missing
//! 8  begin                                              no segment before this one counts, of no shard
//! 10 apart        zeros                                 says nothing: what follows is in another block
//!
//! base            term u64 · index u64 · members        as of this position
//! ```
//!
//! A vote of 0 is none. An entry without data is the no-op of a leader's term. `raft/membership`
//! draws the members.

use bytes::Bytes;

use super::tail::Head;
use crate::{
    codec::{DecodeError, Decoder},
    raft::{Base, Entry, HardState, Membership, Payload},
    types::{LogPosition, NodeId, ShardId},
    wal::{Placed, Record, SegmentId, Wal},
};

/// No log ever reaches this index; counting on from there cannot wrap.
const INDEX_MAX: u64 = u64::MAX >> 1;

const HEAD: u8 = 1;
const HARD_STATE: u8 = 2;
const RESET: u8 = 3;
const ENTRY: u8 = 4;
const COMPACT: u8 = 5;
const MEMBERSHIP: u8 = 6;
const HEALED: u8 = 7;
const BEGIN: u8 = 8;
const LOST: u8 = 9;
const APART: u8 = 10;

/// As much as a drive writes and loses as one, or more.
const BLOCK_BYTES: usize = 4_096;

/// One change of a shard's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Repeats where the log stands, at the beginning of a segment.
    Head(Head),
    /// A new term or vote.
    HardState(HardState),
    /// The log begins anew behind this base.
    Reset(Base),
    /// An entry, which replaces everything from its index on.
    Entry(Entry),
    /// The entries up to here are not needed.
    Compact(Base),
    /// The log has again all that it ever vouched for.
    Healed,
    /// The segments before the one that holds this do not count: what was to stay of the logs of all
    /// shards is repeated in it, before this record.
    Begin,
    /// The log may lack entries that it vouched for.
    Lost,
    /// Says nothing, and takes so much room that one bad block is not on both sides of it.
    Apart,
}

impl Change {
    /// Writes the change into the next batch.
    pub(super) fn append(&self, wal: &mut Wal, shard: ShardId) {
        match self {
            Change::Head(head) => {
                let hard_state = numbers(hard_state_out(head.hard_state));
                let last = numbers(position_out(head.last));
                let (base, damaged) = (base_out(&head.base), [head.damaged.into()]);
                wal.append(HEAD, shard, &[&hard_state, &base, &last, &damaged]);
            }
            Change::HardState(hard_state) => {
                wal.append(HARD_STATE, shard, &[&numbers(hard_state_out(*hard_state))]);
            }
            Change::Reset(base) => wal.append(RESET, shard, &[&base_out(base)]),
            Change::Entry(entry) => append_entry(wal, shard, entry),
            Change::Compact(base) => wal.append(COMPACT, shard, &[&base_out(base)]),
            Change::Healed => wal.append(HEALED, shard, &[]),
            Change::Begin => wal.append(BEGIN, shard, &[]),
            Change::Lost => wal.append(LOST, shard, &[]),
            Change::Apart => wal.append(APART, shard, &[&[0; BLOCK_BYTES]]),
        }
    }

    /// Reads a record. An entry's data is a slice of the payload.
    pub(super) fn decode(record: &Record) -> Result<Change, DecodeError> {
        let mut input = Decoder::new(record.payload.clone());
        let change = match record.kind {
            HEAD => Change::Head(Head {
                hard_state: hard_state_in(&mut input)?,
                base: base_in(&mut input)?,
                last: position_in(&mut input)?,
                damaged: flag_in(&mut input)?,
            }),
            HARD_STATE => Change::HardState(hard_state_in(&mut input)?),
            RESET => Change::Reset(base_in(&mut input)?),
            ENTRY => Change::Entry(Entry {
                at: position_in(&mut input)?,
                payload: Payload::of_command(rest(&mut input)?),
            }),
            MEMBERSHIP => Change::Entry(Entry {
                at: position_in(&mut input)?,
                payload: Payload::of_membership(Membership::decode(&mut input)?, rest(&mut input)?),
            }),
            COMPACT => Change::Compact(base_in(&mut input)?),
            HEALED => Change::Healed,
            BEGIN => Change::Begin,
            LOST => Change::Lost,
            APART => {
                rest(&mut input)?;
                Change::Apart
            }
            _ => return Err(input.error("a record of unknown kind")),
        };
        input.finish()?;
        Ok(change)
    }
}

/// What counts of these records, which are in the order of the log: those from the segment on that
/// holds the newest [`Change::Begin`].
pub(super) fn that_count(mut records: Vec<Placed>) -> Vec<Placed> {
    if let Some(first) = newest_beginning(&records) {
        records.retain(|placed| placed.segment >= first && !is_beginning(placed));
    }
    records
}

/// The segment with the newest [`Change::Begin`].
pub(super) fn newest_beginning(records: &[Placed]) -> Option<SegmentId> {
    let newest = records.iter().rev().find(|placed| is_beginning(placed));
    newest.map(|placed| placed.segment)
}

fn is_beginning(placed: &Placed) -> bool {
    placed.record.kind == BEGIN && placed.record.payload.is_empty()
}

/// Writes an entry into the next batch; its data is copied once, into the batch.
pub(super) fn append_entry(wal: &mut Wal, shard: ShardId, entry: &Entry) {
    let at = numbers(position_out(entry.at));
    match entry.payload.membership() {
        None => wal.append(ENTRY, shard, &[&at, entry.payload.data()]),
        Some(membership) => {
            let mut members = Vec::new();
            membership.encode(&mut members);
            wal.append(MEMBERSHIP, shard, &[&at, &members, entry.payload.data()]);
        }
    }
}

/// What is left of an entry.
fn rest(input: &mut Decoder) -> Result<Bytes, DecodeError> {
    input.take(input.remaining(), "an entry's data")
}

fn base_out(base: &Base) -> Vec<u8> {
    let mut out = numbers(position_out(base.at)).to_vec();
    base.membership.encode(&mut out);
    out
}

fn base_in(input: &mut Decoder) -> Result<Base, DecodeError> {
    Ok(Base {
        at: position_in(input)?,
        membership: Membership::decode(input)?,
    })
}

fn numbers(pair: [u64; 2]) -> [u8; 16] {
    let mut out = [0; 16];
    for (slot, number) in out.chunks_exact_mut(8).zip(pair) {
        slot.copy_from_slice(&number.to_le_bytes());
    }
    out
}

fn hard_state_out(hard_state: HardState) -> [u64; 2] {
    let vote = hard_state.vote.map_or(0, |node| node.0);
    [hard_state.term, vote]
}

fn hard_state_in(input: &mut Decoder) -> Result<HardState, DecodeError> {
    let term = input.u64("a term")?;
    let vote = Some(input.u64("a vote")?).filter(|vote| *vote != 0);
    Ok(HardState {
        term,
        vote: vote.map(NodeId),
    })
}

fn position_out(at: LogPosition) -> [u64; 2] {
    [at.term, at.index]
}

fn flag_in(input: &mut Decoder) -> Result<bool, DecodeError> {
    match input.u8("a mark of damage")? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(input.error("a mark of damage")),
    }
}

/// A position; an index that could wrap is refused.
fn position_in(input: &mut Decoder) -> Result<LogPosition, DecodeError> {
    let term = input.u64("a position's term")?;
    let index = input.u64("a position's index")?;
    if index > INDEX_MAX {
        return Err(input.error("an index beyond all bounds"));
    }
    Ok(LogPosition { term, index })
}
