//! What becomes of a command, and how a leader tells the node that forwarded it.
//!
//! ```text
//!  done      0 | term u64 | index u64 | outcome      (machine/command draws it)
//!  not done  1 | reason, UTF-8
//!  unknown   2 | reason, UTF-8
//!  refused   3 | why u8 | reason, UTF-8           (node/order draws it)
//!  begun     4 | node u64
//! ```

use bytes::Bytes;

use super::Refused;
use crate::{
    codec::{DecodeError, Decoder},
    env::task::oneshot,
    machine::{Outcome, decode_outcome, encode_outcome},
    types::{LogPosition, NodeId},
};

/// The fate of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was committed and applied, with this result.
    Done {
        /// Its entry.
        at: LogPosition,
        /// What applying it answered.
        outcome: Outcome,
    },
    /// It is certain that it was not and will not be applied.
    NotDone(String),
    /// It may or may not be applied, now or later.
    Unknown(String),
    /// An order that will not be carried out, whoever is asked.
    Refused(Refused),
    /// Leadership is being handed over to this node.
    Begun(NodeId),
}

/// Who waits for an outcome.
#[derive(Debug)]
pub(super) enum Waiter {
    /// A request of this node.
    Local(oneshot::Sender<Fate>),
    /// A request that another node forwarded.
    Remote {
        /// The node.
        to: NodeId,
        /// The incarnation of that node that asked.
        origin: u64,
        /// The number it gave the request.
        number: u64,
    },
}

impl Waiter {
    /// Whether nobody listens any more. A remote waiter is taken to listen.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self, Waiter::Local(sender) if sender.is_closed())
    }
}

const DONE: u8 = 0;
const NOT_DONE: u8 = 1;
const UNKNOWN: u8 = 2;
const REFUSED: u8 = 3;
const BEGUN: u8 = 4;

impl Fate {
    /// The bytes for the wire.
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::new();
        match self {
            Fate::Done { at, outcome } => {
                out.push(DONE);
                out.extend_from_slice(&at.term.to_le_bytes());
                out.extend_from_slice(&at.index.to_le_bytes());
                out.extend_from_slice(&encode_outcome(outcome));
            }
            Fate::NotDone(reason) => {
                out.push(NOT_DONE);
                out.extend_from_slice(reason.as_bytes());
            }
            Fate::Unknown(reason) => {
                out.push(UNKNOWN);
                out.extend_from_slice(reason.as_bytes());
            }
            Fate::Refused(refused) => {
                out.push(REFUSED);
                refused.encode(&mut out);
            }
            Fate::Begun(node) => {
                out.push(BEGUN);
                out.extend_from_slice(&node.0.to_le_bytes());
            }
        }
        out.into()
    }

    /// Reads the bytes back.
    pub(super) fn decode(input: Bytes) -> Result<Fate, DecodeError> {
        let mut decoder = Decoder::new(input);
        let tag = decoder.u8("the kind of a fate")?;
        let fate = match tag {
            DONE => return done(decoder),
            NOT_DONE => Fate::NotDone(reason(&mut decoder)?),
            UNKNOWN => Fate::Unknown(reason(&mut decoder)?),
            REFUSED => Fate::Refused(Refused::decode(&mut decoder)?),
            BEGUN => Fate::Begun(NodeId(decoder.u64("a node")?)),
            _ => return Err(decoder.error("an unknown kind of fate")),
        };
        decoder.finish()?;
        Ok(fate)
    }
}

fn done(mut decoder: Decoder) -> Result<Fate, DecodeError> {
    let term = decoder.u64("a term")?;
    let at = LogPosition {
        term,
        index: decoder.u64("an index")?,
    };
    let rest = decoder.take(decoder.remaining(), "an outcome")?;
    let outcome = decode_outcome(rest)?;
    Ok(Fate::Done { at, outcome })
}

fn reason(decoder: &mut Decoder) -> Result<String, DecodeError> {
    let text = decoder.take(decoder.remaining(), "a reason")?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{machine::Reply, node::Why};

    #[test]
    fn every_fate_survives_the_wire() {
        let at = LogPosition { term: 3, index: 7 };
        let reply = Reply {
            revision: 9,
            succeeded: true,
            results: Vec::new(),
        };
        for fate in [
            Fate::Done {
                at,
                outcome: Ok(reply),
            },
            Fate::NotDone("why".into()),
            Fate::Unknown(String::new()),
            Fate::Refused(Refused::new(Why::NotReady, "it lags")),
            Fate::Begun(NodeId(7)),
        ] {
            assert_eq!(Fate::decode(fate.encode()), Ok(fate));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail_cleanly(input: Vec<u8>) {
            let _ = Fate::decode(input.into());
        }
    }
}
