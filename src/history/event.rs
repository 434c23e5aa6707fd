//! The events of a history, as values.

use std::fmt;

use bytes::Bytes;

use crate::types::Revision;

/// The number of an operation, unique within its history.
pub type OpId = u64;

/// One line of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which client observed it. Names only: the checker does not use it.
    pub process: u64,
    /// Which operation it belongs to.
    pub op: OpId,
    /// When, in microseconds of the recorder's clock. For humans: the order of lines decides.
    pub time_us: u64,
    /// What was observed.
    pub what: What,
}

/// The kinds of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The request is about to leave.
    Invoke(Call),
    /// It took effect, with this answer.
    Ok(Outcome),
    /// It certainly has no effect, for this reason.
    Fail(String),
    /// It may have an effect, now or later, or none, for this reason.
    Unknown(String),
}

/// What a client asks of the register that is one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Store a value.
    Put {
        /// The key.
        key: Bytes,
        /// The value; empty is a value.
        value: Bytes,
    },
    /// Read the value.
    Get {
        /// The key.
        key: Bytes,
    },
    /// Remove the value.
    Delete {
        /// The key.
        key: Bytes,
    },
    /// Store a value if the present one is the expected one.
    CompareAndSet {
        /// The key.
        key: Bytes,
        /// What must be there; `None`: the key must not exist.
        expected: Option<Bytes>,
        /// The value to store.
        new: Bytes,
    },
}

/// The answer to a call. Revisions are the store's counter of writes, where the recorder knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The value is stored.
    Put {
        /// The revision that this write made.
        revision: Option<Revision>,
    },
    /// The key was read.
    Get {
        /// What was there; `None`: the key did not exist.
        seen: Option<Seen>,
        /// The store's revision at the moment of the read.
        revision: Option<Revision>,
    },
    /// The key is gone.
    Delete {
        /// Whether it was there before.
        deleted: bool,
        /// The revision that the removal made; when nothing was there, the store's revision.
        revision: Option<Revision>,
    },
    /// The comparison was made.
    CompareAndSet {
        /// Whether it held and the new value is stored.
        succeeded: bool,
        /// The revision that the write made; when the comparison failed, the store's revision.
        revision: Option<Revision>,
    },
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The value.
    pub value: Bytes,
    /// The revision of the write that stored it.
    pub mod_revision: Option<Revision>,
}

impl Call {
    /// The key that is asked about.
    pub fn key(&self) -> &Bytes {
        match self {
            Call::Put { key, .. }
            | Call::Get { key }
            | Call::Delete { key }
            | Call::CompareAndSet { key, .. } => key,
        }
    }

    /// The call's name in a history.
    pub fn name(&self) -> &'static str {
        match self {
            Call::Put { .. } => "put",
            Call::Get { .. } => "get",
            Call::Delete { .. } => "delete",
            Call::CompareAndSet { .. } => "compare_and_set",
        }
    }
}

impl Outcome {
    /// The name of the call that is answered.
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Put { .. } => "put",
            Outcome::Get { .. } => "get",
            Outcome::Delete { .. } => "delete",
            Outcome::CompareAndSet { .. } => "compare_and_set",
        }
    }

    /// The revision that the reply carried.
    pub fn revision(&self) -> Option<Revision> {
        match self {
            Outcome::Put { revision }
            | Outcome::Get { revision, .. }
            | Outcome::Delete { revision, .. }
            | Outcome::CompareAndSet { revision, .. } => *revision,
        }
    }
}

/// Bytes for the eye: printable ASCII as it is, the rest escaped.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Put { key, value } => write!(f, "put {} {}", Shown(key), Shown(value)),
            Call::Get { key } => write!(f, "get {}", Shown(key)),
            Call::Delete { key } => write!(f, "delete {}", Shown(key)),
            Call::CompareAndSet { key, expected, new } => {
                write!(f, "compare-and-set {} ", Shown(key))?;
                match expected {
                    Some(expected) => write!(f, "{}", Shown(expected))?,
                    None => write!(f, "(absent)")?,
                }
                write!(f, " to {}", Shown(new))
            }
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Put { .. } => write!(f, "done")?,
            Outcome::Get {
                seen: Some(seen), ..
            } => {
                write!(f, "{}", Shown(&seen.value))?;
                if let Some(revision) = seen.mod_revision {
                    write!(f, " written at revision {revision}")?;
                }
                return Ok(());
            }
            Outcome::Get { seen: None, .. } => write!(f, "no such key")?,
            Outcome::Delete { deleted: true, .. } => write!(f, "deleted")?,
            Outcome::Delete { deleted: false, .. } => write!(f, "nothing to delete")?,
            Outcome::CompareAndSet {
                succeeded: true, ..
            } => write!(f, "set")?,
            Outcome::CompareAndSet {
                succeeded: false, ..
            } => write!(f, "not as expected")?,
        }
        match self.revision() {
            Some(revision) => write!(f, " at revision {revision}"),
            None => Ok(()),
        }
    }
}
