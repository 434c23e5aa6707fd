//! The quick way: believe the revisions, then verify.

use std::collections::BTreeMap;

use super::model::{Register, State, Step, ValueId};

/// An operation in the supposed order: what the test of that order needs to know of it.
struct Placed {
    invoked: usize,
    /// `None`: it never completed, so it is never over before anything begins.
    completed: Option<usize>,
}

/// Whether the order of revisions proves the key's operations linearizable. `false` proves nothing.
pub(super) fn holds(register: &Register) -> bool {
    let Some(order) = by_revision(register) else {
        return false;
    };
    let mut maybes = Maybes::new(register);
    let mut state = State::default();
    let mut placed = Vec::with_capacity(order.len());
    for at in order {
        let known = register.known[at];
        if state.after(known.step).is_none() {
            let Some((maybe, after)) = maybes.enabling(register, state, known.step) else {
                return false;
            };
            state = after;
            placed.push(Placed {
                invoked: register.maybe[maybe].invoked,
                completed: None,
            });
        }
        state = state.after(known.step).expect("it was made possible above");
        placed.push(Placed {
            invoked: known.invoked,
            completed: Some(known.completed),
        });
    }
    keeps_real_time(&placed)
}

/// The operations by revision: who made it before who found it, those in the order of their
/// invocations. `None` if a reply carries no revision.
fn by_revision(register: &Register) -> Option<Vec<usize>> {
    let mut keys = Vec::with_capacity(register.known.len());
    for (at, known) in register.known.iter().enumerate() {
        keys.push((known.revision?, at));
    }
    keys.sort_unstable();
    Some(keys.into_iter().map(|(_, at)| at).collect())
}

/// Whether no operation stands behind one that began after it was over.
fn keeps_real_time(order: &[Placed]) -> bool {
    let mut latest_invocation = 0;
    order.iter().all(|placed| {
        latest_invocation = latest_invocation.max(placed.invoked);
        placed.completed.is_none_or(|at| at > latest_invocation)
    })
}

/// Writes of unknown outcome by what they leave behind, the earliest first: the earlier one was
/// invoked, the earlier it may stand.
struct Maybes {
    leaving: BTreeMap<Option<ValueId>, Vec<usize>>,
}

impl Maybes {
    fn new(register: &Register) -> Maybes {
        let mut leaving: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (at, maybe) in register.maybe.iter().enumerate().rev() {
            if let Some(value) = maybe.step.leaves() {
                leaving.entry(value).or_default().push(at);
            }
        }
        Maybes { leaving }
    }

    /// Takes out a write that makes `step` possible when it comes before it. Looks only for the
    /// value that the step names: a step that would be content with any leaves it to the search.
    fn enabling(
        &mut self,
        register: &Register,
        state: State,
        step: Step,
    ) -> Option<(usize, State)> {
        let wanted = step.needs()?;
        let candidates = self.leaving.get_mut(&wanted)?;
        let at = *candidates.last()?;
        let after = state.after(register.maybe[at].step)?;
        after.after(step)?;
        candidates.pop();
        Some((at, after))
    }
}
