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
//! last batch, where no evidence is left.
//!
//! Without syncs the torn tail may reach back over several segments: what is left of one does not
//! reach as far as the link of the next one says, and nothing says that it was durable. The log
//! then ends there, and the segments behind are removed.
//!
//! What may not be durable yet is written once more before it is synced: after a failed sync the page
//! cache of Linux takes the bytes for clean, and the next sync would succeed without them.
//!
//! Every opening begins a new segment with a new epoch, and never appends behind a torn tail.
//!
//! # Files have several lives
//! A sync is a third cheaper where the file need not grow, and to create a file and make its name
//! durable costs more than many syncs. So a file is not removed with its segment, but kept, given the
//! header and the name of a later segment beside the writer (`yard`), and written over; and a file
//! that must grow grows by many blocks at a time (`segment`). To begin the next segment then costs
//! nothing: its file is there, and the *link*, which says where the segment before it ends, goes with
//! its first batch.
//!
//! A log that is hardly ever synced gains nothing by this, and its files are removed ([`Retired`]).
//!
//! The end of a file hence says nothing about the end of the log: behind it are zeros, or what the
//! file held in an earlier life, down to whole records with good checksums. But a record is only
//! valid in its epoch and at its position, which counts segments and not files, and no two records
//! of all lives have the same of both:
//! * within one opening segments are counted upwards, and each file has a life in a segment once;
//! * an opening uses no file of an earlier one again, except by reading it as the segment that it
//!   is; its epoch is beyond that of all segments it has seen, begun or not.
//!
//! Where the disk is full, a file grows by no more than it must, and the next segment is made with
//! nothing but its header; if not even that is possible, the error says so.
//!
//! # Invariants
//! 1. A record is returned by recovery if a commit that followed its append succeeded, or an error
//!    is; unless [`Wal::remove_before`] was asked to remove its segment.
//! 2. Recovery returns a prefix of what was appended, in order, byte by byte.
//! 3. What recovery returned once, it returns again: it is synced before anyone relies on it.
//! 4. A torn tail is never called corruption, and corruption before the last batch never a torn tail.
//! 5. What is not durable is at the end of the log: all that was written since the last commit.
//! 6. The segments on disk are consecutive: they get their names in order, each durable before its
//!    first record, and lose them in order, each durably before the next.
//! 7. Whatever has a segment's name has its header, durably. Only the last segment may have no link,
//!    or the first one, if it is empty.
//! 8. Nothing is written into a file that may still be found under the name of another segment.
//! 9. After a failed write or sync nothing is written any more (what the disk holds is unknown).
//!
//! # What a corrupt log still says
//! Repair is the business of whoever has copies; the log helps with what it has. [`Salvage`] is what
//! stands before the first damaged place and what stands behind the last one, and [`Wal::open_behind`]
//! begins a segment behind it all, into which whoever knows what is missing writes what is to stay.
//!
//! What a header says is known twice, by the file's name and by the link. A damaged one costs nothing
//! and is written again, unless the link is damaged, too, or was not written yet.
//!
//! # What is left out
//! A segment that is missing, or of which neither the header nor the link is whole, is not read around. Payloads that are made
//! to look like records are only recognised as such within an intact record. An opening begins with
//! new files: what the process before it left to be used again is removed.

mod error;
mod record;
mod recovery;
mod salvage;
mod segment;
mod writer;
mod yard;

pub use error::WalError;
pub use record::{PAYLOAD_BYTES_MAX, Record, SegmentId};
pub use recovery::{Placed, Recovered};
pub use salvage::{Salvage, remove_before};
pub use writer::Wal;
pub use yard::{Remover, Retired};

#[cfg(test)]
mod tests;
