//! What clients saw: the record from which a cluster is judged.
//!
//! A history is a list of events in the order in which they were observed in one place. Each
//! operation has an *invocation*, appended before the request leaves, and at most one *completion*,
//! appended after the answer arrived. So when one operation's completion stands before another's
//! invocation, the first was over before the second began, and this order is all that the checker
//! (`check/`) knows about time. The stamps are for human eyes.
//!
//! On disk an event is one line of JSON, complete by itself, so that a recorder that is killed
//! leaves a history that can still be judged:
//!
//! ```json
//! {"process":3,"op":17,"time_us":1200,"kind":"invoke","call":"put","key":"k","value":"v"}
//! {"process":3,"op":17,"time_us":1950,"kind":"ok","call":"put","revision":12}
//! {"process":1,"op":18,"time_us":2000,"kind":"invoke","call":"get","key":"k"}
//! {"process":1,"op":18,"time_us":2400,"kind":"ok","call":"get","value":"v","mod_revision":12}
//! {"process":1,"op":19,"time_us":2500,"kind":"invoke","call":"compare_and_set","key":"k","expected":"v","new":{"base64":"/w=="}}
//! {"process":1,"op":19,"time_us":7500,"kind":"unknown","reason":"deadline exceeded"}
//! ```
//!
//! Bytes that are UTF-8 are written as a JSON string, others as `{"base64":"…"}`. `null` is "no
//! value". Fields that the reader does not know are passed over.
//!
//! A completion says one of three things, and the difference is the point of it all:
//! * `ok`: the operation took effect between its two events, with this answer.
//! * `fail`: it certainly did not and never will.
//! * `unknown`: it may take effect at any time after its invocation, even after later operations
//!   of other processes, or never. An invocation without a completion means the same.
//!
//! # Invariants
//! * Operation ids are unique within a history.
//! * An `ok` answers the call that was invoked: the names of both are equal.
//! * Whatever a [`Recorder`] writes, [`read`] takes, with equal events.
//!
//! # Left out
//! * Merging the records of several machines: their clocks cannot say what was over before what
//!   began. Record in one place.
//! * Scans and transactions over several keys: the checker's model is one register a key.

mod event;
mod line;
mod operation;
mod reader;
mod recorder;

#[cfg(test)]
mod tests;

pub use event::{Call, Event, OpId, Outcome, Seen, What};
pub use operation::{End, History, Operation, PairError};
pub use reader::{ReadError, read};
pub use recorder::Recorder;
