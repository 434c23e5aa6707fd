//! One change of the database's contents.
//!
//! ```text
//! edit     = next id varint │ note │ removed count varint │ table id varint …
//!            │ added count varint │ table …
//! note     = 0 u8: as before; or 1 u8 │ length varint │ bytes
//! table    = level u8 │ table id varint │ length of the file varint
//!            │ its properties, as in its properties block (`table/format.rs`)
//! ```

use bytes::Bytes;

use super::super::{
    table::{Properties, TableInfo},
    version::LEVELS,
};
use crate::codec::{DecodeError, Decoder, put_bytes, put_varint};

/// What changes, all at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Edit {
    /// All tables so far have lower ids.
    pub(in crate::lsm) next_id: u64,
    /// The owner's note from now on; none leaves it as it is.
    pub(in crate::lsm) note: Option<Bytes>,
    /// The tables that are no longer part of the database.
    pub(in crate::lsm) removed: Vec<u64>,
    /// The tables that are part of it from now on, each with its level.
    pub(in crate::lsm) added: Vec<(usize, TableInfo)>,
}

impl Edit {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.next_id);
        match &self.note {
            None => out.push(0),
            Some(note) => {
                out.push(1);
                put_bytes(&mut out, note);
            }
        }
        put_varint(&mut out, self.removed.len() as u64);
        self.removed.iter().for_each(|id| put_varint(&mut out, *id));
        put_varint(&mut out, self.added.len() as u64);
        for (level, info) in &self.added {
            put_table(&mut out, *level, info);
        }
        out
    }

    /// Reads it back.
    pub(super) fn decode(payload: Bytes) -> Result<Edit, DecodeError> {
        let mut decoder = Decoder::new(payload);
        let next_id = decoder.varint("the next table id")?;
        let note = match decoder.u8("a note or none")? {
            0 => None,
            1 => Some(decoder.bytes("a note")?),
            _ => return Err(decoder.error("a note or none")),
        };
        let mut edit = Edit {
            next_id,
            note,
            ..Edit::default()
        };
        for _ in 0..decoder.varint("the number of removed tables")? {
            edit.removed.push(decoder.varint("a removed table")?);
        }
        for _ in 0..decoder.varint("the number of added tables")? {
            edit.added.push(table(&mut decoder)?);
        }
        decoder.finish()?;
        Ok(edit)
    }
}

fn put_table(out: &mut Vec<u8>, level: usize, info: &TableInfo) {
    out.push(level as u8);
    put_varint(out, info.id);
    put_varint(out, info.bytes);
    info.properties.encode(out);
}

fn table(decoder: &mut Decoder) -> Result<(usize, TableInfo), DecodeError> {
    let level = usize::from(decoder.u8("the level of a table")?);
    if level >= LEVELS {
        return Err(decoder.error("a level that there is"));
    }
    let info = TableInfo {
        id: decoder.varint("the id of a table")?,
        bytes: decoder.varint("the length of a table")?,
        properties: Properties::take(decoder)?,
    };
    Ok((level, info))
}
