//! The dumb twin of the store: what the applied commands come to, in maps.
//!
//! It applies each entry once, when the first replica does, and keeps every version for ever. That all
//! replicas apply the same is for SMS to see; that what they store and answer is what the commands come
//! to is for [`xo`](super::xo), [`snap`](super::snap) and [`aud`](super::aud), which compare with this.

use std::collections::BTreeMap;

use bytes::Bytes;
use sisyphus::{
    machine::{Command, KeyRange, KeyValue, Members, Page, Query, RangeEnd, Reply, Txn},
    types::{Index, LogPosition, RequestId, Revision},
};

mod txn;

/// The revision of a store that nothing was written to.
const FIRST: Revision = 1;

/// The whole past of one shard.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The revision after each entry; that of entry 1 comes first.
    revisions: Vec<Revision>,
    keys: BTreeMap<Bytes, Vec<Version>>,
    /// The transactions that changed something, by the revision that they made.
    changes: BTreeMap<Revision, Change>,
    /// What each numbered request came to the first time; none if it was refused.
    requests: BTreeMap<RequestId, Option<Reply>>,
    /// The last request of each client.
    sessions: BTreeMap<u64, u64>,
    /// Where each value was written first.
    values: BTreeMap<Bytes, Revision>,
}

/// One version of a key.
#[derive(Clone, Debug)]
struct Version {
    revision: Revision,
    /// What the key then was; none of one that was removed.
    kv: Option<KeyValue>,
}

/// A transaction that changed something.
#[derive(Clone, Debug)]
pub struct Change {
    /// What was asked.
    pub txn: Txn,
    /// Under which identity.
    pub request: Option<RequestId>,
    /// What it came to.
    pub reply: Reply,
}

impl Change {
    /// Whether this was asked, under this identity, and came to this.
    pub fn is(&self, txn: &Txn, request: Option<RequestId>, reply: &Reply) -> bool {
        self.txn == *txn && self.request == request && self.reply == *reply
    }
}

impl Truth {
    /// Takes an entry that some replica has applied. The error says what cannot be.
    pub fn apply(&mut self, at: LogPosition, data: &Bytes) -> Result<(), String> {
        let next = self.revisions.len() as Index + 1;
        if at.index < next {
            return Ok(());
        }
        if at.index > next {
            return Err(format!("{at} is applied, and nobody has applied {next}"));
        }
        let done = match Command::decode(data.clone()) {
            Ok(command) if !Members::is_command(data) => self.command(command),
            _ => Ok(()),
        };
        self.revisions.push(self.latest());
        done
    }

    fn command(&mut self, command: Command) -> Result<(), String> {
        let Command { request, txn, .. } = command;
        if let Some(request) = request {
            let last = self.sessions.get(&request.client).copied().unwrap_or(0);
            let is_lost = last == 0 && request.sequence != 1;
            if request.sequence <= last || is_lost {
                self.requests.entry(request).or_insert(None);
                return Ok(());
            }
            self.sessions.insert(request.client, request.sequence);
        }
        let (changes, reply) = self.evaluate(&txn, self.latest())?;
        if let Some(request) = request {
            self.requests.insert(request, Some(reply.clone()));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let revision = reply.revision;
        let change = Change {
            txn,
            request,
            reply,
        };
        self.changes.insert(revision, change);
        let mut twice = Ok(());
        for (key, kv) in changes {
            if let Some(kv) = &kv {
                let first = *self.values.entry(kv.value.clone()).or_insert(revision);
                if first != revision {
                    let value = kv.value.escape_ascii();
                    twice = Err(format!(
                        "\"{value}\" is written at {first} and again at {revision}"
                    ));
                }
            }
            let versions = self.keys.entry(key).or_default();
            versions.push(Version { revision, kv });
        }
        twice
    }

    /// The latest revision.
    pub fn latest(&self) -> Revision {
        self.changes.keys().next_back().copied().unwrap_or(FIRST)
    }

    /// The revision after the entry at `index`, if that was applied.
    pub fn revision_after(&self, index: Index) -> Option<Revision> {
        match index {
            0 => Some(FIRST),
            _ => self.revisions.get(index as usize - 1).copied(),
        }
    }

    /// The last entry that left the store at `revision` or before.
    pub fn last_index_at(&self, revision: Revision) -> Index {
        self.revisions.partition_point(|after| *after <= revision) as Index
    }

    /// What `key` was at `at`.
    pub fn get(&self, key: &Bytes, at: Revision) -> Option<&KeyValue> {
        let versions = self.keys.get(key)?;
        let count = versions.partition_point(|version| version.revision <= at);
        versions.get(count.checked_sub(1)?)?.kv.as_ref()
    }

    /// What a read of the store as it was at `at` answers.
    pub fn page(&self, query: &Query, at: Revision) -> Page {
        let keys = self.keys.range(query.keys.start.clone()..);
        let inside = keys.take_while(|(key, _)| is_inside(key, &query.keys));
        let found = inside.filter_map(|(key, _)| self.get(key, at));
        page_of(query, found)
    }

    /// The transaction that made a revision.
    pub fn change(&self, revision: Revision) -> Option<&Change> {
        self.changes.get(&revision)
    }

    /// What a numbered request came to: `None` if it was never applied, `Some(None)` if it was refused.
    pub fn request(&self, request: RequestId) -> Option<Option<&Reply>> {
        self.requests.get(&request).map(Option::as_ref)
    }

    /// Where a value was written.
    pub fn written(&self, value: &Bytes) -> Option<Revision> {
        self.values.get(value).copied()
    }
}

fn page_of<'a>(query: &Query, found: impl Iterator<Item = &'a KeyValue>) -> Page {
    let limit = match query.limit {
        0 => u64::MAX,
        limit => limit,
    };
    let mut page = Page::default();
    for kv in found {
        page.count += 1;
        if query.count_only {
            continue;
        }
        if page.count > limit {
            page.more = true;
            continue;
        }
        let mut kv = kv.clone();
        if query.keys_only {
            kv.value = Bytes::new();
        }
        page.kvs.push(kv);
    }
    page
}

