//! Choices about made-up tables.

use std::ops::RangeInclusive;

use proptest::{collection::vec, prelude::*};

use super::{
    super::{
        compression::Compression,
        table::{Properties, TableInfo},
    },
    *,
};

const TABLE_BYTES: u64 = 1000;

fn key(key: u8) -> Bytes {
    Bytes::copy_from_slice(&[key])
}

/// The first key behind this one.
fn behind(key: u8) -> Bytes {
    Bytes::copy_from_slice(&[key, 0])
}

/// A table of these keys, which are one byte long.
fn table(keys: RangeInclusive<u8>, bytes: u64) -> TableInfo {
    TableInfo {
        id: 0,
        bytes,
        properties: Properties {
            entries: 10,
            keys: 10,
            seq_max: 5,
            smallest: key(*keys.start()),
            end: behind(*keys.end()),
            ..Properties::default()
        },
    }
}

/// Tables by level. Those of level 0 from new to old, others in order.
type Levels = [Vec<TableInfo>; LEVELS];

fn options() -> Options {
    Options {
        level0_tables_max: 2,
        table_bytes: TABLE_BYTES as usize,
        level_base_bytes: 2 * TABLE_BYTES as usize,
        level_factor: 3,
        compactions_max: 3,
        compression: vec![Compression::None, Compression::None, Compression::Lz4],
        ..Options::test_min()
    }
}

fn shape(levels: &Levels) -> Shape<'_> {
    Shape::new(levels.each_ref().map(|tables| tables.iter().collect()))
}

fn choose(levels: &Levels, running: &[Claim]) -> Option<Choice> {
    let options = options();
    pick(&Situation {
        shape: shape(levels),
        options: &options,
        floor: 5,
        running,
    })
}

fn claim(levels: RangeInclusive<usize>, keys: RangeInclusive<u8>) -> Claim {
    Claim {
        levels,
        smallest: key(*keys.start()),
        end: behind(*keys.end()),
    }
}

fn levels(tables: &[(usize, RangeInclusive<u8>)]) -> Levels {
    let mut levels = Levels::default();
    for (level, keys) in tables {
        levels[*level].push(table(keys.clone(), TABLE_BYTES));
    }
    levels
}

#[test]
fn level_0_goes_to_the_base_level_when_it_has_too_many_tables_and_not_before() {
    let few = levels(&[(0, 1..=9), (0, 1..=9), (6, 1..=9)]);
    assert_eq!(choose(&few, &[]), None);
    let many = levels(&[(0, 1..=9), (0, 1..=9), (0, 1..=9), (6, 5..=9), (6, 10..=11)]);
    let choice = choose(&many, &[]).expect("a choice");
    assert_eq!(choice.inputs, [(0, 0..1), (0, 1..2), (0, 2..3), (6, 0..1)]);
    assert_eq!((choice.output_level, choice.is_bottom), (6, true));
    assert!(!choice.is_move);
}

#[test]
fn of_level_0_all_goes_along_that_hangs_together_and_no_more() {
    let tables = [(0, 1..=3), (0, 7..=9), (0, 5..=6), (0, 3..=5), (6, 6..=7)];
    let choice = choose(&levels(&tables), &[]).expect("a choice");
    assert_eq!(choice.inputs, [(0, 0..1), (0, 2..3), (0, 3..4), (6, 0..1)]);
}

