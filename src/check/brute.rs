//! The dumb twin of the search: every order, nothing remembered, nothing left out.

use super::model::{Register, State, Step};

/// Whether any order explains the register's operations. For a handful of operations only.
pub(super) fn linearizable(register: &Register) -> bool {
    let known = register.known.iter();
    let known = known.map(|known| (known.invoked, Some(known.completed), known.step));
    let maybe = register.maybe.iter();
    let maybe = maybe.map(|maybe| (maybe.invoked, None, maybe.step));
    let left: Vec<_> = known.chain(maybe).collect();
    try_all(&left, State::default())
}

fn try_all(left: &[(usize, Option<usize>, Step)], state: State) -> bool {
    let first_completion = left.iter().filter_map(|(_, completed, _)| *completed).min();
    let Some(first_completion) = first_completion else {
        return true;
    };
    left.iter().enumerate().any(|(at, (invoked, _, step))| {
        let Some(after) = state.after(*step).filter(|_| *invoked < first_completion) else {
            return false;
        };
        let mut rest = left.to_vec();
        rest.remove(at);
        try_all(&rest, after)
    })
}
