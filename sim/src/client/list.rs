//! Append lists: keys that hold all that was ever appended to them, in order. A client appends by swapping what
//! it has last seen for the same and one more. So a list tells its whole past: what was
//! acknowledged stands in it, once, and of two looks at a list one is a beginning of the other.

use std::collections::BTreeMap;

use bytes::Bytes;
use sisyphus::{
    history::{Call, Outcome},
    types::Revision,
};

use super::{
    call::{asked, outcome},
    part::{Part, Step, Turn},
};
use crate::oracle::{
    Violation,
    asked::{Answer, Asked, Freshness},
};

/// Lists are not made longer than this, in bytes: then they are only read.
const LIST_BYTES_MAX: usize = 1_000;

/// What stands between two elements.
const SEPARATOR: u8 = b' ';

/// The lists, as one client knows them.
pub(super) struct Lists {
    count: u64,
    known: BTreeMap<Bytes, List>,
}

/// One list.
#[derive(Default)]
struct List {
    /// The latest look at it, with the store's revision then.
    latest: (Revision, Option<Bytes>),
    /// What this client was told it has appended.
    appended: Vec<Bytes>,
    /// Somebody has appended since: it has to be read before the next try.
    is_old: bool,
}

impl Lists {
    /// So many lists.
    pub fn new(count: u64) -> Self {
        Lists {
            count,
            known: BTreeMap::new(),
        }
    }
}

impl Part for Lists {
    fn next(&mut self, turn: &mut Turn) -> Step {
        let key = Bytes::from(format!("l{}", turn.rng.below(self.count)));
        let known = self.known.get(&key);
        let latest = known.and_then(|list| list.latest.1.clone());
        let is_long = latest
            .as_ref()
            .is_some_and(|list| list.len() > LIST_BYTES_MAX);
        let is_old = known.is_none_or(|list| list.is_old);
        if is_long || is_old || turn.rng.chance(0.2) {
            let call = Call::Get { key };
            let mut asked = asked(&call);
            if let Asked::Read { freshness, .. } = &mut asked {
                *freshness = turn.freshness;
            }
            let call = Some(call).filter(|_| turn.freshness == Freshness::Linearizable);
            return Step { asked, call };
        }
        let call = Call::CompareAndSet {
            key,
            new: longer(latest.as_ref(), &turn.tag),
            expected: latest,
        };
        Step {
            asked: asked(&call),
            call: Some(call),
        }
    }

    fn learn(&mut self, step: &Step, answer: &Answer) -> Result<(), Violation> {
        match (&step.call, &step.asked) {
            (Some(call @ Call::CompareAndSet { key, expected, new }), _) => {
                let list = self.known.entry(key.clone()).or_default();
                let Outcome::CompareAndSet {
                    succeeded,
                    revision,
                } = outcome(call, answer)
                else {
                    unreachable!("an answer is of its call's kind");
                };
                if !succeeded {
                    list.is_old = true;
                    return Ok(());
                }
                let from = expected.as_ref().map_or(0, Bytes::len);
                list.appended.push(new.slice(from..));
                list.look(revision.unwrap_or(0), Some(new.clone()))
            }
            (_, Asked::Read { query, .. }) => {
                let Answer::Read { page, revision, .. } = answer else {
                    unreachable!("a read is answered by a page");
                };
                let list = self.known.entry(query.keys.start.clone()).or_default();
                list.look(*revision, page.kvs.first().map(|kv| kv.value.clone()))
            }
            _ => Ok(()),
        }
    }
}

impl List {
    /// Another look at the list, perhaps at its past.
    fn look(&mut self, revision: Revision, found: Option<Bytes>) -> Result<(), Violation> {
        let (known_at, known) = &self.latest;
        let (older, newer) = match revision >= *known_at {
            true => (known.as_ref(), found.as_ref()),
            false => (found.as_ref(), known.as_ref()),
        };
        let bytes = |list: Option<&Bytes>| list.cloned().unwrap_or_default();
        let (older, newer) = (bytes(older), bytes(newer));
        if !newer.starts_with(&older) {
            let (older, newer) = (older.escape_ascii(), newer.escape_ascii());
            let what =
                format!("a list was \"{older}\" and later \"{newer}\" (revision {revision})");
            return Err(Violation::new("XO", what));
        }
        if revision >= *known_at {
            self.latest = (revision, found);
            self.is_old = false;
            self.complete()?;
        }
        Ok(())
    }

    /// Everything that this client appended is there, once.
    fn complete(&self) -> Result<(), Violation> {
        let list = self.latest.1.clone().unwrap_or_default();
        let elements = || list.split(|byte| *byte == SEPARATOR);
        for mine in &self.appended {
            let mine = mine.trim_ascii();
            let count = elements().filter(|element| *element == mine).count();
            if count != 1 {
                let (mine, list) = (mine.escape_ascii(), list.escape_ascii());
                let what =
                    format!("\"{mine}\" was appended once and is {count} times in \"{list}\"");
                return Err(Violation::new("XO", what));
            }
        }
        Ok(())
    }
}

fn longer(list: Option<&Bytes>, element: &str) -> Bytes {
    let mut bytes = list.map(|list| list.to_vec()).unwrap_or_default();
    if !bytes.is_empty() {
        bytes.push(SEPARATOR);
    }
    bytes.extend_from_slice(element.as_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(list: &mut List, revision: Revision, found: &'static str) -> bool {
        list.look(revision, Some(Bytes::from(found))).is_ok()
    }

    #[test]
    fn a_list_that_forgets_or_repeats_is_seen() {
        let mut list = List::default();
        list.appended.push(Bytes::from(" 1.2"));
        assert!(look(&mut list, 5, "1.1 1.2"));
        assert!(look(&mut list, 4, "1.1"), "an old look");
        assert!(!look(&mut list, 4, "1.3"), "another past");
        assert!(!look(&mut list, 6, "1.1"), "shorter than before");
        assert!(look(&mut list, 7, "1.1 1.2 2.1"));
        assert!(!look(&mut list, 8, "1.1 1.2 2.1 1.2"), "twice");
    }
}
