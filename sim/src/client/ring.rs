//! The ring that no lost or doubled write survives: each key names the next one, all together once
//! around. A transaction takes one out and puts it in again a place further, by changing three keys. If
//! one of the three changes is lost, or made on an old state, the ring falls apart, and it never heals again.
//! (The Cycle workload of FoundationDB's simulation.)

use super::{
    part::{Part, Step, Turn},
    table::Table,
};
use crate::oracle::{Violation, asked::Answer};

/// The ring, as one client knows it.
pub(super) struct Ring {
    table: Table,
    size: u64,
}

impl Ring {
    /// A ring of `size` keys.
    pub fn new(size: u64) -> Self {
        Ring {
            table: Table::new(b'r'),
            size,
        }
    }
}

impl Part for Ring {
    fn next(&mut self, turn: &mut Turn) -> Step {
        let next: Vec<usize> = (self.table.cells().iter())
            .map(|cell| cell.number as usize)
            .collect();
        if next.is_empty() && turn.rng.chance(0.5) {
            let size = self.size;
            let numbers = (0..size).map(|at| (at + 1) % size);
            return self.table.found(numbers, &turn.tag).into();
        }
        if next.is_empty() || turn.rng.chance(0.2) {
            return self.table.scan(turn.freshness).into();
        }
        // a → b → c → d becomes a → c → b → d.
        let a = turn.rng.below(next.len() as u64) as usize;
        let (b, c) = (next[a], next[next[a]]);
        let d = next[c];
        let changes = [(a, c as u64), (c, b as u64), (b, d as u64)];
        self.table.change(&changes, &turn.tag).into()
    }

    fn learn(&mut self, _: &Step, answer: &Answer) -> Result<(), Violation> {
        match self.table.learn(answer) {
            Some(numbers) if !is_ring(&numbers, self.size) => {
                let what = format!("the ring is broken in `{answer}`");
                Err(Violation::new("XO", what))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the numbers lead once around, or nothing is there yet.
fn is_ring(next: &[u64], size: u64) -> bool {
    let mut at = 0;
    for step in 1..=next.len() {
        at = match next.get(at) {
            Some(next) => *next as usize,
            None => return false,
        };
        if at == 0 {
            return step == next.len() && step as u64 == size;
        }
    }
    next.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_ring_is_seen() {
        assert!(is_ring(&[], 3), "nobody has made it yet");
        assert!(is_ring(&[1, 2, 0], 3));
        assert!(is_ring(&[2, 0, 1], 3));
        assert!(!is_ring(&[1, 0, 2], 3), "two rings");
        assert!(!is_ring(&[1, 2, 1], 3), "no way back");
        assert!(!is_ring(&[1, 2, 3], 3), "out of it");
        assert!(!is_ring(&[1, 0], 3), "too short");
    }
}
