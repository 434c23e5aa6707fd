//! The names of what etcd's messages have no field for: a request's exactly-once identity, and the
//! age of an answer.

/// The header or metadata key of a client's id: a decimal number, drawn at random by the client.
pub const CLIENT_ID: &str = "sisyphus-client-id";

/// The header or metadata key of a request's number within its client, decimal, from 1.
pub const SEQUENCE: &str = "sisyphus-sequence";

/// The metadata key of the least revision that an answer must be of, decimal. With it a node
/// answers from what it has, as soon as it has come so far, and asks nobody.
pub const MIN_REVISION: &str = "sisyphus-min-revision";

/// The header or metadata key of how many committed entries a node knows of that were not in what
/// it read, on an answer that may be old.
pub const BEHIND_ENTRIES: &str = "sisyphus-behind-entries";

/// The header or metadata key of how many milliseconds ago the node heard its leader, on an answer
/// that may be old; absent if it knows of none.
pub const LEADER_HEARD_MS: &str = "sisyphus-leader-heard-ms";
