//! The mark on an error that says what became of the request.

use tonic::{Status, metadata::MetadataValue};

/// The metadata key of the mark.
const KEY: &str = "sisyphus-outcome";

/// The mark of a request that was certainly not done. Every other error leaves it open.
const NOT_DONE: &str = "not-done";

/// Marks an error: the request was certainly not done, and repeating it does no harm.
pub fn not_done(mut status: Status) -> Status {
    status
        .metadata_mut()
        .insert(KEY, MetadataValue::from_static(NOT_DONE));
    status
}

/// Whether the server says that the request was not done. Errors that come from the connection
/// carry no mark, whatever their code: the request may have arrived.
pub fn is_not_done(status: &Status) -> bool {
    status
        .metadata()
        .get(KEY)
        .is_some_and(|mark| mark == NOT_DONE)
}
