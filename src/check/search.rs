//! The complete way: try the possible orders.
//!
//! At every moment of the search some operations are placed, in order, and the register has a
//! state. What may come next is any operation that was invoked before the first completion among
//! the unplaced ones: anything later began after that one was over. What keeps the tree small:
//!
//! * A read that is possible is placed at once, without trying anything else in its stead: if an
//!   order exists in which it comes later, it may as well come now.
//! * What an unplaced operation still needs is not made impossible (`demand.rs`).
//! * A write of unknown outcome is placed only directly before an operation that is impossible
//!   without it (until then it is a *debt*). If in some order the operation after it is possible
//!   either way, the two may change places, or the unknown write may be left out.
//! * Writes of unknown outcome that do the same to every state are used in the order of their
//!   invocations: the one that began first may stand wherever another may.
//! * The same operations placed in another order, with the same state: seen, not tried again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    demand::Demand,
    model::{Register, State, Step},
    timeline::Timeline,
};
use crate::rng::Rng;

/// How a search ended.
pub(super) enum Found {
    /// An order that holds, as places in the key's list of operations.
    Order(Vec<usize>),
    /// There is none.
    Nothing,
    /// The steps ran out first.
    OutOfSteps,
}

/// Looks for an order, trying at most `steps_max` placements. Answers how many it tried.
pub(super) fn search(register: &Register, steps_max: u64) -> (Found, u64) {
    let mut search = Search::new(register);
    let found = search.run(steps_max);
    (found, search.steps)
}

/// What is placed next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// An operation with an answer, by its place in `Register::known`.
    Known(usize),
    /// A write of unknown outcome, by its place in `Register::maybe`.
    Maybe(usize),
}

/// Where the search stands besides what is placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    /// What the register holds.
    state: State,
    /// After a write of unknown outcome: the state without it, in which the next operation must be
    /// impossible.
    debt: Option<State>,
}

/// A placement, with what is needed to take it back and to try the next one.
struct Frame {
    done: Move,
    before: Position,
    others: std::vec::IntoIter<Move>,
}

struct Search<'a> {
    register: &'a Register,
    unplaced: Timeline,
    maybes: Maybes,
    position: Position,
    demand: Demand,
    /// The exclusive or of the fingerprints of all that is placed.
    fingerprint: u128,
    fingerprints: Fingerprints,
    /// What was tried already.
    seen: BTreeSet<(u128, Position)>,
    steps: u64,
}

impl<'a> Search<'a> {
    fn new(register: &'a Register) -> Self {
        Search {
            unplaced: Timeline::new(register),
            maybes: Maybes::new(register),
            position: Position::default(),
            demand: Demand::new(register),
            fingerprint: 0,
            fingerprints: Fingerprints::new(register),
            seen: BTreeSet::new(),
            steps: 0,
            register,
        }
    }

    fn run(&mut self, steps_max: u64) -> Found {
        if self.unplaced.is_empty() {
            return Found::Order(Vec::new());
        }
        let mut frames: Vec<Frame> = Vec::new();
        let mut moves = self.moves();
        loop {
            let Some(next) = moves.next() else {
                let Some(frame) = frames.pop() else {
                    return Found::Nothing;
                };
                self.take_back(frame.done, frame.before);
                moves = frame.others;
                continue;
            };
            self.steps += 1;
            if self.steps > steps_max {
                return Found::OutOfSteps;
            }
            let before = self.position;
            self.place(next);
            if self.unplaced.is_empty() {
                return Found::Order(self.order(&frames, next));
            }
            if self.seen.insert((self.fingerprint, self.position)) {
                let others = std::mem::replace(&mut moves, self.moves());
                frames.push(Frame {
                    done: next,
                    before,
                    others,
                });
            } else {
                self.take_back(next, before);
            }
        }
    }

    fn order(&self, frames: &[Frame], last: Move) -> Vec<usize> {
        let done = frames.iter().map(|frame| frame.done).chain([last]);
        done.map(|done| match done {
            Move::Known(at) => self.register.known[at].at,
            Move::Maybe(at) => self.register.maybe[at].at,
        })
        .collect()
    }

    fn step(&self, next: Move) -> Step {
        match next {
            Move::Known(at) => self.register.known[at].step,
            Move::Maybe(at) => self.register.maybe[at].step,
        }
    }

