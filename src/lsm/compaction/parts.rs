//! Cutting a large compaction into parts that can be done side by side.

use bytes::Bytes;

use super::{Choice, Shape, TableInfo};

/// The keys of one part: from `start` on, before `end`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::lsm) struct Part {
    /// The first key; none for the first of all.
    pub(in crate::lsm) start: Option<Bytes>,
    /// The first key of the next part; none in the last part.
    pub(in crate::lsm) end: Option<Bytes>,
}

impl Part {
    /// Whether a key lies behind the part.
    pub(in crate::lsm) fn is_beyond(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_some_and(|end| key >= end)
    }
}

/// Cuts a compaction into at most `parts_max` parts of at least about `part_bytes` each, at first
/// keys of its tables. Of overlapping tables a part reads what lies between its keys.
pub(in crate::lsm) fn split(
    shape: &Shape<'_>,
    choice: &Choice,
    parts_max: usize,
    part_bytes: u64,
) -> Vec<Part> {
    let inputs = choice.inputs.iter();
    let mut tables: Vec<&TableInfo> = inputs
        .flat_map(|(level, tables)| shape.level(*level)[tables.clone()].iter().copied())
        .collect();
    tables.sort_by_key(|table| &table.properties.smallest);
    let total: u64 = tables.iter().map(|table| table.bytes).sum();
    let count = (total / part_bytes.max(1)).clamp(1, parts_max as u64);
    let mut parts = Vec::new();
    let mut part = Part::default();
    let mut begun = tables.first().map(|table| &table.properties.smallest);
    let mut before = 0;
    for table in tables {
        let start = &table.properties.smallest;
        let share = total * (parts.len() as u64 + 1) / count;
        if before >= share && begun != Some(start) {
            begun = Some(start);
            part.end = Some(start.clone());
            let next = Part {
                start: Some(start.clone()),
                end: None,
            };
            parts.push(std::mem::replace(&mut part, next));
        }
        before += table.bytes;
    }
    parts.push(part);
    parts
}
