//! The engine as a whole, on a disk in memory.

mod any_sequence;
mod model;
