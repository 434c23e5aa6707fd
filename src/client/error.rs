//! Errors, sorted by what they say about the request.

use tonic::{Code, Status};

use crate::rpc::etcd::is_not_done;

/// Why a call has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The request itself is wrong and was not done. Change it.
    #[error("{endpoint} refuses the request: {reason}")]
    Refused {
        /// Who said so.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody could do it before the deadline, and nobody did or will. Try again later.
    #[error(
        "{failures}; nothing was done: check that the servers run and that --endpoints names them"
    )]
    Unavailable {
        /// Every endpoint that was tried, with the reason of its last failure.
        failures: String,
    },
    /// A write may have been done, or may still be. Look before trying again.
    #[error("{failures}; whether it was done is unknown: read the key before writing again")]
    Unknown {
        /// Every endpoint that was tried, with the reason of its last failure.
        failures: String,
    },
}

/// What a failed attempt says about the request.
#[derive(Debug)]
pub(super) enum Fate {
    /// Not done; no endpoint will take it.
    Refused,
    /// Not done; another endpoint may.
    NotDone,
    /// Done or not, now or later.
    Unknown,
}

/// Sorts an answer that is an error.
pub(super) fn fate(status: &Status) -> Fate {
    match status.code() {
        Code::Unavailable if is_not_done(status) => Fate::NotDone,
        _ if is_not_done(status) => Fate::Refused,
        // Said of the request before anything is done with it, by servers that do not mark
        // their errors as well.
        Code::InvalidArgument | Code::Unimplemented => Fate::Refused,
        _ => Fate::Unknown,
    }
}

/// What the status says, with the cause of a broken connection.
pub(super) fn reason(status: &Status) -> String {
    match std::error::Error::source(status) {
        Some(source) => root(source),
        None if status.message().is_empty() => status.code().to_string(),
        None => status.message().to_owned(),
    }
}

/// The innermost cause of an error: the outer ones of a connection say only "transport error".
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
