//! The write-ahead log: bytes that are safe before anything else relies on them.
//!
//! A log is a directory of segments, and a segment is a file of records behind a header. Records
//! are handed in one by one and made durable in batches: [`Wal::append`] only fills a buffer,
//! [`Wal::commit`] is one write and one sync for everything in it, whoever it came from. So the
//! price of a sync is shared by all who queued while the last one ran. What the records mean is
//! their writers' business; the log knows a kind, a shard and a payload.
//!
//! # What is found after a crash
//! A crash may leave the last, unsynced batch whole, in part, or not at all, sector by sector. That
//! is a *torn tail*: nobody was promised those bytes, the log ends before the first bad record, and
//! no harm is done. A bad record that *had been* synced is something else: the disk lost what
//! it promised to keep. Cutting the log there would silently take back what was acknowledged, so it
//! is *corruption*, an error that names the place and is for someone else to decide.
//!
//! The two are told apart by what each record carries: the position up to which the log was durable
//! when the record was written. If a valid record behind the bad one says that the log had been
//! durable beyond it, the bad one was promised; if none does, it was not, or it belonged to the very
//! last batch, where no evidence is left. The header of a segment says the same of those before it.
//!
//! Without syncs the torn tail may reach back over several segments: what is left of one does not
//! reach as far as the header of the next one says, and nothing says that it was durable. The log
//! then ends there, and the segments behind are removed.
//!
//! What may not be durable yet is written once more before it is synced: after a failed sync the page
//! cache of Linux takes the bytes for clean, and the next sync would succeed without them.
//!
//! Every opening begins a new segment with a new epoch, and never appends behind a torn tail. Bytes
//! of an older epoch or from another place of the log are not valid here, whatever their checksum.
//!
//! # Invariants
//! 1. A record is returned by recovery if a commit that followed its append succeeded, or an error
//!    is; unless [`Wal::remove_before`] was asked to remove its segment.
//! 2. Recovery returns a prefix of what was appended, in order, byte by byte.
//! 3. What recovery returned once, it returns again: it is synced before anyone relies on it.
//! 4. A torn tail is never called corruption, and corruption before the last batch never a torn tail.
//! 5. What is not durable is at the end of the log: all that was written since the last commit.
//! 6. The segments on disk are consecutive: they are created in order, each durable before its first
//!    record, and removed in order, each durably gone before the next.
//! 7. After a failed write or sync nothing is written any more (what the disk holds is unknown).
//!
//! # What is left out
//! Segments are not preallocated or reused yet; the epoch in each record is what will make that
//! safe. Repair of corruption is the business of whoever has copies.

mod error;
mod record;
mod recovery;
mod segment;
mod writer;

pub use error::WalError;
pub use record::{PAYLOAD_BYTES_MAX, Record, SegmentId};
pub use recovery::{Placed, Recovered};
pub use segment::remove_segments;
pub use writer::Wal;

#[cfg(test)]
mod tests;
