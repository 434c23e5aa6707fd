//! The verdict, for programs and for eyes.

use std::fmt;

use bytes::Bytes;

use super::{
    model::Register,
    search::{Found, search},
};
use crate::history::{Call, End, Operation, Outcome};

/// How many of the last operations before a violation are shown; the whole order is in the value.
const SHOWN_MAX: usize = 8;

/// What was found out about a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The verdict on the whole.
    pub verdict: Verdict,
    /// The keys that were judged; the first violation ends the work.
    pub keys: usize,
    /// Operations on those keys.
    pub operations: usize,
    /// Keys for which the revisions were proof enough.
    pub by_witness: usize,
    /// Placements that the search tried for the others.
    pub steps: u64,
}

/// Whether a history was possible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Every key's operations can be put into an order that explains all answers.
    #[default]
    Linearizable,
    /// One key's cannot.
    Violation(Box<Violation>),
    /// The search of at least one key ran out of steps, and no violation was found elsewhere.
    CannotTell {
        /// The last such key.
        key: Bytes,
    },
}

/// Why a key's operations cannot be put into order: how far one can go, and what comes then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The key.
    pub key: Bytes,
    /// An order that explains every answer before that of `stuck`.
    pub placed: Vec<Operation>,
    /// The operation whose answer no order explains together with those before it.
    pub stuck: Operation,
    /// Operations that were under way then and that `placed` does without.
    pub concurrent: Vec<Operation>,
    /// The value at the end of `placed`.
    pub value: Option<Bytes>,
}

impl Violation {
    /// Finds the first completion that turns a possible history into an impossible one, by halving:
    /// what begins an impossible history stays possible only up to there.
    pub(super) fn explain(key: Bytes, operations: &[&Operation], steps_max: u64) -> Violation {
        let mut completions: Vec<(usize, usize)> = operations
            .iter()
            .enumerate()
            .filter_map(|(at, operation)| Some((completion(operation)?, at)))
            .collect();
        completions.sort_unstable();
        // Up to `possible` completions are explained by `order`, `impossible` ones are not.
        let (mut possible, mut impossible, mut order) = (0, completions.len(), Vec::new());
        while possible + 1 < impossible {
            let middle = possible.midpoint(impossible);
            let until = completions[middle - 1].0 + 1;
            match search(&Register::new(operations, until), steps_max).0 {
                Found::Order(found) => (possible, order) = (middle, found),
                Found::Nothing => impossible = middle,
                // The explanation is then longer than it need be, and no less true.
                Found::OutOfSteps => break,
            }
        }
        let (completed, stuck) = completions[impossible - 1];
        Violation::tell(key, operations, &order, stuck, completed)
    }

    fn tell(
        key: Bytes,
        operations: &[&Operation],
        order: &[usize],
        stuck: usize,
        completed: usize,
    ) -> Violation {
        let mut left = vec![true; operations.len()];
        order.iter().for_each(|at| left[*at] = false);
        left[stuck] = false;
        let under_way = |operation: &Operation| {
            operation.invoked < completed && completion(operation).is_none_or(|at| at > completed)
        };
        let concurrent = operations.iter().zip(left);
        let concurrent = concurrent.filter(|(operation, left)| *left && under_way(operation));
        let placed: Vec<Operation> = order.iter().map(|at| operations[*at].clone()).collect();
        Violation {
            key,
            concurrent: concurrent
                .map(|(operation, _)| (*operation).clone())
                .collect(),
            stuck: operations[stuck].clone(),
            value: placed.iter().rev().find_map(left_behind).flatten(),
            placed,
        }
    }
}

fn completion(operation: &Operation) -> Option<usize> {
    match operation.end {
        End::Ok { completed, .. } => Some(completed),
        End::Unknown => None,
    }
}

/// What an operation that is part of an order leaves behind, if it writes. One of unknown outcome
/// is part of an order only if it did.
fn left_behind(operation: &Operation) -> Option<Option<Bytes>> {
    let idle = matches!(
        operation.end,
        End::Ok {
            outcome: Outcome::Delete { deleted: false, .. }
                | Outcome::CompareAndSet {
                    succeeded: false,
                    ..
                },
            ..
        }
    );
    match &operation.call {
        _ if idle => None,
        Call::Put { value, .. } | Call::CompareAndSet { new: value, .. } => {
            Some(Some(value.clone()))
        }
        Call::Delete { .. } => Some(None),
        Call::Get { .. } => None,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report {
            keys, operations, ..
        } = self;
        match &self.verdict {
            Verdict::Linearizable => {
                write!(f, "linearizable: {operations} operations on {keys} keys")
            }
            Verdict::Violation(violation) => write!(f, "NOT linearizable: {violation}"),
            Verdict::CannotTell { key } => {
                let key = key.escape_ascii();
                write!(
                    f,
                    "cannot tell: the search over the operations on key \"{key}\" ran out of steps"
                )
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "key \"{}\"", self.key.escape_ascii())?;
        writeln!(f, "an order that explains every answer before:")?;
        let hidden = self.placed.len().saturating_sub(SHOWN_MAX);
        if hidden > 0 {
            writeln!(f, "  ({hidden} operations before)")?;
        }
        for operation in &self.placed[hidden..] {
            writeln!(f, "  {operation}")?;
        }
        match &self.value {
            Some(value) => write!(f, "then the key holds \"{}\"", value.escape_ascii())?,
            None => write!(f, "then the key does not exist")?,
        }
        write!(f, ", and no order explains\n  {}", self.stuck)?;
        if !self.concurrent.is_empty() {
            write!(f, "\nunder way at the time:")?;
        }
        for operation in self.concurrent.iter().take(SHOWN_MAX) {
            write!(f, "\n  {operation}")?;
        }
        let hidden = self.concurrent.len().saturating_sub(SHOWN_MAX);
        if hidden > 0 {
            write!(f, "\n  ({hidden} more)")?;
        }
        Ok(())
    }
}
