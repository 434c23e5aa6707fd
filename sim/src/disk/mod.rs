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
//! * **Recycled space** ([`waste`]): a sector that is new to its file may show what an older file had
//!   left there.
//! * **Trouble** ([`DiskTrouble`]): syncs, writes, changes of names and reads may fail. Of a failed sync some
//!   sectors are on the platter and some are not, and the page cache either calls all of them clean, so
//!   that syncing again does not help, or keeps them dirty. A disk may be full; the part of a write that
//!   fits is written. It may be slow, or *stuck*: operations do not return until that is over.
//! * **Damage** ([`rot`]): bits flip, sectors turn to garbage, and writes that were acknowledged turn out to
//!   be lost or misdirected. Or a directory is gone, or everything. What is damaged is known here
//!   ([`Drive::damaged`]), so that excuses can be checked.
//! * **Images** ([`Drive::image`]): what else a loss of power might have left at this moment, to be opened
//!   beside the run.
//! * **Process crash**: the kernel lives on, and with it everything that was written.
//!
//! Invariants:
//! 1. A byte that a completed sync covered, and that was not overwritten since, survives every loss,
//!    unless it is damaged.
//! 2. A name that a completed `sync_dir` covered, and that was not changed since, survives too.
//! 3. Within one name, changes survive as a prefix; a rename inside one directory is atomic.
//! 4. A handle belongs to one incarnation of its node. When that ends, operations on the handle
//!    never complete: a dead process neither writes nor hears about it.
//! 5. What is drawn depends on (seed, node, number of the operation or of the loss) alone.
//!
//! Left out: damage to names (a file system that loses a directory loses the drive, and that is a machine
//! to be replaced); a page cache that forgets clean pages at times of its own choosing, which matters
//! only for damaged sectors: those it forgets at once.

mod drive;
mod handle;
mod inode;
mod platter;
mod rot;
mod tear;
mod tree;
mod usage;
mod waste;

#[cfg(all(test, madsim))]
mod fault_tests;
#[cfg(all(test, madsim))]
mod tests;

pub use drive::{DiskEvent, Drive, Hook};
pub use handle::SimDisk;
pub use inode::SECTOR_BYTES;
pub use platter::DiskTrouble;
pub use usage::Usage;
