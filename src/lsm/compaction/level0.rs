//! What leaves level 0.

use std::{cmp::Reverse, ops::Range};

use super::{Choice, Shape, Situation, bounds, keys};

/// Tables of level 0 into the base level, with what they overlap there: a group of those that
/// are wanted.
pub(super) fn choose(
    situation: &Situation<'_>,
    base: usize,
    is_wanted: impl Fn(&[usize]) -> bool,
) -> Option<Choice> {
    let mut groups = groups(&situation.shape);
    groups.retain(|group| is_wanted(group));
    // The largest first, and the older of equals.
    groups.sort_by_key(|group| (Reverse(group.len()), Reverse(group.last().copied())));
    groups.into_iter().find_map(|group| {
        let inputs: Vec<(usize, Range<usize>)> =
            group.iter().map(|table| (0, *table..table + 1)).collect();
        let output_level = first_in_the_way(&situation.shape, &inputs, base)?;
        situation.complete(inputs, output_level)
    })
}

/// The tables of level 0 in groups that have no key in common with each other, each from new to
/// old. In a group every table overlaps another one.
pub(super) fn groups(shape: &Shape<'_>) -> Vec<Vec<usize>> {
    let tables = shape.level(0);
    let mut by_key: Vec<usize> = (0..tables.len()).collect();
    by_key.sort_by_key(|table| keys(tables[*table]).0);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut end: &[u8] = &[];
    for table in by_key {
        let (smallest, table_end) = keys(tables[table]);
        match groups.last_mut() {
            Some(group) if smallest[..] < *end => group.push(table),
            _ => groups.push(vec![table]),
        }
        end = end.max(table_end);
    }
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups
}

/// The first level on the way down to `base` that has something of these tables' keys, else the
/// base itself. Levels above it hold something only when everything has shrunk.
fn first_in_the_way(
    shape: &Shape<'_>,
    inputs: &[(usize, Range<usize>)],
    base: usize,
) -> Option<usize> {
    let (smallest, end) = bounds(shape, inputs)?;
    let is_in_the_way = |level: &usize| !shape.overlap(*level, &smallest, &end).is_empty();
    Some((1..base).find(is_in_the_way).unwrap_or(base))
}
