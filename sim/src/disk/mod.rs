//! A disk that keeps its word and not a bit more.
//!
//! [`Disk`](sisyphus::env::Disk) promises little: bytes are durable after `sync`, names after
//! `sync_dir`. Real disks usually do better, and code that leans on "usually" passes every test on
//! them until the day the power fails. This disk does not do better. It keeps two images of
//! itself: what a running process sees, and what is surely on the platter; and when the power
//! fails, it decides for everything in between, as the seed has it.
//!
//! * **Contents** ([`inode`]): a page cache over sectors of 512 bytes. A write makes its sectors
//!   dirty, a sync makes those durable that were dirty when it *began*. A sync takes time, during
//!   which the node may crash.
//! * **Names** ([`tree`]): every directory has a journal of changes that no `sync_dir` has covered.
//! * **Power loss** ([`tear`]): each dirty sector comes out old, new, zeroed, as garbage, or half
//!   written, in runs, because neighbours tend to share their fate; a file's unsynced length and the
//!   names of its directory are decided apart from its contents. One loss in ten is clean.
//! * **Trouble** ([`DiskTrouble`]): a sync may fail, and then some of its sectors are on the platter,
//!   some are not, and the page cache calls all of them clean: syncing again does not help. A disk may
//!   be full; the part of a write that fits is written.
//! * **Process crash**: the kernel lives on, and with it everything that was written.
//!
//! Invariants:
//! 1. A byte that a completed sync covered, and that was not overwritten since, survives every loss.
//! 2. A name that a completed `sync_dir` covered, and that was not changed since, survives too.
//! 3. Within one name, changes survive as a prefix; a rename inside one directory is atomic.
//! 4. A handle belongs to one incarnation of its node. When that ends, operations on the handle
//!    never complete: a dead process neither writes nor hears about it.
//! 5. What is drawn depends on (seed, node, number of the operation or of the loss) alone.
//!
//! Left out, to come as further fault kinds: bit rot, misdirected writes, failing reads, syncs of
//! directories that fail, the content of removed files showing through in new ones (a file that is
//! written over keeps its old content, and torn writes show it).

mod drive;
mod handle;
mod inode;
mod tear;
mod tree;

#[cfg(all(test, madsim))]
mod tests;

pub use drive::{DiskEvent, DiskTrouble, Drive, Hook};
pub use handle::SimDisk;
pub use inode::SECTOR_BYTES;
