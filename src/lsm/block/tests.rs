//! Blocks against a sorted list of versions.

use std::{cmp::Reverse, collections::BTreeMap};

use bytes::Bytes;
use proptest::{collection::btree_map, option, prelude::*};

use super::{
    super::entry::{Entry, Seq},
    *,
};

type Versions = BTreeMap<(Vec<u8>, Reverse<Seq>), Option<Vec<u8>>>;

/// A version as a map gives it.
type Version<'a> = (&'a (Vec<u8>, Reverse<Seq>), &'a Option<Vec<u8>>);

/// A version as it is compared.
type Listed = (Vec<u8>, Seq, Option<Vec<u8>>);

fn listed<'a>(versions: impl Iterator<Item = Version<'a>>) -> Vec<Listed> {
    versions
        .map(|((key, seq), value)| (key.clone(), seq.0, value.clone()))
        .collect()
}

fn build(versions: &Versions, restart_interval: usize) -> Bytes {
    let mut builder = BlockBuilder::new(restart_interval);
    for ((key, seq), value) in versions {
        let (seq, value) = (seq.0, value.as_deref());
        builder.add(Entry { key, seq, value });
    }
    let (mut out, length) = (Vec::new(), builder.len());
    builder.finish(&mut out);
    assert_eq!(out.len(), length);
    out.into()
}

/// The entries from the cursor's on, until the end or an error.
fn rest(mut cursor: BlockCursor) -> Vec<Listed> {
    let mut rest = Vec::new();
    while let Some(entry) = cursor.entry() {
        let value = cursor.value().map(|value| value.to_vec());
        assert_eq!(value.as_deref(), entry.value);
        rest.push((entry.key.to_vec(), entry.seq, value));
        if cursor.advance().is_err() {
            break;
        }
    }
    assert!(cursor.entry().is_none() && cursor.value().is_none());
    rest
}

/// The entries from the cursor's on towards the first, until the beginning or an error.
fn rest_back(mut cursor: BlockBackCursor) -> Vec<Listed> {
    let mut rest = Vec::new();
    while let Some(entry) = cursor.entry() {
        let value = cursor.value().map(|value| value.to_vec());
        assert_eq!(value.as_deref(), entry.value);
        rest.push((entry.key.to_vec(), entry.seq, value));
        if cursor.retreat().is_err() {
            break;
        }
    }
    rest
}

proptest! {
    #[test]
    fn a_search_ends_at_the_first_version_behind_the_target(
        versions in btree_map(
            ("[ab]{0,5}".prop_map(String::into_bytes), (0_u64..9).prop_map(Reverse)),
            option::of(prop::collection::vec(any::<u8>(), 0..9)),
            1..60,
        ),
        restart_interval in 1_usize..20,
        probes in prop::collection::vec(("[abc]{0,6}", 0_u64..10, any::<bool>()), 20),
        prefix in "[ab]{0,6}",
    ) {
        // All keys begin alike; those that are looked for may, or not.
        let prefixed = |key: &[u8]| [prefix.as_bytes(), key].concat();
        let versions: Versions = versions
            .into_iter()
            .map(|((key, seq), value)| ((prefixed(&key), seq), value))
            .collect();
        let block = Block::new(build(&versions, restart_interval)).expect("a block");
        let all = listed(versions.iter().rev());
        let last = BlockBackCursor::last(block.clone()).expect("a cursor");
        prop_assert_eq!(rest_back(last), all);
        // One cursor for all searches: none may leave anything to the next.
        let mut cursor = BlockCursor::new(block.clone());
        for (key, seq, is_alike) in probes {
            let key = if is_alike { prefixed(key.as_bytes()) } else { key.into_bytes() };
            let target = (key.clone(), Reverse(seq));
            cursor.seek(&key, seq).expect("a search");
            let expected = listed(versions.range(target.clone()..));
            prop_assert_eq!(rest(cursor.clone()), expected.clone());
            let found = block.find(&key, seq).expect("a search");
            let found = found.map(|(seq, value)| (seq, value.map(|value| value.to_vec())));
            let first = expected.into_iter().next().filter(|entry| entry.0 == key);
            prop_assert_eq!(found, first.map(|(_, seq, value)| (seq, value)));
            let before = BlockBackCursor::before(block.clone(), &key, seq).expect("a search");
            let expected = listed(versions.range(..target).rev());
            prop_assert_eq!(rest_back(before), expected);
        }
    }

    #[test]
    fn any_payload_is_read_or_refused(payload: Vec<u8>, restarts in 0_u32..4,
        common in prop_oneof![0_u32..4, any::<u32>()],
        key: Vec<u8>,
    ) {
        let end = [common, restarts].map(u32::to_le_bytes).concat();
        let ends = [payload.clone(), [&payload[..], &end].concat()];
        for payload in ends {
            let Ok(block) = Block::new(payload.into()) else {
                continue;
            };
            let _ = block.find(&key, 7);
            for back in [
                BlockBackCursor::last(block.clone()),
                BlockBackCursor::before(block.clone(), &key, 7),
            ] {
                let _ = back.map(rest_back);
            }
            let mut cursor = BlockCursor::new(block);
            if cursor.advance().is_ok() {
                rest(cursor.clone());
            }
            if cursor.seek(&key, 7).is_ok() {
                rest(cursor);
            }
        }
    }
}
