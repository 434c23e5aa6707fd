//! What to merge next: a pure function of the present version.

use std::ops::Range;

use super::{
    options::Options,
    version::{LEVELS, Version},
};

/// Tables to merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Which tables of which level, from new to old.
    pub(super) inputs: Vec<(usize, Range<usize>)>,
    /// Where what comes of them belongs.
    pub(super) output_level: usize,
    /// Nothing older exists of any key that is merged: tombstones have done their duty.
    pub(super) is_bottom: bool,
}

/// The most urgent merge, if there is any: level 0 into level 1 when it has too many tables.
pub(super) fn pick(version: &Version, options: &Options) -> Option<Choice> {
    let level0 = version.level(0);
    if level0.len() <= options.level0_tables_max {
        return None;
    }
    // All of level 0, since its tables overlap: a version that went down while an older one of
    // the same key stayed would be found too late.
    let smallest = level0
        .iter()
        .map(|table| &table.info().properties.smallest)
        .min()?;
    let largest = level0
        .iter()
        .map(|table| &table.info().properties.largest)
        .max()?;
    let below = version.overlap(1, smallest, largest);
    Some(Choice {
        inputs: vec![(0, 0..level0.len()), (1, below)],
        output_level: 1,
        // Everything older than level 0 lies in the tables of level 1 that are merged along.
        is_bottom: 1 == LEVELS - 1,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{
        super::{
            entry::Entry, files::Files, garbage::Garbage, garbage::LiveTable, outputs::Outputs,
        },
        *,
    };
    use crate::env::{
        MemDisk,
        task::{block_on, watch},
    };

    /// A version whose tables hold a first and a last key each, by level.
    fn version(levels: &[(usize, &str, &str)]) -> Version {
        let garbage = Arc::new(Garbage::new(watch::Sender::new(())));
        let disk = Arc::new(MemDisk::new());
        let files = Arc::new(Files::new(disk, "", Options::test_min(), 1, garbage));
        let table = |(level, smallest, largest): &(usize, &str, &str)| {
            let (level, keys) = (*level, [smallest.as_bytes(), largest.as_bytes()]);
            let files = Arc::clone(&files);
            (level, block_on(write(files, keys)))
        };
        Version::of(levels.iter().map(table).collect()).expect("a version")
    }

    async fn write(files: Arc<Files>, keys: [&[u8]; 2]) -> Arc<LiveTable> {
        let mut outputs = Outputs::new(files, 0, usize::MAX);
        for key in keys {
            let (seq, value) = (1, None);
            let added = outputs.add(Entry { key, seq, value }).await;
            added.expect("a version");
        }
        outputs.finish().await.expect("a table").remove(0)
    }

    #[test]
    fn level_0_is_merged_when_it_has_too_many_tables_and_not_before() {
        let options = Options::test_min();
        let few = version(&[(0, "a", "z"), (0, "a", "z"), (1, "a", "z")]);
        assert_eq!(pick(&few, &options), None);
        let many = version(&[(0, "a", "z"), (0, "a", "z"), (0, "a", "z"), (1, "a", "z")]);
        let choice = pick(&many, &options).expect("a choice");
        assert_eq!(choice.inputs, [(0, 0..3), (1, 0..1)]);
        assert_eq!((choice.output_level, choice.is_bottom), (1, true));
    }

    #[test]
    fn only_tables_of_level_1_with_keys_in_between_are_merged_along() {
        let level0 = [(0, "f", "g"), (0, "d", "e"), (0, "g", "i")];
        let chosen = |level1: &[(usize, &str, &str)]| {
            let version = version(&[&level0[..], level1].concat());
            let choice = pick(&version, &Options::test_min());
            choice.expect("a choice").inputs[1].clone()
        };
        let around = [
            (1, "a", "b"),
            (1, "c", "d"),
            (1, "e", "f"),
            (1, "i", "j"),
            (1, "k", "l"),
        ];
        assert_eq!(chosen(&around), (1, 1..4));
        assert_eq!(chosen(&[(1, "a", "c"), (1, "j", "k")]), (1, 1..1));
        assert_eq!(chosen(&[(1, "a", "z")]), (1, 0..1));
        assert_eq!(chosen(&[]), (1, 0..0));
    }
}
