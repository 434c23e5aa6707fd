//! Fragments against a list of all tombstones.

use std::sync::Arc;

use proptest::{collection::vec, option, prelude::*};

use super::{super::entry::Seq, *};

/// The dumb twin: every tombstone as it was written.
type Written = Vec<(Vec<u8>, Vec<u8>, Seq)>;

/// Keys are short, so that ranges touch, nest and repeat.
fn key() -> impl Strategy<Value = Vec<u8>> {
    "[a-d]{0,2}".prop_map(String::into_bytes)
}

fn written(most: usize) -> impl Strategy<Value = Written> {
    let range = (key(), key(), 1_u64..12);
    let range = range.prop_filter_map("a range", |(start, end, seq)| {
        (start < end).then_some((start, end, seq))
    });
    vec(range, 0..most)
}

fn set(written: &Written) -> RangeTombstones {
    let ones: Vec<_> = written
        .iter()
        .map(|(start, end, seq)| RangeTombstones::one(start, end, *seq))
        .collect();
    RangeTombstones::merge(&ones)
}

/// The numbers that cover a key, descending.
fn covering(written: &Written, key: &[u8]) -> Vec<Seq> {
    let covers = |(start, end, _): &&(Vec<u8>, Vec<u8>, Seq)| &start[..] <= key && key < &end[..];
    let mut seqs: Vec<_> = written.iter().filter(covers).map(|range| range.2).collect();
    seqs.sort_by_key(|seq| std::cmp::Reverse(*seq));
    seqs.dedup();
    seqs
}

fn newest(seqs: &[Seq], at: Seq) -> Option<Seq> {
    seqs.iter().copied().find(|seq| *seq <= at)
}

/// Every key that can make a difference, and some between.
fn probes() -> Vec<Vec<u8>> {
    let letters = ["", "a", "b", "c", "d", "e"];
    let pairs = letters
        .iter()
        .flat_map(|a| letters.iter().map(move |b| [a, b]));
    let keys = pairs.flat_map(|[a, b]| [format!("{a}{b}"), format!("{a}{b}x")]);
    keys.map(String::into_bytes).collect()
}

fn assert_well_formed(set: &RangeTombstones) {
    for fragment in set.fragments() {
        assert!(fragment.start < fragment.end && !fragment.seqs.is_empty());
        assert!(fragment.seqs.is_sorted_by(|a, b| a > b));
    }
    for pair in set.fragments().windows(2) {
        assert!(pair[0].end <= pair[1].start, "{set:?}");
        assert!(pair[0].end < pair[1].start || pair[0].seqs != pair[1].seqs);
    }
}

proptest! {
    #[test]
    fn a_key_is_covered_by_what_was_written_over_it(written in written(12)) {
        let set = set(&written);
        assert_well_formed(&set);
        for key in probes() {
            let seqs = covering(&written, &key);
            for at in 0..13 {
                prop_assert_eq!(set.newest(&key, at), newest(&seqs, at));
            }
            let stretch = set.stretch(&key);
            prop_assert!(stretch.contains(&key));
            prop_assert_eq!(&stretch.seqs, &seqs);
            for other in probes().iter().filter(|other| stretch.contains(other)) {
                prop_assert_eq!(&covering(&written, other), &seqs);
            }
            for seq in 0..13 {
                let above = seqs.iter().copied().filter(|number| *number > seq).min();
                prop_assert_eq!(stretch.oldest_above(seq), above);
            }
        }
    }

    #[test]
    fn sets_merge_into_the_set_of_everything(parts in vec(written(6), 0..6)) {
        let sets: Vec<_> = parts.iter().map(set).collect();
        let merged = RangeTombstones::merge(&sets);
        prop_assert_eq!(&merged, &set(&parts.concat()));
        for key in probes() {
            let mut stretch = Stretch::bare();
            sets.iter().for_each(|set| stretch.meet(set.stretch(&key)));
            prop_assert!(stretch.contains(&key));
            prop_assert_eq!(&stretch.seqs, &covering(&parts.concat(), &key));
            for other in probes().iter().filter(|other| stretch.contains(other)) {
                prop_assert_eq!(&covering(&parts.concat(), other), &stretch.seqs);
            }
        }
    }

    #[test]
    fn a_clip_says_the_same_inside_and_nothing_outside(
        written in written(12),
        start in key(),
        end in option::of(key()),
    ) {
        let clip = set(&written).clip(&start, end.as_deref());
        assert_well_formed(&clip);
        for key in probes() {
            let is_inside = start <= key && end.as_ref().is_none_or(|end| key < *end);
            let expected = if is_inside { covering(&written, &key) } else { Vec::new() };
            prop_assert_eq!(clip.stretch(&key).seqs, expected);
        }
    }

    #[test]
    fn no_reader_at_the_floor_or_above_notices_that_numbers_are_gone(
        written in written(12),
        floor in 0_u64..13,
    ) {
        let thinned = set(&written).thin(floor, false);
        let emptied = set(&written).thin(floor, true);
        assert_well_formed(&thinned);
        assert_well_formed(&emptied);
        for key in probes() {
            let seqs = covering(&written, &key);
            for at in floor..13 {
                prop_assert_eq!(thinned.newest(&key, at), newest(&seqs, at));
                let above = newest(&seqs, at).filter(|seq| *seq > floor);
                prop_assert_eq!(emptied.newest(&key, at), above);
            }
            let kept = thinned.stretch(&key).seqs;
            prop_assert!(kept.iter().filter(|seq| **seq <= floor).count() <= 1);
        }
    }

    #[test]
    fn a_memtable_covers_what_was_written_so_far(written in written(40)) {
        let memory = MemoryTombstones::default();
        prop_assert!(memory.is_empty() && memory.sets().is_empty());
        for count in 1..=written.len() {
            let (start, end, seq) = &written[count - 1];
            memory.insert(start, end, *seq);
            let sets = memory.sets();
            prop_assert!(sets.len() <= 1 + count.ilog2() as usize, "{} lists", sets.len());
            prop_assert_eq!(memory.bytes(), sets.iter().map(|set| set.bytes()).sum::<usize>());
        }
        let merged = RangeTombstones::merge(memory.sets().iter().map(Arc::as_ref));
        prop_assert_eq!(merged, set(&written));
        for key in probes() {
            let seqs = covering(&written, &key);
            for at in 0..13 {
                prop_assert_eq!(memory.newest(&key, at), newest(&seqs, at));
            }
        }
    }
}

#[test]
fn what_is_not_a_fragment_behind_the_others_is_refused() {
    let fragment = |start: &'static str, end: &'static str, seqs: &[Seq]| Fragment {
        start: start.into(),
        end: end.into(),
        seqs: seqs.to_vec(),
    };
    let mut set = RangeTombstones::default();
    assert!(set.push(fragment("b", "d", &[3, 1])));
    for refused in [
        fragment("e", "e", &[1]),
        fragment("f", "e", &[1]),
        fragment("e", "f", &[]),
        fragment("e", "f", &[1, 3]),
        fragment("e", "f", &[1, 1]),
        fragment("c", "f", &[1]),
    ] {
        assert!(!set.push(refused.clone()), "{refused:?}");
    }
    assert!(set.push(fragment("d", "e", &[3, 1])));
    assert_eq!(set.fragments(), [fragment("b", "e", &[3, 1])]);
}
