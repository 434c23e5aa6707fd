//! Bytes to commands. The drawing is in the folder's essay.

use bytes::Bytes;

use super::{
    COMMAND_FORMAT, Command, Compare, FLAG, FLAG_KEYS_ONLY, KeyRange, Op, Query, RangeEnd,
    Relation, Target, Txn,
};
use crate::{
    codec::{DecodeError, Decoder},
    types::RequestId,
};

impl Command {
    /// Reads a command back; keys and values share `data`'s buffer. Fails on anything that
    /// [`encode`](Command::encode) does not write.
    pub fn decode(data: Bytes) -> Result<Command, DecodeError> {
        let mut input = Decoder::new(data);
        if input.u8("the format of a command")? != COMMAND_FORMAT {
            return Err(input.error("a command of an unknown format"));
        }
        let request = match flags(&mut input, FLAG)? {
            0 => None,
            _ => Some(RequestId {
                client: input.u64("the client of a request")?,
                sequence: input.varint("the sequence of a request")?,
            }),
        };
        let proposed_ms = input.varint("the time of a command")?;
        let txn = txn(&mut input)?;
        input.finish()?;
        Ok(Command {
            request,
            proposed_ms,
            txn,
        })
    }
}

/// A byte of flags, of which those in `known` may be set.
pub(super) fn flags(input: &mut Decoder, known: u8) -> Result<u8, DecodeError> {
    let flags = input.u8("flags")?;
    if flags & !known == 0 {
        Ok(flags)
    } else {
        Err(input.error("unknown flags"))
    }
}

/// A count and that many items. The count is not believed before the items are there.
pub(super) fn list<T>(
    input: &mut Decoder,
    item: impl Fn(&mut Decoder) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = input.varint("a count")?;
    // An item takes a byte at least.
    if count > input.remaining() as u64 {
        return Err(input.error("a count of more items than there are bytes"));
    }
    (0..count).map(|_| item(input)).collect()
}

fn txn(input: &mut Decoder) -> Result<Txn, DecodeError> {
    Ok(Txn {
        compares: list(input, compare)?,
        success: list(input, op)?,
        failure: list(input, op)?,
    })
}

fn compare(input: &mut Decoder) -> Result<Compare, DecodeError> {
    let relation = match input.u8("a relation")? {
        1 => Relation::Equal,
        2 => Relation::Greater,
        3 => Relation::Less,
        4 => Relation::NotEqual,
        _ => return Err(input.error("an unknown relation")),
    };
    let kind = input.u8("a target")?;
    let key = input.bytes("the key of a comparison")?;
    let target = match kind {
        1 => Target::Version(input.varint("a version")?),
        2 => Target::CreateRevision(input.varint("a revision")?),
        3 => Target::ModRevision(input.varint("a revision")?),
        4 => Target::Value(input.bytes("a value")?),
        _ => return Err(input.error("an unknown target")),
    };
    Ok(Compare {
        key,
        target,
        relation,
    })
}

fn op(input: &mut Decoder) -> Result<Op, DecodeError> {
    match input.u8("an operation")? {
        1 => {
            let want_previous = flags(input, FLAG)? == FLAG;
            Ok(Op::Put {
                key: input.bytes("a key")?,
                value: input.bytes("a value")?,
                want_previous,
            })
        }
        2 => {
            let want_previous = flags(input, FLAG)? == FLAG;
            Ok(Op::Delete {
                keys: keys(input)?,
                want_previous,
            })
        }
        3 => Ok(Op::Range(query(input)?)),
        _ => Err(input.error("an unknown operation")),
    }
}

fn keys(input: &mut Decoder) -> Result<KeyRange, DecodeError> {
    let kind = input.u8("the end of a range")?;
    let start = input.bytes("the start of a range")?;
    let end = match kind {
        1 => RangeEnd::Single,
        2 => RangeEnd::Before(input.bytes("the end of a range")?),
        3 => RangeEnd::Unbounded,
        _ => return Err(input.error("an unknown end of a range")),
    };
    Ok(KeyRange { start, end })
}

fn query(input: &mut Decoder) -> Result<Query, DecodeError> {
    let flags = flags(input, FLAG | FLAG_KEYS_ONLY)?;
    Ok(Query {
        keys: keys(input)?,
        revision: input.varint("a revision")?,
        limit: input.varint("a limit")?,
        count_only: flags & FLAG != 0,
        keys_only: flags & FLAG_KEYS_ONLY != 0,
    })
}
