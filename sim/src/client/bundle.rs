//! Bundles: transactions of several operations of all kinds on a few keys, in any order, under any
//! conditions. Nothing always holds of these keys; but what each operation came to stands in the answer,
//! and operations see what those before them in the same transaction did.

use bytes::Bytes;
use sisyphus::{
    machine::{Compare, KeyRange, Op, Query, Relation, Target, Txn},
    rng::Rng,
};

use super::{
    call::{family, put, read, single},
    part::{Part, Step, Turn},
};
use crate::oracle::{
    Violation,
    asked::{Answer, Asked},
};

/// What the keys begin with.
const LETTER: u8 = b'm';

/// Operations of one branch.
const OPS_MAX: u64 = 5;

/// Conditions of one transaction.
const COMPARES_MAX: u64 = 2;

/// The bundles of one client.
pub(super) struct Bundles {
    keys: u64,
}

impl Bundles {
    /// Bundles on so many keys.
    pub fn new(keys: u64) -> Self {
        Bundles { keys }
    }

    fn compare(&self, rng: &mut Rng) -> Compare {
        let version = rng.below(4);
        Compare {
            key: key(rng.below(self.keys)),
            target: match rng.below(3) {
                0 => Target::Version(version),
                1 => Target::CreateRevision(version * 100),
                _ => Target::ModRevision(version * 100),
            },
            relation: *rng.pick(&[
                Relation::Equal,
                Relation::NotEqual,
                Relation::Less,
                Relation::Greater,
            ]),
        }
    }

    /// The operations of a branch, at least one of which may write. No key is put twice, nor put and
    /// deleted: that is refused.
    fn branch(&self, rng: &mut Rng, tag: &str) -> Vec<Op> {
        let first = rng.below(self.keys);
        let count = rng.between(1, OPS_MAX);
        // Every key has its part in this branch.
        let mut ops: Vec<Op> = (0..count.min(self.keys))
            .map(|at| {
                let key = key((first + at) % self.keys);
                match rng.below(if at == 0 { 2 } else { 4 }) {
                    0 => put(&key, format!("{tag}.{at}").into()),
                    1 => Op::Delete {
                        keys: single(&key),
                        want_previous: false,
                    },
                    2 => Op::Range(read(single(&key))),
                    _ => Op::Range(all(rng)),
                }
            })
            .collect();
        // In any order.
        for at in (1..ops.len()).rev() {
            ops.swap(at, rng.below(at as u64 + 1) as usize);
        }
        ops
    }
}

impl Part for Bundles {
    fn next(&mut self, turn: &mut Turn) -> Step {
        let Turn { rng, tag, .. } = turn;
        let compares = (0..rng.between(0, COMPARES_MAX)).map(|_| self.compare(rng));
        let compares = compares.collect();
        let txn = Txn {
            compares,
            success: self.branch(rng, &format!("{tag}.s")),
            failure: self.branch(rng, &format!("{tag}.f")),
        };
        Asked::Write(txn).into()
    }

    fn learn(&mut self, _: &Step, _: &Answer) -> Result<(), Violation> {
        Ok(())
    }
}

/// A read of some of the keys, or of how many there are.
fn all(rng: &mut Rng) -> Query {
    let KeyRange { start, end } = family(LETTER);
    let start = rng.pick(&[start, key(1), key(2)]).clone();
    Query {
        limit: rng.between(0, 2),
        count_only: rng.chance(0.3),
        keys_only: rng.chance(0.3),
        ..read(KeyRange { start, end })
    }
}

fn key(number: u64) -> Bytes {
    format!("{}{number:02}", char::from(LETTER)).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sisyphus::machine::RangeEnd;

    use super::*;
    use crate::oracle::asked::Freshness;

    #[test]
    fn bundles_write_and_put_no_key_twice() {
        let mut bundles = Bundles::new(4);
        let mut kinds = BTreeSet::new();
        for seed in 0..200 {
            let mut turn = Turn {
                rng: Rng::new(seed),
                tag: "1.1".to_owned(),
                freshness: Freshness::Linearizable,
                seen: 0,
            };
            let Asked::Write(txn) = bundles.next(&mut turn).asked else {
                panic!("a bundle is a transaction");
            };
            for branch in [&txn.success, &txn.failure] {
                let mut touched = BTreeSet::new();
                for op in branch {
                    let (name, written) = match op {
                        Op::Put { key, .. } => ("put", Some(key)),
                        Op::Delete { keys, .. } if keys.end == RangeEnd::Single => {
                            ("delete", Some(&keys.start))
                        }
                        Op::Delete { .. } => panic!("deletes one key"),
                        Op::Range(_) => ("range", None),
                    };
                    kinds.insert((name, branch.len()));
                    assert!(written.is_none_or(|key| touched.insert(key)), "{branch:?}");
                }
                assert!(!touched.is_empty(), "{branch:?} only reads");
            }
        }
        assert!(kinds.contains(&("range", 4)) && kinds.contains(&("delete", 1)));
    }
}
