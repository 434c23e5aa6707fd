//! A cluster in one process: real nodes on disks in memory, joined by a network that is a map.
//!
//! * [`serving`]: what clients of a cluster see, whatever happens to its nodes.
//! * [`leaving`]: leaders that resign, replicas that stop, survivors that go on.

mod leaving;
mod rig;
mod serving;
mod stalling;
