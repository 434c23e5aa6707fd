//! The engine as a whole, on a disk in memory.

mod allocations;
mod any_sequence;
mod behaviour;
mod caching;
mod checkpoint;
mod crash;
mod damage;
mod directory;
mod faults;
mod model;
mod ranges;
mod verify;
