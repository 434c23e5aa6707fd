//! The score: how many bugs that were planted on purpose does the simulator find, and in how many
//! seeds?
//!
//! A simulator that never fails says nothing: either the product is right, or the simulator is blind.
//! So bugs are planted, one at a time, each one that has happened somewhere, and hunted with seeds drawn
//! at random. What is found is worth knowing, with the oracle and the number of seeds; what survives is
//! worth more, because it names a fault that is never drawn, a workload that is missing, or an oracle
//! that does not see. Mutation testing (DeMillo, Lipton and Sayward, "Hints on test data selection",
//! 1978) does so for unit tests with changes of single operators; here the changes are stories.
//!
//! ```text
//!   sim/mutants/*.toml ──► scratch tree ──build──► sim ──hunt──► first failing seed ──► SCORE.md
//!        (mutant)           (tree)                  a process of its own (trial)     (record, page)
//! ```
//! * A mutant is a file of replacements ([`Mutant`]); the product knows of none.
//! * Most are an expression for another, or a few statements for others. Those are planted *together*,
//!   in one program that is told when it starts which to be: one build instead of seventy. The others
//!   are built alone, each while another is hunted. Which way a mutant is planted changes nothing of
//!   what it does.
//! * A hunt is a process with a limit of memory and of silence, because a mutant may do anything. One
//!   that dies or hangs counts as found.
//! * Of what is found, the first failing plan is shrunk; it is kept beside the mutants (`witness/`) for as long as
//!   it shows the mutant. A witness of a survivor is written by hand: it proves that the bug has an
//!   effect, and that the simulator is to blame.
//! * What is found is hunted again without the one oracle that saw it, and without each kind of
//!   fault of its smallest plan: [`alone`].
//! * A mutant of the simulator is found if the right product fails with it, or if a mutant that was
//!   found before is not found any more.
//!
//! # Invariants
//! 1. A mutant that does not apply is an error that names it, never a survivor.
//! 2. The sources are never touched: everything happens in `target/mutants`.
//! 3. `SCORE.md` is written from results alone, and says with which commit each was found.
//!
//! # Left out
//! Hunts run in one thread each; `--jobs` sets how many run at once. A plan is shrunk in few runs, and is
//! not always as small as it could be.

mod alone;
mod borrow;
mod estimate;
mod files;
mod hunt;
mod judge;
mod mutant;
mod page;
mod planting;
mod record;
mod score;
#[cfg(test)]
mod tests;
mod tree;
mod trial;
mod words;

pub use hunt::Hunter;
pub use mutant::{Class, Mutant, Replacement};
pub use record::Record;
pub use score::Order;
pub use tree::Build;
pub use trial::{Without, Word};
pub use words::{HuntWords, MutantWords};