#[test]
fn what_overlaps_nothing_goes_down_as_it_is() {
    let mut alone = levels(&[(0, 7..=8), (0, 5..=6), (0, 1..=2), (1, 3..=4)]);
    alone[6] = vec![table(9..=9, u64::MAX / 4)];
    let busy = claim(1..=2, 3..=4);
    let choice = choose(&alone, &[busy]).expect("a choice");
    assert_eq!(choice.inputs, [(0, 2..3)]);
    assert!(choice.is_move && choice.is_bottom && choice.output_level == 1);
    // The last level is compressed in another way.
    alone[6][0].bytes = TABLE_BYTES;
    let choice = choose(&alone, &[claim(1..=2, 3..=4)]).expect("a choice");
    assert!(!choice.is_move && choice.output_level == 6);

    // Much lies right below the level to which it goes: it would have to be cut for that.
    let mut crowded = levels(&[(0, 210..=211), (0, 220..=221), (0, 1..=200)]);
    crowded[6] = vec![table(250..=250, 3000 * TABLE_BYTES)];
    crowded[2] = (1..=100).map(|n| table(n..=n, TABLE_BYTES)).collect();
    let busy = claim(2..=3, 0..=255);
    let choice = choose(&crowded, std::slice::from_ref(&busy)).expect("a choice");
    assert_eq!(
        (choice.output_level, &choice.inputs[..]),
        (1, &[(0, 2..3)][..])
    );
    assert!(!choice.is_move && !choice.is_bottom);
    crowded[2].truncate(10);
    assert!(choose(&crowded, &[busy]).expect("a choice").is_move);
}

#[test]
fn the_fullest_level_gives_what_costs_least() {
    let mut tables = Levels::default();
    tables[5] = [1..=2, 3..=4, 5..=6, 7..=8, 9..=9]
        .map(|keys| table(keys, 3 * TABLE_BYTES / 2))
        .to_vec();
    tables[6] = [1..=1, 2..=2, 3..=3, 5..=5, 6..=6, 7..=7, 8..=8, 9..=9]
        .map(|keys| table(keys, 2 * TABLE_BYTES))
        .to_vec();
    let choice = choose(&tables, &[]).expect("level 5 is too large");
    assert_eq!(choice.inputs, [(5, 1..2), (6, 2..3)]);
    assert_eq!((choice.output_level, choice.is_bottom), (6, true));
    // With that under way the next best is chosen.
    let next = choose(&tables, &[choice.claim]).expect("still too large");
    assert_eq!(next.inputs, [(5, 4..5), (6, 7..8)]);
}

#[test]
fn levels_come_into_use_from_below_as_there_is_more() {
    let base = |last: u64| {
        let mut tables = Levels::default();
        tables[6] = vec![table(1..=9, last)];
        let targets = Targets::of(&shape(&tables), &options());
        assert!(
            targets.bytes[1..targets.base]
                .iter()
                .all(|bytes| *bytes == 0)
        );
        targets.base
    };
    assert_eq!([0, 8_000].map(base), [6, 6]);
    assert_eq!([8_001, 24_000].map(base), [5, 5]);
    assert_eq!([24_100, 72_000].map(base), [4, 4]);
    assert_eq!(base(u64::MAX), 1);
}

#[test]
fn level_0_is_not_kept_waiting_by_what_goes_on_below() {
    let mut tables = levels(&[(0, 1..=2), (0, 1..=2), (0, 1..=2)]);
    tables[5] = (10..30).map(|n| table(n..=n, 4 * TABLE_BYTES)).collect();
    tables[6] = (10..30).map(|n| table(n..=n, 9 * TABLE_BYTES)).collect();
    let deep = [claim(4..=5, 10..=10), claim(5..=6, 11..=11)];
    let choice = choose(&tables, &deep).expect("level 0 may go");
    assert_eq!(*choice.claim.levels.start(), 0);
    tables[0].clear();
    assert_eq!(choose(&tables, &deep), None);
    assert!(choose(&tables, &deep[..1]).is_some());
}

#[test]
fn a_table_full_of_what_nobody_sees_is_rewritten_in_its_place() {
    let mut tables = levels(&[(6, 1..=2), (6, 3..=4)]);
    tables[6][1].properties.keys = 5;
    let choice = choose(&tables, &[]).expect("a choice");
    assert_eq!(choice.inputs, [(6, 1..2)]);
    assert!(choice.is_bottom && !choice.is_move && choice.output_level == 6);
    tables[6][1].properties.seq_max = 6;
    assert_eq!(choose(&tables, &[]), None, "somebody may look");
    tables[6][0].properties.tombstones = 5;
    assert!(choose(&tables, &[]).is_some());
}

