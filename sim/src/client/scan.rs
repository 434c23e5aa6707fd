//! Scans: reads of many registers at once, of some of them, and of the past. That one shows a single
//! point of history, SNAP sees.

use super::{
    call::{family, read},
    part::{Part, Step, Turn},
};
use crate::oracle::{
    Violation,
    asked::{Answer, Asked},
};

/// The most keys that a scan with a limit asks for.
const LIMIT_MAX: u64 = 4;

/// Remembers nothing.
pub(super) struct Scans;

impl Part for Scans {
    fn next(&mut self, turn: &mut Turn) -> Step {
        let mut query = read(family(b'k'));
        let rng = &mut turn.rng;
        match rng.below(8) {
            0 | 1 => query.limit = rng.between(1, LIMIT_MAX),
            2 if turn.seen > 0 => query.revision = rng.between(1, turn.seen),
            3 => query.count_only = true,
            4 => query.keys_only = true,
            _ => {}
        }
        let freshness = turn.freshness;
        Asked::Read { query, freshness }.into()
    }

    fn learn(&mut self, _: &Step, _: &Answer) -> Result<(), Violation> {
        Ok(())
    }
}
