//! The engine as a whole, on a disk in memory.

mod any_sequence;
mod behaviour;
mod crash;
mod damage;
mod directory;
mod faults;
mod model;
