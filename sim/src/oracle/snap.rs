//! SNAP: a scan, and a read of the past, show one point of history: all that was written up to the revision
//! in the answer, and nothing that came later (snapshot reads; thesis §6.4 for the latest ones).
//!
//! Every answer to a read is compared with the [`Truth`] at its revision, key by key, with all that is known
//! of a key besides its value.

use std::collections::BTreeMap;

use bytes::Bytes;
use sisyphus::{
    machine::{KeyValue, Page, Query},
    types::{NodeId, Revision},
};

use super::{Violation, truth::Truth};
use crate::trace::{of_keys, of_kv};

/// `node` answered `query` with `page`, and says that the store was at `revision`.
pub fn check_page(
    truth: &Truth,
    node: NodeId,
    query: &Query,
    revision: Revision,
    page: &Page,
) -> Result<(), Violation> {
    let at = match query.revision {
        0 => revision,
        asked => asked,
    };
    if at > truth.latest() {
        let what = format!(
            "{node} shows revision {at}, and nobody has come further than {}",
            truth.latest()
        );
        return Err(Violation::new("SNAP", what));
    }
    let expected = truth.page(query, at);
    if expected == *page {
        return Ok(());
    }
    let what = format!(
        "{node} shows of {} at revision {at}: {}",
        of_keys(&query.keys),
        difference(&expected, page)
    );
    Err(Violation::new("SNAP", what))
}

/// The first key that differs, in words.
fn difference(expected: &Page, page: &Page) -> String {
    let (right, found) = (by_key(expected), by_key(page));
    let mut keys: Vec<&Bytes> = right.keys().chain(found.keys()).copied().collect();
    keys.sort();
    let differs = |key: &&&Bytes| right.get(**key) != found.get(**key);
    match keys.iter().find(differs) {
        Some(key) => {
            let [found, right] = [&found, &right].map(|kvs| told(kvs.get(*key).copied()));
            format!("{found} where {right} should be")
        }
        None => format!(
            "{} keys, more: {}, where {} keys, more: {} should be",
            page.count, page.more, expected.count, expected.more
        ),
    }
}

fn by_key(page: &Page) -> BTreeMap<&Bytes, &KeyValue> {
    page.kvs.iter().map(|kv| (&kv.key, kv)).collect()
}

fn told(kv: Option<&KeyValue>) -> String {
    kv.map_or("nothing".to_owned(), of_kv)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::truth::tests::{all, put, truth};

    #[test]
    fn a_page_that_mixes_two_revisions_is_seen() {
        let truth = truth(&[
            (None, put("a", "1")),
            (None, put("b", "2")),
            (None, put("a", "3")),
        ]);
        let check = |revision, page: &Page| check_page(&truth, NodeId(1), &all(), revision, page);
        let (old, new) = (truth.page(&all(), 3), truth.page(&all(), 4));
        assert_eq!(check(3, &old), Ok(()));
        assert_eq!(check(4, &new), Ok(()));
        let mut mixed = old.clone();
        mixed.kvs[0] = new.kvs[0].clone();
        for revision in [3, 4] {
            mixed.count = 1;
            assert!(check(revision, &mixed).is_err());
        }
        assert!(check(4, &old).is_err(), "a value of the past");
        assert!(check(5, &new).is_err(), "a revision that nobody made");
    }

    #[test]
    fn a_read_of_the_past_shows_the_past() {
        let truth = truth(&[(None, put("a", "1")), (None, put("a", "2"))]);
        let query = Query {
            revision: 2,
            ..all()
        };
        let (past, now) = (truth.page(&all(), 2), truth.page(&all(), 3));
        assert_eq!(check_page(&truth, NodeId(1), &query, 3, &past), Ok(()));
        assert!(check_page(&truth, NodeId(1), &query, 3, &now).is_err());
    }
}