    /// What may be placed now, the most promising first.
    fn moves(&self) -> std::vec::IntoIter<Move> {
        let (candidates, blocking) = self.unplaced.candidates();
        let mut moves = Vec::new();
        let mut waiting = Vec::new();
        for at in candidates {
            let known = &self.register.known[at];
            match self.possible(known.step) {
                Some(after) if known.step.is_read() && after == self.position.state => {
                    return vec![Move::Known(at)].into_iter();
                }
                Some(_) => moves.push((known.revision, Move::Known(at))),
                None => waiting.push(known.step),
            }
        }
        // Revisions, where there are any, nearly always tell the right one.
        moves.sort_by_key(|(revision, _)| *revision);
        let mut moves: Vec<Move> = moves.into_iter().map(|(_, next)| next).collect();
        let limit = self.register.known[blocking].completed;
        self.add_maybes(&mut moves, waiting, limit);
        moves.into_iter()
    }

    /// The state after `step`, if it may come now.
    fn possible(&self, step: Step) -> Option<State> {
        let Position { state, debt } = self.position;
        let after = state.after(step)?;
        let pays = debt.is_none_or(|without| without.after(step).is_none());
        (pays && !self.demand.forbids(state, step, after)).then_some(after)
    }

    /// Adds the writes of unknown outcome, begun before `limit`, without which something cannot be
    /// done that could be done after them: one of `waiting`, or another write of unknown outcome.
    fn add_maybes(&self, moves: &mut Vec<Move>, mut waiting: Vec<Step>, limit: usize) {
        let state = self.position.state;
        let begun = |at: &usize| self.register.maybe[*at].invoked < limit;
        let available: Vec<usize> = self.maybes.first_unused().filter(begun).collect();
        let steps = available.iter().map(|at| self.register.maybe[*at].step);
        waiting.extend(steps.filter(|step| matches!(step, Step::MaybeCompareAndSet { .. })));
        waiting.retain(|step| state.after(*step).is_none());
        for at in available {
            let after = self.possible(self.register.maybe[at].step);
            let enables = |after: State| waiting.iter().any(|step| after.after(*step).is_some());
            if after.is_some_and(enables) {
                moves.push(Move::Maybe(at));
            }
        }
    }

    fn place(&mut self, next: Move) {
        let step = self.step(next);
        let before = self.position.state;
        self.position.state = before.after(step).expect("only what is possible is placed");
        self.position.debt = match next {
            Move::Known(_) => None,
            Move::Maybe(_) => Some(before),
        };
        self.demand.place(step);
        self.fingerprint ^= self.fingerprints.of(next);
        match next {
            Move::Known(at) => self.unplaced.lift(at),
            Move::Maybe(at) => self.maybes.take(at),
        }
    }

    fn take_back(&mut self, done: Move, before: Position) {
        self.position = before;
        self.demand.take_back(self.step(done));
        self.fingerprint ^= self.fingerprints.of(done);
        match done {
            Move::Known(at) => self.unplaced.put_back(at),
            Move::Maybe(at) => self.maybes.put_back(at),
        }
    }
}

/// Which writes of unknown outcome are unused. Those that do the same form a class, and are used
/// in the order of their invocations.
struct Maybes {
    /// The members of each class, the earliest first.
    classes: Vec<Vec<usize>>,
    /// How many of each class are used.
    used: Vec<usize>,
    /// The class of each.
    class: Vec<usize>,
}

impl Maybes {
    fn new(register: &Register) -> Maybes {
        let mut numbers = BTreeMap::new();
        let mut classes: Vec<Vec<usize>> = Vec::new();
        let mut class = Vec::new();
        for (at, maybe) in register.maybe.iter().enumerate() {
            let number = *numbers.entry(maybe.step).or_insert(classes.len());
            if number == classes.len() {
                classes.push(Vec::new());
            }
            classes[number].push(at);
            class.push(number);
        }
        Maybes {
            used: vec![0; classes.len()],
            classes,
            class,
        }
    }

    /// The first unused one of every class that has one.
    fn first_unused(&self) -> impl Iterator<Item = usize> {
        let classes = self.classes.iter().zip(&self.used);
        classes.filter_map(|(class, used)| class.get(*used).copied())
    }

    fn take(&mut self, at: usize) {
        self.used[self.class[at]] += 1;
    }

    fn put_back(&mut self, at: usize) {
        self.used[self.class[at]] -= 1;
    }
}

/// A random number for every operation. The exclusive or over a set names the set, and changes in
/// one step when an operation comes or goes.
struct Fingerprints {
    known: Vec<u128>,
    maybe: Vec<u128>,
}

impl Fingerprints {
    fn new(register: &Register) -> Fingerprints {
        // Any seed does; a fixed one makes every run the same.
        let mut rng = Rng::new(0);
        let mut draw = |count: usize| -> Vec<u128> {
            let mut one = || u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
            (0..count).map(|_| one()).collect()
        };
        Fingerprints {
            known: draw(register.known.len()),
            maybe: draw(register.maybe.len()),
        }
    }

    fn of(&self, next: Move) -> u128 {
        match next {
            Move::Known(at) => self.known[at],
            Move::Maybe(at) => self.maybe[at],
        }
    }
}
