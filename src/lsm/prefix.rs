//! All keys that begin alike.

use std::ops::Bound;

/// The bounds of all keys that begin with `prefix`, for [`Db::range`](super::Db::range). The empty
/// prefix is that of every key.
pub fn prefix_bounds(prefix: &[u8]) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let start = match prefix {
        [] => Bound::Unbounded,
        _ => Bound::Included(prefix.to_vec()),
    };
    // The first key behind all of them: the last byte that can grow grows, and what follows it goes.
    // Behind 0xff bytes alone there is nothing.
    let grows = prefix.iter().rposition(|byte| *byte < u8::MAX);
    let end = grows.map_or(Bound::Unbounded, |last| {
        let mut end = prefix[..=last].to_vec();
        end[last] += 1;
        Bound::Excluded(end)
    });
    (start, end)
}

#[cfg(test)]
mod tests {
    use std::ops::RangeBounds;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn contains(prefix: &[u8], key: &[u8]) -> bool {
        let (start, end) = prefix_bounds(prefix);
        let bounds = (
            start.as_ref().map(Vec::as_slice),
            end.as_ref().map(Vec::as_slice),
        );
        <_ as RangeBounds<[u8]>>::contains(&bounds, key)
    }

    proptest! {
        #[test]
        fn they_hold_the_keys_that_begin_with_it_and_no_others(
            prefix in vec(prop_oneof![Just(0_u8), Just(0xfe), Just(0xff)], 0..4),
            key in vec(prop_oneof![Just(0_u8), Just(0xfe), Just(0xff)], 0..6),
        ) {
            prop_assert_eq!(contains(&prefix, &key), key.starts_with(&prefix));
            let longer = [&prefix[..], &key].concat();
            prop_assert!(contains(&prefix, &longer));
        }
    }

    #[test]
    fn behind_0xff_there_is_no_end() {
        assert_eq!(prefix_bounds(b""), (Bound::Unbounded, Bound::Unbounded));
        let open = (Bound::Included(vec![0xff; 2]), Bound::Unbounded);
        assert_eq!(prefix_bounds(&[0xff; 2]), open);
        let end = Bound::Excluded(b"b".to_vec());
        assert_eq!(prefix_bounds(b"a\xff\xff").1, end);
    }
}
