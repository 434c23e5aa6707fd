//! etcd's messages and what they mean here.
//!
//! A request goes in three steps. It is *understood* ([`range`], [`put`], [`delete_range`],
//! [`txn`]): protobuf becomes a query or a transaction of the machine, or it is [`Unfit`]. The
//! gateway answers that. The answer is *shaped* and *written* ([`range_response`] and its kin): what
//! the machine does not know of, sorting and filtering, happens on the way out, to the replicated
//! result, so that it never becomes part of the replicated state.
//!
//! ```text
//!  RangeRequest ──► Query ──► gateway ──► Page ──┐
//!        └────────► Shape ───────────────────────┴──► RangeResponse
//! ```
//!
//! Invariants:
//! * nothing is quietly ignored: a field that asks for what we do not do is refused by name;
//! * a number that the protocol sends signed and that cannot be negative is refused if it is,
//!   unless etcd defines what it means (a revision or limit of 0 or less is "the latest", "all");
//! * a reply fits its request: one result for each operation, of the operation's kind. One that
//!   does not was kept for another request that came under the same exactly-once identity, which is
//!   a client's mistake ([`Unfit::AnotherRequest`]) and no reason to fall over.
//!
//! Left out: leases (a lease other than 0 is unknown, as it is to an etcd without leases),
//! transactions inside transactions, conditions on ranges, `ignore_value`, `ignore_lease`.

mod identity;
mod outcome;
mod request;
mod response;
mod shape;
#[cfg(test)]
mod tests;

pub use identity::{BEHIND_ENTRIES, CLIENT_ID, LEADER_HEARD_MS, MIN_REVISION, SEQUENCE};
pub use outcome::{is_not_done, not_done};
pub use request::{Read, Transaction, delete_range, put, range, txn};
pub use response::{Stamp, delete_range_response, put_response, range_response, txn_response};
pub use shape::Shape;

use thiserror::Error;

/// A request that cannot be done as it stands; the caller must change it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// A key is missing or empty.
    #[error("key is not provided")]
    EmptyKey,
    /// A transaction has more operations or conditions in one list than the server takes.
    #[error("too many operations in txn request")]
    TooManyOperations,
    /// The request names a lease, and there are none.
    #[error("requested lease not found")]
    NoSuchLease,
    /// The request repeats the identity of an earlier one, but asks for something else.
    #[error("this client id and sequence were used for another request: count on")]
    AnotherRequest,
    /// A field holds what it must not.
    #[error("{0}")]
    Invalid(&'static str),
    /// A part of the protocol that we do not serve.
    #[error("{0} is not served")]
    Unserved(&'static str),
    /// A range that must be sorted or filtered holds more keys than one answer takes.
    #[error("the range holds too many keys to sort or filter: narrow it")]
    TooManyKeys,
}
