//! The bank: accounts between which transactions move money. Whatever goes on, each look at all of them
//! shows the same sum.

use super::{
    part::{Part, Step, Turn},
    table::Table,
};
use crate::oracle::{Violation, asked::Answer};

/// What is on each account in the beginning.
const INITIAL: u64 = 100;

/// The most that is moved at once.
const TRANSFER_MAX: u64 = 20;

/// The bank, as one client knows it.
pub(super) struct Bank {
    table: Table,
    accounts: u64,
}

impl Bank {
    /// A bank with so many accounts.
    pub fn new(accounts: u64) -> Self {
        Bank {
            table: Table::new(b'b'),
            accounts,
        }
    }
}

impl Part for Bank {
    fn next(&mut self, turn: &mut Turn) -> Step {
        let cells = self.table.cells();
        if cells.is_empty() && turn.rng.chance(0.5) {
            let numbers = (0..self.accounts).map(|_| INITIAL);
            return self.table.found(numbers, &turn.tag).into();
        }
        if cells.is_empty() || turn.rng.chance(0.2) {
            return self.table.scan(turn.freshness).into();
        }
        let count = cells.len() as u64;
        let from = turn.rng.below(count) as usize;
        let to = (from + turn.rng.between(1, count - 1) as usize) % cells.len();
        let (rich, poor) = (cells[from].number, cells[to].number);
        let amount = turn.rng.between(1, TRANSFER_MAX).min(rich);
        let changes = [(from, rich - amount), (to, poor + amount)];
        self.table.change(&changes, &turn.tag).into()
    }

    fn learn(&mut self, _: &Step, answer: &Answer) -> Result<(), Violation> {
        let Some(numbers) = self.table.learn(answer) else {
            return Ok(());
        };
        let sum = numbers.iter().copied().fold(0, u64::saturating_add);
        if numbers.is_empty() || sum == self.accounts * INITIAL {
            return Ok(());
        }
        let what = format!(
            "the bank holds {sum} instead of {} in `{answer}`",
            self.accounts * INITIAL
        );
        Err(Violation::new("SNAP", what))
    }
}

#[cfg(test)]
mod tests {
    use sisyphus::machine::{KeyValue, Page};

    use super::*;
    use crate::{client::part::Step, oracle::asked::Freshness};

    #[test]
    fn money_that_is_lost_is_seen() {
        for (numbers, is_right) in [(&[90, 110][..], true), (&[90, 100], false), (&[], true)] {
            let mut bank = Bank::new(2);
            let kvs = numbers.iter().map(|number| KeyValue {
                key: "b".into(),
                create_revision: 2,
                mod_revision: 2,
                version: 1,
                value: format!("{number} 1.1").into(),
            });
            let page = Page {
                kvs: kvs.collect(),
                ..Page::default()
            };
            let answer = Answer::Read {
                page,
                revision: 2,
                age: None,
            };
            let step = Step::from(bank.table.scan(Freshness::Stale));
            assert_eq!(bank.learn(&step, &answer).is_ok(), is_right);
        }
    }
}