#[test]
fn a_large_compaction_is_cut_into_parts_of_about_the_same_size() {
    let tables = levels(&[
        (0, 1..=9),
        (0, 1..=9),
        (0, 1..=9),
        (6, 1..=2),
        (6, 3..=4),
        (6, 5..=6),
        (6, 7..=8),
    ]);
    let choice = choose(&tables, &[]).expect("a choice");
    let starts = |parts: usize, bytes: u64| -> Vec<u8> {
        let parts = split(&shape(&tables), &choice, parts, bytes);
        assert_eq!(
            (&parts[0].start, &parts[parts.len() - 1].end),
            (&None, &None)
        );
        let meet = |pair: &[Part]| pair[0].end == pair[1].start;
        assert!(parts.windows(2).all(meet), "{parts:?}");
        parts[1..]
            .iter()
            .map(|part| part.start.as_ref().expect("a start")[0])
            .collect()
    };
    assert!(starts(1, 1).is_empty());
    assert!(starts(9, 10 * TABLE_BYTES).is_empty());
    assert_eq!(starts(2, TABLE_BYTES), [3]);
    assert_eq!(starts(3, TABLE_BYTES), [3, 5]);
    assert_eq!(starts(3, 3 * TABLE_BYTES), [3]);
}

/// Any tables that can be in a database.
fn any_levels() -> impl Strategy<Value = Levels> {
    let size = prop_oneof![Just(TABLE_BYTES), 1_u64..20_000];
    let level0 = vec((0_u8..60, 0_u8..9, size.clone()), 0..8);
    let below = vec(vec((1_u8..6, 0_u8..5, size, 0_u8..4), 0..12), LEVELS - 1);
    (level0, below).prop_map(|(level0, below)| {
        let mut levels = Levels::default();
        levels[0] = level0
            .into_iter()
            .map(|(from, length, bytes)| table(from..=from + length, bytes))
            .collect();
        for (level, tables) in (1..).zip(below) {
            let mut next = 0;
            for (gap, length, bytes, waste) in tables {
                let mut table = table(next + gap..=next + gap + length, bytes);
                table.properties.tombstones = if waste == 1 { 9 } else { 0 };
                table.properties.range_tombstones = if waste == 2 { 9 } else { 0 };
                next += gap + length;
                levels[level].push(table);
            }
        }
        levels
    })
}

fn overlap(a: &TableInfo, b: &TableInfo) -> bool {
    a.properties.smallest < b.properties.end && b.properties.smallest < a.properties.end
}

/// The tables that are chosen, each with its level.
fn chosen<'a>(levels: &'a Levels, choice: &Choice) -> Vec<(usize, &'a TableInfo)> {
    let inputs = choice.inputs.iter();
    inputs
        .flat_map(|(level, tables)| levels[*level][tables.clone()].iter().map(|t| (*level, t)))
        .collect()
}