fn is_inside(key: &Bytes, keys: &KeyRange) -> bool {
    match &keys.end {
        RangeEnd::Single => *key == keys.start,
        RangeEnd::Before(end) => *key < *end && *key >= keys.start,
        RangeEnd::Unbounded => *key >= keys.start,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use sisyphus::machine::{Compare, Op, OpResult, Relation, Target};

    use super::*;

    pub fn put(key: &'static str, value: &'static str) -> Txn {
        let (key, value) = (Bytes::from(key), Bytes::from(value));
        let want_previous = false;
        Txn {
            success: vec![Op::Put {
                key,
                value,
                want_previous,
            }],
            ..Txn::default()
        }
    }

    pub fn all() -> Query {
        Query {
            keys: KeyRange {
                start: Bytes::from("a"),
                end: RangeEnd::Unbounded,
            },
            revision: 0,
            limit: 0,
            count_only: false,
            keys_only: false,
        }
    }

    /// A truth with these commands applied.
    pub fn truth(commands: &[(Option<RequestId>, Txn)]) -> Truth {
        let mut truth = Truth::default();
        for (index, (request, txn)) in (1..).zip(commands) {
            let command = Command {
                request: *request,
                proposed_ms: 0,
                txn: txn.clone(),
            };
            let at = LogPosition { term: 1, index };
            truth.apply(at, &command.encode()).unwrap();
        }
        truth
    }

    pub fn request(sequence: u64) -> Option<RequestId> {
        let client = 9;
        Some(RequestId { client, sequence })
    }

    #[test]
    fn a_repeated_request_is_done_once_and_a_gap_is_seen() {
        let once = (request(1), put("k", "a"));
        let mut truth = truth(&[once.clone(), once, (None, put("k", "b"))]);
        assert_eq!(truth.latest(), 3);
        assert_eq!(truth.revision_after(2), Some(2));
        assert_eq!(truth.last_index_at(2), 2);
        let kv = truth.get(&Bytes::from("k"), 3).unwrap();
        assert_eq!((kv.version, kv.create_revision), (2, 2));
        let at = LogPosition { term: 1, index: 9 };
        assert!(truth.apply(at, &Bytes::new()).is_err());
    }

    #[test]
    fn a_value_that_is_written_twice_is_seen() {
        let mut truth = truth(&[(None, put("k", "a"))]);
        let command = Command {
            request: None,
            proposed_ms: 1,
            txn: put("k", "a"),
        };
        let at = LogPosition { term: 1, index: 2 };
        let seen = truth.apply(at, &command.encode()).unwrap_err();
        assert!(seen.contains("again at 3"), "{seen}");
    }

    #[test]
    fn conditions_choose_the_branch_and_reads_see_the_writes_before_them() {
        let mut txn = put("k", "b");
        txn.compares.push(Compare {
            key: Bytes::from("k"),
            target: Target::ModRevision(2),
            relation: Relation::Equal,
        });
        txn.success.push(Op::Range(all()));
        txn.failure.push(Op::Range(all()));
        let truth = truth(&[(None, put("k", "a"))]);
        let (changes, reply) = truth.evaluate(&txn, 2).unwrap();
        assert_eq!(
            (changes.len(), reply.succeeded, reply.revision),
            (1, true, 3)
        );
        let OpResult::Range(page) = &reply.results[1] else {
            panic!("a range answers with a page");
        };
        assert_eq!(page.kvs[0].value, "b");
        let (changes, reply) = truth.evaluate(&txn, 1).unwrap();
        assert_eq!(
            (changes.len(), reply.succeeded, reply.revision),
            (0, false, 1)
        );
    }
}
