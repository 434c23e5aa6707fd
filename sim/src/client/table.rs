//! A row of keys that each hold a number and belong together: they are made at once, changed by
//! transactions, and read as a whole.

use bytes::Bytes;
use sisyphus::{
    machine::{Op, OpResult, Page, Target, Txn},
    types::Revision,
};

use super::call::{equal, family, put, read, unchanged};
use crate::oracle::asked::{Answer, Asked, Freshness};

/// The row, as one client knows it.
pub(super) struct Table {
    letter: u8,
    /// The numbers with their revisions; nothing before the client has seen any.
    cells: Vec<Cell>,
    /// The revision as of which it knows them.
    revision: Revision,
}

/// One key's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// The revision that wrote it.
    pub revision: Revision,
    /// The number.
    pub number: u64,
}

impl Table {
    /// A row whose keys begin with this letter.
    pub fn new(letter: u8) -> Self {
        Table {
            letter,
            cells: Vec::new(),
            revision: 0,
        }
    }

    /// What the client knows.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Reads all of it.
    pub fn scan(&self, freshness: Freshness) -> Asked {
        let query = read(family(self.letter));
        Asked::Read { query, freshness }
    }

    /// Makes it with these numbers, unless it is there.
    pub fn found(&self, numbers: impl Iterator<Item = u64>, tag: &str) -> Asked {
        let puts = (0..).zip(numbers);
        let puts = puts.map(|(at, number)| self.put(at, number, tag));
        Asked::Write(Txn {
            compares: vec![equal(&self.key(0), Target::CreateRevision(0))],
            success: puts.collect(),
            failure: vec![Op::Range(read(family(self.letter)))],
        })
    }

    /// Changes some numbers, if those are still what the client knows.
    pub fn change(&self, changes: &[(usize, u64)], tag: &str) -> Asked {
        let guard = |(at, _): &(usize, u64)| unchanged(&self.key(*at), self.cells[*at].revision);
        let put = |(at, number): &(usize, u64)| self.put(*at, *number, tag);
        Asked::Write(Txn {
            compares: changes.iter().map(guard).collect(),
            success: changes.iter().map(put).collect(),
            failure: vec![Op::Range(read(family(self.letter)))],
        })
    }

    /// Learns from an answer. Hands the numbers out if it showed all of them.
    pub fn learn(&mut self, answer: &Answer) -> Option<Vec<u64>> {
        let page = match answer {
            Answer::Read { page, .. } => page,
            Answer::Write(reply) => match &reply.results[..] {
                [OpResult::Range(page)] => page,
                // It was changed, by this client itself: it is read again before it is changed again.
                _ => {
                    self.cells.clear();
                    return None;
                }
            },
        };
        let cells = self.cells_of(page);
        let numbers = cells.iter().map(|cell| cell.number).collect();
        if answer.revision() >= self.revision {
            self.revision = answer.revision();
            self.cells = cells;
        }
        Some(numbers)
    }

    fn cells_of(&self, page: &Page) -> Vec<Cell> {
        let cells = page.kvs.iter().map(|kv| Cell {
            revision: kv.mod_revision,
            number: number(&kv.value),
        });
        cells.collect()
    }

    fn put(&self, at: usize, number: u64, tag: &str) -> Op {
        // With the key: no two values of a run are equal.
        let letter = char::from(self.letter);
        let value = format!("{number} {tag}.{letter}{at}");
        put(&self.key(at), value.into())
    }

    fn key(&self, at: usize) -> Bytes {
        format!("{}{at:02}", char::from(self.letter)).into()
    }
}

/// The number that a value begins with.
fn number(value: &[u8]) -> u64 {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let digits = text.split(' ').next().unwrap_or_default();
    // What is no number breaks the sum and the ring.
    digits.parse().unwrap_or(u64::MAX)
}
