//! The names under which a request's exactly-once identity travels.

/// The header or metadata key of a client's id: a decimal number, drawn at random by the client.
pub const CLIENT_ID: &str = "sisyphus-client-id";

/// The header or metadata key of a request's number within its client, decimal, from 1.
pub const SEQUENCE: &str = "sisyphus-sequence";
