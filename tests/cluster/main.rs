//! A cluster in one process: real nodes on disks in memory, joined by a network that is a map.
//!
//! * [`decaying`]: disks that lose what they had promised to keep.
//! * [`serving`]: what clients of a cluster see, whatever happens to its nodes.
//! * [`leaving`]: leaders that resign, replicas that stop, survivors that go on.

mod decaying;
mod leaving;
mod rig;
mod serving;
mod stalling;