/// What `mod.rs` promises of a choice, table by table.
fn check(levels: &Levels, choice: &Choice, running: &[Claim]) {
    let inputs = chosen(levels, choice);
    let is_input = |table: &TableInfo| inputs.iter().any(|(_, input)| std::ptr::eq(*input, table));
    let top = *choice.claim.levels.start();
    let is_merged = |table: &TableInfo| {
        choice.claim.smallest < table.properties.end && table.properties.smallest < choice.claim.end
    };
    assert!(inputs.iter().all(|(_, input)| is_merged(input)));
    for table in levels[0].iter().filter(|table| !is_input(table)) {
        let meets = |(level, input): &(usize, &TableInfo)| *level == 0 && overlap(input, table);
        assert!(!inputs.iter().any(meets), "a part of level 0 stays behind");
    }
    for between in levels.iter().take(choice.output_level).skip(top + 1) {
        for (_, input) in inputs.iter().filter(|(level, _)| *level == top) {
            let passes = between.iter().any(|table| overlap(table, input));
            assert!(!passes, "it goes past a level that has its keys");
        }
    }
    if top != choice.output_level {
        let mut target = levels[choice.output_level].iter();
        let is_left = |table: &TableInfo| is_merged(table) && !is_input(table);
        assert!(!target.any(is_left), "the outputs overlap what stays");
    }
    let below = levels[choice.output_level + 1..].iter().flatten();
    assert_eq!(choice.is_bottom, !below.clone().any(is_merged));
    assert!(!choice.is_move || inputs.len() == 1 && choice.output_level > top);
    for other in running {
        let levels = choice.claim.levels.clone();
        let same_level = levels.clone().any(|level| other.levels.contains(&level));
        let same_key = choice.claim.smallest < other.end && other.smallest < choice.claim.end;
        assert!(!(same_level && same_key), "two at the same tables");
    }
}

/// What a choice leaves: its inputs are one table of their keys where it goes.
fn perform(levels: &mut Levels, choice: &Choice) {
    let bytes = chosen(levels, choice).iter().map(|(_, t)| t.bytes).sum();
    let inputs = chosen(levels, choice);
    let ranges = inputs.iter().map(|(_, t)| t.properties.range_tombstones);
    let ranges = ranges.sum::<u64>() * u64::from(!choice.is_bottom || choice.is_move);
    for (level, tables) in choice.inputs.iter().rev() {
        levels[*level].drain(tables.clone());
    }
    let (smallest, largest) = (choice.claim.smallest[0], choice.claim.end[0]);
    let output = &mut levels[choice.output_level];
    let mut merged = table(smallest..=largest, bytes);
    merged.properties.range_tombstones = ranges;
    output.push(merged);
    output.sort_by_key(|table| table.properties.smallest.clone());
}

proptest! {
    #[test]
    fn every_choice_keeps_the_order_of_versions(levels in any_levels()) {
        let mut running = Vec::new();
        while let Some(choice) = choose(&levels, &running) {
            check(&levels, &choice, &running);
            running.push(choice.claim);
        }
        let below = running.iter().filter(|claim| *claim.levels.start() > 0);
        prop_assert!(below.count() <= 2, "{running:?}");
    }

    #[test]
    fn one_choice_after_another_comes_to_an_end(mut levels in any_levels()) {
        let mut count = 0;
        while let Some(choice) = choose(&levels, &[]) {
            check(&levels, &choice, &[]);
            perform(&mut levels, &choice);
            count += 1;
            prop_assert!(count < 1000, "it goes on and on");
        }
        prop_assert!(levels[0].len() <= 2);
    }
}

#[test]
fn a_table_of_range_tombstones_sinks_to_what_it_hides_once_nobody_can_see_that() {
    let mut tables = levels(&[(0, 1..=9), (6, 2..=3)]);
    assert_eq!(choose(&tables, &[]), None);
    tables[0][0].properties.range_tombstones = 9;
    let choice = choose(&tables, &[]).expect("space to win");
    assert_eq!(choice.inputs, [(0, 0..1), (6, 0..1)]);
    assert_eq!((choice.output_level, choice.is_bottom), (6, true));
    tables[0][0].properties.seq_max = 6;
    assert_eq!(choose(&tables, &[]), None);
    assert_eq!(next_sweep(&shape(&tables), 5), 6);
    // It also sinks from the levels between.
    tables[0][0].properties.seq_max = 5;
    tables[3] = std::mem::take(&mut tables[0]);
    let choice = choose(&tables, &[]).expect("space to win");
    assert_eq!(
        (&choice.inputs[..], choice.output_level),
        (&[(3, 0..1)][..], 4)
    );
}
