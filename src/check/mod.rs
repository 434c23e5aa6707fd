//! Was that history possible? Linearizability, decided.
//!
//! A history is linearizable (Herlihy and Wing, 1990) when every operation can be given one moment
//! between its invocation and its completion such that, done one after another at those moments on
//! a plain register, the operations answer what they answered. Linearizability is *local*: a
//! history is linearizable exactly if its part for each key is. So each key is judged by itself,
//! in two ways that must never contradict each other:
//!
//! 1. **Witness** (`witness.rs`): replies carry revisions, and revisions say in which order the store
//!    believes to have done things. Sort by them, and test that order. If it holds up it is a
//!    proof, found in O(n log n); if not, nothing is proved.
//! 2. **Search** (`search.rs`): try the possible orders, after Wing and Gong, remembering which
//!    (set of operations placed, state) were in vain, after Lowe. Complete, and exponential in the
//!    worst case, therefore bounded in steps: past the bound the verdict is "cannot tell".
//!
//! The register (`model.rs`) knows put, get, delete and compare-and-set, and holds the stored
//! revisions to their promise as well: each write has a greater one than the write before, and a
//! read sees the revision of the write whose value it sees.
//!
//! # Unknown outcomes
//! An operation that may or may not have happened may be placed anywhere after its invocation, or
//! nowhere. Trying all of that would double the work with every one of them; but such an operation
//! matters only where a later answer is impossible without it, so only there is it tried.
//!
//! # Invariants
//! * `Linearizable` is said only with an order in hand that was tested operation by operation.
//! * `Violation` is said only after the search has exhausted all orders (two different sets of
//!   operations count as the same if their 128-bit fingerprints collide, which at a billion
//!   remembered sets has a probability below 10⁻²⁰).
//! * A verdict depends on the history alone, not on the machine, the day or its speed.
//!
//! # Left out
//! * Many unknown writes of few different values: each may explain any read of its value, and the
//!   search then runs out of steps. Write every value once.
//! * Initial values: every key of a history is absent at its beginning. Record on fresh keys.
//! * Scans and multi-key transactions: they are not registers.
//! * The store revision in the answers of operations that changed nothing: it guides the witness,
//!   and is not itself judged.

mod demand;
mod model;
mod search;
mod timeline;
mod verdict;
mod witness;

#[cfg(test)]
mod brute;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;

pub use verdict::{Report, Verdict, Violation};

use self::{model::Register, search::Found};
use crate::history::{History, OpId, Operation};

/// How many placements the search tries for one key before it gives up. About a second.
pub const SEARCH_STEPS_MAX: u64 = 2_000_000;

/// Judges `history`; the search may try `steps_max` placements for each key.
pub fn check(history: &History, steps_max: u64) -> Report {
    judge(history, steps_max, true)
}

/// As [`check`], without the witness: a second opinion on histories whose revisions prove them.
pub fn check_by_search(history: &History, steps_max: u64) -> Report {
    judge(history, steps_max, false)
}

fn judge(history: &History, steps_max: u64, ask_witness: bool) -> Report {
    let mut report = Report::default();
    for (key, operations) in by_key(&history.operations) {
        report.keys += 1;
        report.operations += operations.len();
        let register = Register::new(&operations, usize::MAX);
        if ask_witness && witness::holds(&register) {
            report.by_witness += 1;
            continue;
        }
        let (found, steps) = search::search(&register, steps_max);
        report.steps += steps;
        match found {
            Found::Order(_) => {}
            Found::Nothing => {
                let violation = Violation::explain(key, &operations, steps_max);
                report.verdict = Verdict::Violation(Box::new(violation));
                return report;
            }
            Found::OutOfSteps => report.verdict = Verdict::CannotTell { key },
        }
    }
    report
}

/// For each key an order of its operations that explains all answers, by their ids: what a picture of
/// `history` shows. Keys without one, and those for which the search runs out of steps, are left out.
pub fn explain(history: &History, steps_max: u64) -> BTreeMap<Bytes, Vec<OpId>> {
    let keys = by_key(&history.operations).into_iter();
    let explained = keys.filter_map(|(key, operations)| {
        let register = Register::new(&operations, usize::MAX);
        let (Found::Order(order), _) = search::search(&register, steps_max) else {
            return None;
        };
        Some((key, order.iter().map(|at| operations[*at].id).collect()))
    });
    explained.collect()
}

/// The operations on each key, in the order of their invocations.
fn by_key(operations: &[Operation]) -> BTreeMap<Bytes, Vec<&Operation>> {
    let mut keys: BTreeMap<Bytes, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        let key = operation.call.key().clone();
        keys.entry(key).or_default().push(operation);
    }
    keys
}
