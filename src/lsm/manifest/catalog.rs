//! What all edits together say.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{super::table::TableInfo, edit::Edit};

/// The tables of the database and its owner's note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Catalog {
    /// By id, each with its level.
    pub(in crate::lsm) tables: BTreeMap<u64, (usize, TableInfo)>,
    /// All tables so far have lower ids.
    pub(in crate::lsm) next_id: u64,
    /// The owner's note.
    pub(in crate::lsm) note: Bytes,
}

impl Catalog {
    /// Applies an edit, or says why it does not fit.
    pub(in crate::lsm) fn apply(&mut self, edit: &Edit) -> Result<(), &'static str> {
        if edit.next_id < self.next_id {
            return Err("table ids that only grow");
        }
        self.next_id = edit.next_id;
        for id in &edit.removed {
            self.tables
                .remove(id)
                .ok_or("a removed table that was there")?;
        }
        for (level, info) in &edit.added {
            if info.id >= edit.next_id || info.properties.smallest >= info.properties.end {
                return Err("an added table that can be");
            }
            let before = self.tables.insert(info.id, (*level, info.clone()));
            if before.is_some() {
                return Err("an added table that was not there");
            }
        }
        if let Some(note) = &edit.note {
            self.note = note.clone();
        }
        Ok(())
    }

    /// The edit that makes this catalog out of an empty one.
    pub(super) fn to_edit(&self) -> Edit {
        Edit {
            next_id: self.next_id,
            note: Some(self.note.clone()),
            removed: Vec::new(),
            added: self.tables.values().cloned().collect(),
        }
    }
}
