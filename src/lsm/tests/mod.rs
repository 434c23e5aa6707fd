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
pub(super) mod puppet;
mod ranges;
mod readers;
mod stops;
mod verify;
